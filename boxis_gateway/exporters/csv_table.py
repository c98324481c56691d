"""`csv`: a table for spreadsheets.

importers/csv_table.py reads it back unchanged. UTF-8 with the byte order mark that Excel needs, CR
LF line ends, and cells escaped against CSV injection (export_columns.py).
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from io import StringIO

from boxis_gateway.export_columns import EXPORT_COLUMNS, ColumnKind, escape_cell
from boxis_gateway.exporters.columns import Conversion, RowBatches, cached, convert, iso_times
from boxis_gateway.model import credit_text, money_text

NAME = "csv"
CONTENT_TYPE = "text/csv; charset=utf-8; header=present"
IS_TEXT = True
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
WORDS = {0: "false", 1: "true"}

_CONVERSIONS: Mapping[ColumnKind, Conversion] = {
    ColumnKind.TEXT: lambda column: [escape_cell(text) for text in column],
    ColumnKind.INSTANT: iso_times,
    ColumnKind.CREDIT: cached(credit_text),
    ColumnKind.MONEY: cached(
        lambda millionths: None if millionths is None else money_text(millionths)
    ),
    ColumnKind.FLAG: cached(WORDS.__getitem__),
}


def encode(batches: RowBatches) -> Iterator[bytes]:
    """Encode as `Exporter` describes."""
    yield BYTE_ORDER_MARK + _lines([list(EXPORT_COLUMNS)])
    for rows in batches:
        yield _lines(zip(*convert(rows, _CONVERSIONS), strict=True))


def _lines(rows: Iterator[tuple[object, ...]] | list[list[str]]) -> bytes:
    lines = StringIO(newline="")
    csv.writer(lines).writerows(rows)  # whose lines end with CR LF
    return lines.getvalue().encode()
