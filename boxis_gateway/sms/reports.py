"""Delivery reports (DLR): what they say of a message, and which message they are about.

A report names its message by an id of the carrier's, which a source spells in its own way; the
importer of the source makes one spelling of it. Reports come in any order, twice, or before their
message: what a message becomes by them does not depend on that.
"""

from __future__ import annotations

from datetime import timedelta
from functools import lru_cache
from hashlib import blake2b
from typing import NamedTuple

from boxis_gateway.model import NewMessage, Status
from boxis_gateway.zones import from_utc_text, utc_text

LONGEST_WAY = timedelta(days=30)  # from a message to its report
CLOCKS_APART = timedelta(minutes=2)  # a report may seem to be that much earlier than its message

_RANKS = {
    Status.PENDING: 0,
    Status.SENT: 1,
    Status.UNKNOWN: 2,
    Status.FAILED: 3,
    Status.DELIVERED: 3,
    Status.REFUSED: 4,
}


class Report(NamedTuple):
    """A message has come to `status` at `changed_at`, a text of the store. It is the newest before
    that time that is known by one of the `references`; there are more than one if the carrier
    spells its ids in two ways."""

    references: tuple[int, ...]
    status: Status
    changed_at: str


def reference_of(carrier_id: str) -> int:
    """64 bits, signed, that stand for what a carrier calls a message."""
    digest = blake2b(carrier_id.encode(), digest_size=8, person=b"reference").digest()
    return int.from_bytes(digest, "big", signed=True)


def span(changed_at: str) -> tuple[str, str]:
    """When the message of a report was sent, at the earliest and at the latest."""
    return _span(changed_at[:16])


@lru_cache(maxsize=1024)
def _span(minute: str) -> tuple[str, str]:
    at = from_utc_text(minute)
    return utc_text(at - LONGEST_WAY), utc_text(at + CLOCKS_APART)


def is_about(report: Report, sent_at: str) -> bool:
    """Whether a message of that time, which one of the references names, may be the report's."""
    first, last = span(report.changed_at)
    return first <= sent_at <= last


def changed(message: NewMessage, report: Report) -> NewMessage:
    """The message as it is after the report."""
    old = message.status, message.status_changed_at
    status, changed_at = later(old, (report.status, report.changed_at))
    return message._replace(status=status, status_changed_at=changed_at)


def later(
    old: tuple[Status, str | None], new: tuple[Status, str | None]
) -> tuple[Status, str | None]:
    """Which of two states of a message, each with its time, is the later one.

    What is final comes after what is not; of two final ones the one with the later time (the last
    part of a long message decides), at equal times the delivery. Refused is refused for good; and a
    message that was sent is not refused any more, but failed."""
    if new[0] is Status.REFUSED and old[0] not in (Status.PENDING, Status.REFUSED):
        new = (Status.FAILED, new[1])
    return max(old, new, key=_place)


def _place(state: tuple[Status, str | None]) -> tuple[int, str, bool]:
    status, at = state
    return _RANKS[status], at or "", status is Status.DELIVERED
