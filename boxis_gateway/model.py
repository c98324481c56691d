"""Data classes that the APIs, the importers and the store share; no I/O.

A submission is one request: a text, a sender, one or more recipients. A message is one recipient of
a submission. An account is a user of the form API and belongs to a customer. A UTC text is a stored
time, `yyyy-mm-dd hh:mm:ss[.mmm]` (zones.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from boxis_gateway.levels import Level, State

MAX_USERNAME_LENGTH = 254  # characters of an e-mail address (RFC 5321, 4.5.3.1.3)


class Kind(StrEnum):
    """Type of a submission, `type` on the wire (protocol page, section 11). A scheduled message
    keeps it after it is sent."""

    SENT = "sent"
    SCHEDULED = "scheduled"


class Status(StrEnum):
    """Delivery status of a message."""

    PENDING = "pending"  # waits for its scheduled time or for the carrier
    SENT = "sent"  # accepted by the SMSC
    DELIVERED = "delivered"  # received by the phone
    FAILED = "failed"  # accepted by the SMSC, not delivered
    REFUSED = "refused"  # not accepted: absent from the form API's history, costs no credits
    UNKNOWN = "unknown"  # accepted by the SMSC; no further report will come


@dataclass(frozen=True)
class Customer:
    """Owner of accounts, employees and messages, of a reseller if `parent_reseller_id` is set."""

    id: str
    name: str
    parent_reseller_id: str | None = None


@dataclass(frozen=True)
class Employee:
    """User of the REST API."""

    id: str
    customer_id: str
    name: str
    username: str
    password_hash: str | None = field(repr=False)
    level: Level
    state: State


@dataclass(frozen=True)
class Session:
    """Accepted REST token with its employee. `expires_at` is None if it does not expire."""

    digest: str = field(repr=False)
    employee: Employee
    address: str | None
    expires_at: str | None


class TokenFacts(NamedTuple):
    """Token as its operator sees it: `id` is the beginning of its digest; times are UTC texts,
    `expires_at` None if it does not expire."""

    id: str
    machine: bool
    created_at: str
    expires_at: str | None
    address: str | None


@dataclass(frozen=True)
class Account:
    """User of the form API. `sealed_key` is the encrypted user key (store.user_keys decrypts it);
    `options` override settings of the server (read by settings.for_account)."""

    id: int
    username: str
    sealed_key: str = field(repr=False)
    enabled: bool = True
    options: Mapping[str, str] = field(default_factory=dict)


class Prices(NamedTuple):
    """Prices of a submission in millionths of the operator's currency, exact when summed; None if
    unknown. `invoiced_at` is a UTC text."""

    invoiced_at: str | None = None
    price: int | None = None
    whole_sale: int | None = None
    cost: int | None = None


class SubmissionFacts(NamedTuple):
    """Submission that an imported message belongs to, as its source describes it.

    Messages with the same `wire_id`, the id that clients know, are recipients of one submission.
    Times are UTC texts. `exported_id` is its id in the store that exported it, if that differs from
    `wire_id`; it orders submissions of equal creation time."""

    wire_id: str
    created_at: str
    scheduled_at: str | None = None
    flash: bool = False
    fast: bool = False
    group_id: str | None = None
    exported_id: int | None = None


class NewMessage(NamedTuple):
    """Message to store: one recipient and its text.

    `sent_at` and `status_changed_at` are UTC texts; a pending message has its scheduled time in
    `sent_at`. `wire_id` is the id that clients know, if it has one. `reference` tells it from equal
    messages of the source (an id of the SMSC). `reported_as` is the hash of the id by which
    delivery reports name it (sms/dlr.py). Without `submission` it becomes a submission of its own.
    `exported_id`, only set with `submission`, is its id in the store that exported it; without
    a `wire_id` clients know it by that."""

    recipient: str
    sender: str
    sent_at: str
    text: str | None = None
    parts: int = 1
    credit_thousandths: int = 1000
    kind: Kind = Kind.SENT
    status: Status = Status.SENT
    status_changed_at: str | None = None
    wire_id: str | None = None
    reference: str = ""
    prices: Prices | None = None
    reported_as: int | None = None
    submission: SubmissionFacts | None = None
    exported_id: int | None = None


def credit_text(thousandths: int) -> str:
    """Credits as a decimal number without trailing zeros, `1` or `1.5` (protocol page, 11)."""
    whole, rest = divmod(thousandths, 1000)
    return f"{whole}.{rest:03d}".rstrip("0") if rest else str(whole)


def money_text(millionths: int) -> str:
    """Money as a decimal number without trailing zeros."""
    whole, rest = divmod(millionths, 1_000_000)
    return f"{whole}.{rest:06d}".rstrip("0") if rest else str(whole)
