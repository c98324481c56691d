"""`jsonl`: one JSON object a line, in UTF-8, null for what is not there.

Amounts are numbers that read exactly what the store has; ids are texts, since most programs keep
numbers of 19 digits only nearly.
"""

from __future__ import annotations

from collections.abc import Iterator
from json import JSONEncoder

from boxis_gateway.exporters.columns import Batches, each, in_rows, iso, shown
from boxis_gateway.message_files import EXPORTED, ColumnKind

NAME = "jsonl"
CONTENT_TYPE = "application/x-ndjson"
IS_TEXT = True

_ENCODE = JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def _amount(number: int | None, one: int) -> int | float | None:
    """Of so many parts of one. A float tells 15 digits exactly, and the store has no more."""
    if number is None:
        return None
    whole, rest = divmod(number, one)
    return number / one if rest else whole


_SHOWS = {
    ColumnKind.INSTANT: iso,
    ColumnKind.CREDIT: each(lambda thousandths: _amount(thousandths, 1000)),
    ColumnKind.MONEY: each(lambda millionths: _amount(millionths, 1_000_000)),
    ColumnKind.FLAG: each(bool),
}


def written(batches: Batches) -> Iterator[bytes]:
    """See exporters/__init__.py."""
    for rows in batches:
        lines = (
            _ENCODE(dict(zip(EXPORTED, row, strict=True))) for row in in_rows(shown(rows, _SHOWS))
        )
        yield "".join(f"{line}\n" for line in lines).encode()
