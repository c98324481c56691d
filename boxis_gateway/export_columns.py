"""Columns of exported message files, and escaping of CSV cells."""

from __future__ import annotations

import re
from enum import Enum, auto


class ColumnKind(Enum):
    """Type of the values in a column, as stored."""

    TEXT = auto()  # free text
    WORD = auto()  # a constant of this program
    INSTANT = auto()  # UTC text (zones.py)
    COUNT = auto()
    CREDIT = auto()  # thousandths
    MONEY = auto()  # millionths
    FLAG = auto()


EXPORT_COLUMNS = {
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
"""Columns of an export, in order. A row is a message, one recipient of a submission.
`message_place` and `submission_place` are our own ids, given where `sms_id` or `submission_id` come
from another system: they order rows of equal times."""

GUARD = "'"
_SEPARATORS = re.compile(r"[;\t\r\n]")
_NEEDS_GUARD = re.compile(
    r"[\s\x00-\x1f\u200b-\u200f\ufeff]*[=+\-@＝＋－＠]"  # taken for a formula
    r"|['\t\r\n]"  # taken for GUARD, or for the start of another cell
    r"|(?!(?:0|[1-9][0-9]{0,10})\Z)[0-9][0-9.,:/\-eE% ]*\Z"  # taken for a number: 1.2E+11
)


_FORMULA = "=+\\-@＝＋－＠"
_SEPARATED = re.compile(rf"([;\t\r\n][\s\"]*)(?=[{_FORMULA}'])")
_GUARDED = re.compile(rf"([;\t\r\n][\s\"]*)'(?=[{_FORMULA}'])")
"""A formula, or GUARD, behind what a spreadsheet may take for the end of the cell before."""


def escape_cell(text: str | None) -> str:
    """CSV cell that a spreadsheet shows as the text: prefixed with `'` if it looks like a formula
    (OWASP, CSV injection) or a number that would be rounded. None is blank, "" a `'` alone. What
    looks like a formula behind `;`, a tab or a line end is prefixed, too: many spreadsheets divide
    cells there, whatever the file says.

    >>> escape_cell("=1+1"), escape_cell("two"), escape_cell("12345678901234567890")
    ("'=1+1", 'two', "'12345678901234567890")
    """
    if text is None:
        return ""
    if text[:1].isalpha() and not _SEPARATORS.search(text):  # most texts: a quick check
        return text
    text = _SEPARATED.sub(rf"\1{GUARD}", text)
    return GUARD + text if not text or _NEEDS_GUARD.match(text) else text


def unescape_cell(cell: str) -> str | None:
    """Text of a cell written by `escape_cell`."""
    if not cell:
        return None
    return _GUARDED.sub(r"\1", cell.removeprefix(GUARD))
