"""A table that was dumped as CSV: the first line names the columns, in any order and case."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from operator import itemgetter

from boxis_gateway.errors import ImportFailed
from boxis_gateway.importers.reading.csv_records import records, split_header
from boxis_gateway.importers.reading.lines import BadLine
from boxis_gateway.importers.reading.source import Source
from boxis_gateway.importers.reading.tables.paging import Row

NULL = r"\N"  # as MySQL and PostgreSQL write it; it is no more than a cell


def csv_header(line: bytes) -> tuple[str, list[str]]:
    """The delimiter, and the names of the columns in lower case."""
    delimiter, names = split_header(line.decode("utf-8-sig", "replace"))
    return delimiter, [name.strip().lower() for name in names]


def csv_rows(source: Source, columns: Sequence[str]) -> Iterator[Row | BadLine]:
    """The rows, in their order. Raises ImportFailed if a column is missing."""
    lines = source.lines()
    delimiter, names = csv_header(next(lines, b""))
    missing = [column for column in columns if names.count(column.lower()) != 1]
    if missing:
        raise ImportFailed(f"The first line of the CSV is to name {', '.join(missing)} once.")
    places = [names.index(column.lower()) for column in columns]
    pick = itemgetter(*places, -1)  # of several, so that it returns a tuple
    for number, cells in records(lines, delimiter, len(names)):
        if isinstance(cells, str):
            yield BadLine(number, cells)
        elif len(cells) == len(names):
            yield Row(number, tuple(None if cell == NULL else cell for cell in pick(cells)[:-1]))
        elif cells:
            yield BadLine(number, f"{len(cells)} cells where the header has {len(names)}")
