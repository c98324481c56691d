"""Delivery reports (DLR): states of a message and their order; codes are in the importers.

A report names its message by an id of the carrier. Sources spell these ids differently; the
importer of a source normalises them. Reports arrive in any order, repeatedly, or before their
message: the resulting status does not depend on that.
"""

from __future__ import annotations

from datetime import timedelta
from functools import lru_cache
from hashlib import blake2b
from typing import NamedTuple

from boxis_gateway.model import NewMessage, Status
from boxis_gateway.zones import from_utc_text, utc_text

MAX_DELAY = timedelta(days=30)  # from a message to its report
CLOCK_SKEW = timedelta(minutes=2)  # a report may be dated that much earlier than its message

_RANKS = {
    Status.PENDING: 0,
    Status.SENT: 1,
    Status.UNKNOWN: 2,
    Status.FAILED: 3,
    Status.DELIVERED: 3,
    Status.REFUSED: 4,
}


class DeliveryReport(NamedTuple):
    """New status of a message since `changed_at`, a UTC text. It applies to the newest earlier
    message with one of the `references`; a carrier that spells its ids in two ways has two."""

    references: tuple[int, ...]
    status: Status
    changed_at: str


def reference_hash(carrier_id: str) -> int:
    """Signed 64-bit hash of the carrier's id of a message."""
    digest = blake2b(carrier_id.encode(), digest_size=8, person=b"reference").digest()
    return int.from_bytes(digest, "big", signed=True)


def message_window(changed_at: str) -> tuple[str, str]:
    """Earliest and latest time at which the message of a report may have been sent."""
    return _message_window(changed_at[:16])


@lru_cache(maxsize=1024)
def _message_window(minute: str) -> tuple[str, str]:
    at = from_utc_text(minute)
    return utc_text(at - MAX_DELAY), utc_text(at + CLOCK_SKEW)


def is_about(report: DeliveryReport, sent_at: str) -> bool:
    """True if a message with a matching reference, sent at that time, can be the report's."""
    first, last = message_window(report.changed_at)
    return first <= sent_at <= last


def apply_report(message: NewMessage, report: DeliveryReport) -> NewMessage:
    """Return the message with the report applied."""
    old = message.status, message.status_changed_at
    status, changed_at = later_state(old, (report.status, report.changed_at))
    return message._replace(status=status, status_changed_at=changed_at)


def later_state(
    old: tuple[Status, str | None], new: tuple[Status, str | None]
) -> tuple[Status, str | None]:
    """Return the later of two states of a message, each a status with its time.

    A final status follows any other. Of two final ones the later time wins (the last segment of
    a long message decides), at equal times the delivery. A refusal is never undone; refusing
    a message that was sent means that it failed."""
    if new[0] is Status.REFUSED and old[0] not in (Status.PENDING, Status.REFUSED):
        new = (Status.FAILED, new[1])
    return max(old, new, key=_rank)


def _rank(state: tuple[Status, str | None]) -> tuple[int, str, bool]:
    status, at = state
    return _RANKS[status], at or "", status is Status.DELIVERED
