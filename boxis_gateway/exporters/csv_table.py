"""`csv`: a table for spreadsheets, which importers/csv_table.py reads back as it was.

UTF-8 with the mark that Excel knows it by, lines that end with CR LF, texts that no spreadsheet
takes for formulas or numbers (message_files.py).
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from io import StringIO

from boxis_gateway.exporters.columns import Batches, Show, each, in_rows, iso, shown
from boxis_gateway.message_files import EXPORTED, ColumnKind, guarded
from boxis_gateway.model import credit_text, money_text

NAME = "csv"
CONTENT_TYPE = "text/csv; charset=utf-8; header=present"
IS_TEXT = True
MARK = b"\xef\xbb\xbf"
WORDS = {0: "false", 1: "true"}

_SHOWS: Mapping[ColumnKind, Show] = {
    ColumnKind.TEXT: lambda column: [guarded(text) for text in column],
    ColumnKind.INSTANT: iso,
    ColumnKind.CREDIT: each(credit_text),
    ColumnKind.MONEY: each(
        lambda millionths: None if millionths is None else money_text(millionths)
    ),
    ColumnKind.FLAG: each(WORDS.__getitem__),
}


def written(batches: Batches) -> Iterator[bytes]:
    """See exporters/__init__.py."""
    yield MARK + _lines([list(EXPORTED)])
    for rows in batches:
        yield _lines(in_rows(shown(rows, _SHOWS)))


def _lines(rows: Iterator[tuple[object, ...]] | list[list[str]]) -> bytes:
    lines = StringIO(newline="")
    csv.writer(lines).writerows(rows)  # whose lines end with CR LF
    return lines.getvalue().encode()
