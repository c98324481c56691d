"""The nouns, without I/O: what the doors, the importers and the store tell each other.

A submission is one request: a text, a sender, maybe many recipients. A message is one recipient of
a submission. An account asks at the form door and belongs to a customer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from boxis_gateway.levels import Level, State


class Kind(StrEnum):
    """How a message was submitted: the wire's `type` (protocol page, section 11). It does not
    change when a scheduled message goes out."""

    SENT = "sent"
    SCHEDULED = "scheduled"


class Status(StrEnum):
    """What has become of a message."""

    PENDING = "pending"  # waits for its time or for the carrier
    SENT = "sent"  # the SMSC took it
    DELIVERED = "delivered"  # the phone has it
    FAILED = "failed"  # taken by the SMSC, never delivered
    REFUSED = "refused"  # never taken: no row in the form door's history, no credits
    UNKNOWN = "unknown"  # taken, and nobody will say more


@dataclass(frozen=True)
class Customer:
    """Who owns accounts, employees and messages; of a reseller, if `parent_reseller_id` says so."""

    id: str
    name: str
    parent_reseller_id: str | None = None


@dataclass(frozen=True)
class Employee:
    """Who logs in at the REST door."""

    id: str
    customer_id: str
    name: str
    username: str
    password_hash: str | None = field(repr=False)
    level: Level
    state: State


@dataclass(frozen=True)
class Session:
    """A token that was accepted, and whose it is. `expires_at` is None if it stays."""

    digest: str = field(repr=False)
    employee: Employee
    address: str | None
    expires_at: str | None


@dataclass(frozen=True)
class Account:
    """Who asks at the form door. `sealed_key` is the user key, encrypted (store.user_keys has it in
    the clear); `options` are the texts of what differs from the server's settings
    (settings.for_account reads them)."""

    id: int
    username: str
    sealed_key: str = field(repr=False)
    enabled: bool = True
    options: Mapping[str, str] = field(default_factory=dict)


class Prices(NamedTuple):
    """What a submission costs whom, in millionths of the operator's currency, so that sums are
    exact; None if nobody said. `invoiced_at` is a text of the store (see zones.py)."""

    invoiced_at: str | None = None
    price: int | None = None
    whole_sale: int | None = None
    cost: int | None = None


class SubmissionFacts(NamedTuple):
    """What a source tells of the submission that a message belongs to. Messages with the same
    `wire_id`, the id that clients know, are recipients of one submission. Times are texts of the
    store. `place` is what the store that they come from knew it by, where that is another id: it
    decides the order among those that were created at the same time."""

    wire_id: str
    created_at: str
    scheduled_at: str | None = None
    flash: bool = False
    fast: bool = False
    group_id: str | None = None
    place: int | None = None


class NewMessage(NamedTuple):
    """A message on its way into the store, one recipient and its text.

    `sent_at` and `status_changed_at` are texts of the store (see zones.py); `sent_at` of a message
    that waits is when it is to be sent. Credits are whole thousandths, so that sums are exact.
    `wire_id` is the id under which the message is known to clients, if it has one already.
    `reference` is whatever else tells this message from its like in the source (an SMSC's id).
    `reported_as` is what delivery reports call it, as a number (sms/reports.py), if they do.
    `submission` is given where a source knows of submissions; else each message is its own.
    `place` is for the message what it is for SubmissionFacts, and comes with them alone; without
    a `wire_id` it is the id under which the message is known to clients."""

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
    place: int | None = None


def credit_text(thousandths: int) -> str:
    """Credits as they are shown: whole ones as an integer, others as `1.5` (protocol page, 11)."""
    whole, rest = divmod(thousandths, 1000)
    return f"{whole}.{rest:03d}".rstrip("0") if rest else str(whole)


def money_text(millionths: int) -> str:
    """Money in the same way."""
    whole, rest = divmod(millionths, 1_000_000)
    return f"{whole}.{rest:06d}".rstrip("0") if rest else str(whole)
