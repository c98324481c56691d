"""Named columns -> message: what the table formats (csv, jsonl) have in common."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TypeVar

from boxis_gateway.model import Kind, NewMessage, Status
from boxis_gateway.settings import bounded
from boxis_gateway.sms.numbers import to_recipient
from boxis_gateway.sms.segments import count_parts
from boxis_gateway.zones import Zone, utc_text

REQUIRED = ("recipient", "sender", "date")
OPTIONAL = ("text", "parts", "credit", "type", "sms_id", "status", "status_date")
MOST_PARTS = 255  # of a concatenated message (3GPP TS 23.040, 9.2.3.24.1)
YEARS = range(1970, 2262)  # what a 64-bit id made of the time can hold

T = TypeVar("T")
_CREDIT = re.compile(r"(\d{1,6})(?:\.(\d{1,3})0*)?", re.ASCII)
_KINDS = {kind.value: kind for kind in Kind}
_STATUSES = {status.value: status for status in Status}


class Unusable(ValueError):
    """A column that cannot be used; the text says why, without quoting it."""


def to_message(columns: Mapping[str, str], zone: Zone) -> NewMessage:
    """The message that a line's columns describe. Blank columns count as missing.

    Raises Unusable."""
    text = columns.get("text") or None
    parts = _parts(columns.get("parts"), text)
    status_date = columns.get("status_date")
    return NewMessage(
        recipient=_recipient(columns),
        sender=_short_text(columns, "sender"),
        sent_at=to_instant("date", _needed(columns, "date"), zone),
        text=text,
        parts=parts,
        credit_thousandths=_credit(columns.get("credit"), parts),
        kind=_word(columns, "type", _KINDS, Kind.SENT),
        status=_word(columns, "status", _STATUSES, Status.SENT),
        status_changed_at=to_instant("status_date", status_date, zone) if status_date else None,
        wire_id=_short_text(columns, "sms_id") if columns.get("sms_id") else None,
    )


def to_instant(name: str, date: str, zone: Zone, not_before: datetime | None = None) -> str:
    """The store's text of an ISO 8601 date and time; without an offset it is in the zone.

    Raises Unusable."""
    try:
        time = datetime.fromisoformat(date)
        if len(date) < len("yyyymmddThhmm"):
            raise ValueError("the time of day is missing")
        instant = zone.instant(time, not_before) if time.tzinfo is None else time.astimezone(UTC)
        if instant.year not in YEARS:
            raise ValueError(f"the year is not from {YEARS[0]} to {YEARS[-1]}")
        return utc_text(instant)
    except (ValueError, OverflowError) as problem:
        known = str(problem) if str(problem).startswith("the ") else "not a date"
        raise Unusable(f"{name}: {known}") from None


def _needed(columns: Mapping[str, str], name: str) -> str:
    value = columns.get(name)
    if not value:
        raise Unusable(f"{name} is missing")
    return value


def _recipient(columns: Mapping[str, str]) -> str:
    recipient = to_recipient(_needed(columns, "recipient").strip())
    if recipient is None:
        raise Unusable("recipient is not a phone number")
    return recipient


def _short_text(columns: Mapping[str, str], name: str) -> str:
    value = _needed(columns, name)
    if len(value) > 64:
        raise Unusable(f"{name} is longer than 64 characters")
    return value


def _parts(digits: str | None, text: str | None) -> int:
    if not digits:
        return count_parts(text) if text else 1
    parts = bounded(digits, 1, MOST_PARTS)
    if parts is None:
        raise Unusable(f"parts is not a number from 1 to {MOST_PARTS}")
    return parts


def _credit(credit: str | None, parts: int) -> int:
    """Thousandths; one credit per part where the source does not say."""
    if not credit:
        return parts * 1000
    match = _CREDIT.fullmatch(credit)
    if not match:
        raise Unusable("credit is not a number such as 1 or 1.5, with at most three decimals")
    return int(match[1]) * 1000 + int((match[2] or "0").ljust(3, "0"))


def _word(columns: Mapping[str, str], name: str, words: Mapping[str, T], default: T) -> T:
    value = columns.get(name)
    if not value:
        return default
    word = words.get(value.strip().lower())
    if word is None:
        raise Unusable(f"{name} is not one of {', '.join(words)}")
    return word
