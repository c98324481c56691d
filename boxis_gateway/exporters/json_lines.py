"""`jsonl`: one JSON object a line, in UTF-8, null for what is not there.

Amounts are numbers that read exactly what the store has; ids are texts, since most programs keep
numbers of 19 digits only nearly. A line is put together of columns that are JSON already: an
encoder of whole objects takes three times as long.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from json.encoder import encode_basestring

from boxis_gateway.exporters.columns import Batches, Show, each, in_rows, iso, shown
from boxis_gateway.message_files import EXPORTED, ColumnKind
from boxis_gateway.model import credit_text, money_text

NAME = "jsonl"
CONTENT_TYPE = "application/x-ndjson"
IS_TEXT = True
LINE = "{" + ",".join(f'"{name}":%s' for name in EXPORTED) + "}\n"
WORDS = {0: "false", 1: "true"}


def _texts(column: Iterable[str | None]) -> list[str]:
    return ["null" if text is None else encode_basestring(text) for text in column]


_SHOWS: Mapping[ColumnKind, Show] = {
    ColumnKind.TEXT: _texts,
    ColumnKind.WORD: each(encode_basestring),
    ColumnKind.INSTANT: lambda column: _texts(iso(column)),
    ColumnKind.CREDIT: each(credit_text),
    ColumnKind.MONEY: each(lambda number: "null" if number is None else money_text(number)),
    ColumnKind.FLAG: each(WORDS.__getitem__),
}


def written(batches: Batches) -> Iterator[bytes]:
    """See exporters/__init__.py."""
    for rows in batches:
        yield "".join(map(LINE.__mod__, in_rows(shown(rows, _SHOWS)))).encode()
