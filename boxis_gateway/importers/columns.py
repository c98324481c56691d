"""Named columns -> message: what the table formats (csv, jsonl) have in common."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TypeVar

from boxis_gateway.importers.dates import to_instant
from boxis_gateway.importers.lines import Unusable
from boxis_gateway.model import Kind, NewMessage, Status
from boxis_gateway.settings import bounded
from boxis_gateway.sms.numbers import to_recipient
from boxis_gateway.sms.segments import count_parts
from boxis_gateway.zones import Zone

REQUIRED = ("recipient", "sender", "date")
OPTIONAL = ("text", "parts", "credit", "type", "sms_id", "status", "status_date")
COLUMNS = (*REQUIRED, *OPTIONAL)
MOST_PARTS = 255  # of a concatenated message (3GPP TS 23.040, 9.2.3.24.1)
NUMBERS_KEPT = 1024  # texts of numbers that were read

T = TypeVar("T")
_CREDIT = re.compile(r"(\d{1,6})(?:\.(\d{1,3})0*)?", re.ASCII)
_KINDS = {kind.value: kind for kind in Kind}
_STATUSES = {status.value: status for status in Status}


def to_message(columns: Mapping[str, str], zone: Zone) -> NewMessage:
    """The message that a line's columns describe. Blank columns count as missing.

    Raises Unusable."""
    return message_of([columns.get(name) for name in COLUMNS], zone)


def message_of(cells: Sequence[str | None], zone: Zone) -> NewMessage:
    """As `to_message`, of a cell for each of COLUMNS, in their order."""
    recipient, sender, date, text, digits, credit, kind, wire_id, status, changed_at = cells
    parts = _parts(digits) if digits else count_parts(text) if text else 1
    return NewMessage(  # by place, which is quicker than by name
        _recipient(_needed("recipient", recipient)),
        _short_text("sender", _needed("sender", sender)),
        to_instant("date", _needed("date", date), zone),
        text or None,
        parts,
        _thousandths(credit) if credit else parts * 1000,  # if not told, one credit per part
        _word("type", kind, _KINDS) if kind else Kind.SENT,
        _word("status", status, _STATUSES) if status else Status.SENT,
        to_instant("status_date", changed_at, zone) if changed_at else None,
        _short_text("sms_id", wire_id) if wire_id else None,
    )


def _needed(name: str, value: str | None) -> str:
    if not value:
        raise Unusable(f"{name} is missing")
    return value


def _recipient(number: str) -> str:
    recipient = to_recipient(number.strip())
    if recipient is None:
        raise Unusable("recipient is not a phone number")
    return recipient


def _short_text(name: str, value: str) -> str:
    if len(value) > 64:
        raise Unusable(f"{name} is longer than 64 characters")
    return value


@lru_cache(maxsize=NUMBERS_KEPT)
def _parts(digits: str) -> int:
    parts = bounded(digits, 1, MOST_PARTS)
    if parts is None:
        raise Unusable(f"parts is not a number from 1 to {MOST_PARTS}")
    return parts


@lru_cache(maxsize=NUMBERS_KEPT)
def _thousandths(credit: str) -> int:
    match = _CREDIT.fullmatch(credit)
    if not match:
        raise Unusable("credit is not a number such as 1 or 1.5, with at most three decimals")
    return int(match[1]) * 1000 + int((match[2] or "0").ljust(3, "0"))


def _word(name: str, value: str, words: Mapping[str, T]) -> T:
    word = words.get(value) or words.get(value.strip().lower())
    if word is None:
        raise Unusable(f"{name} is not one of {', '.join(words)}")
    return word
