"""`jsonl`: one JSON object a line, in UTF-8, with null for missing values.

Amounts are exact decimal numbers; ids are strings, since most programs round numbers of 19 digits.
Lines are joined from columns already encoded: encoding whole objects takes three times as long.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from json.encoder import encode_basestring

from boxis_gateway.export_columns import EXPORT_COLUMNS, ColumnKind
from boxis_gateway.exporters.columns import Conversion, RowBatches, cached, convert, iso_times
from boxis_gateway.model import credit_text, money_text

NAME = "jsonl"
CONTENT_TYPE = "application/x-ndjson"
IS_TEXT = True
LINE = "{" + ",".join(f'"{name}":%s' for name in EXPORT_COLUMNS) + "}\n"
WORDS = {0: "false", 1: "true"}


def _texts(column: Iterable[str | None]) -> list[str]:
    return ["null" if text is None else encode_basestring(text) for text in column]


_CONVERSIONS: Mapping[ColumnKind, Conversion] = {
    ColumnKind.TEXT: _texts,
    ColumnKind.WORD: cached(encode_basestring),
    ColumnKind.INSTANT: lambda column: _texts(iso_times(column)),
    ColumnKind.CREDIT: cached(credit_text),
    ColumnKind.MONEY: cached(lambda number: "null" if number is None else money_text(number)),
    ColumnKind.FLAG: cached(WORDS.__getitem__),
}


def encode(batches: RowBatches) -> Iterator[bytes]:
    """Encode as `Exporter` describes."""
    for rows in batches:
        yield "".join(map(LINE.__mod__, zip(*convert(rows, _CONVERSIONS), strict=True))).encode()
