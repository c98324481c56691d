"""Files of messages that one store writes and another one reads: their columns, and what guards a
cell against spreadsheets."""

from __future__ import annotations

import re
from enum import Enum, auto


class ColumnKind(Enum):
    """What a column holds, as the store has it."""

    TEXT = auto()  # of people: anything
    WORD = auto()  # one of ours
    INSTANT = auto()  # a text of the store (zones.py)
    COUNT = auto()
    CREDIT = auto()  # thousandths
    MONEY = auto()  # millionths
    FLAG = auto()


EXPORTED = {
    "account": ColumnKind.TEXT,
    "sms_id": ColumnKind.TEXT,
    "submission_id": ColumnKind.TEXT,
    "sender": ColumnKind.TEXT,
    "recipient": ColumnKind.TEXT,
    "date": ColumnKind.INSTANT,
    "text": ColumnKind.TEXT,
    "parts": ColumnKind.COUNT,
    "credit": ColumnKind.CREDIT,
    "type": ColumnKind.WORD,
    "status": ColumnKind.WORD,
    "status_date": ColumnKind.INSTANT,
    "created_at": ColumnKind.INSTANT,
    "scheduled_at": ColumnKind.INSTANT,
    "flash": ColumnKind.FLAG,
    "fast": ColumnKind.FLAG,
    "group_id": ColumnKind.TEXT,
    "invoiced_at": ColumnKind.INSTANT,
    "price": ColumnKind.MONEY,
    "whole_sale": ColumnKind.MONEY,
    "cost": ColumnKind.MONEY,
    "message_place": ColumnKind.TEXT,
    "submission_place": ColumnKind.TEXT,
}
"""The columns of an export, in their order. A row is a message, a recipient of a submission. The
places are our own ids, told where `sms_id` or `submission_id` are those of another system: they
keep the order among equal times."""

GUARD = "'"
_TAKEN_OTHERWISE = re.compile(
    r"[\s\x00-\x1f\u200b-\u200f\ufeff]*[=+\-@＝＋－＠]"  # for a formula
    r"|['\t\r\n]"  # for our guard, or for the beginning of another cell
    r"|(?!(?:0|[1-9][0-9]{0,10})\Z)[0-9][0-9.,:/\-eE% ]*\Z"  # for a number: 1.2E+11
)


def guarded(text: str | None) -> str:
    """A cell of a CSV that a spreadsheet shows as that text: with a `'` before it if it could be
    taken for a formula (OWASP, CSV injection), or for a number that loses digits. None is blank, an
    empty text is a `'` alone.

    >>> guarded("=1+1"), guarded("+48514151563"), guarded("two"), guarded("12345678901234567890")
    ("'=1+1", "'+48514151563", 'two', "'12345678901234567890")
    """
    if text is None:
        return ""
    if text[:1].isalpha():  # as most begin: a look that is quick
        return text
    return GUARD + text if not text or _TAKEN_OTHERWISE.match(text) else text


def unguarded(cell: str) -> str | None:
    """What `guarded` made the cell of."""
    return cell.removeprefix(GUARD) if cell else None
