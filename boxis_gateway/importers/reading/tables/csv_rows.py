"""CSV dump of a table; its header names columns in any order and case."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from operator import itemgetter

from boxis_gateway.importers.reading.csv_records import parse_header, read_records, require_columns
from boxis_gateway.importers.reading.lines import BadLine
from boxis_gateway.importers.reading.source import Source
from boxis_gateway.importers.reading.tables.paging import TableRow

NULL = r"\N"  # as MySQL and PostgreSQL write it


def column_names(line: bytes) -> tuple[str, list[str]]:
    """Return the delimiter and the column names in lower case."""
    delimiter, names = parse_header(line)
    return delimiter, [name.strip().lower() for name in names]


def csv_rows(source: Source, columns: Sequence[str]) -> Iterator[TableRow | BadLine]:
    """Yield the rows in the order of the file. Raises ImportFailed if a column is missing."""
    lines = source.lines()
    delimiter, names = column_names(next(lines, b""))
    require_columns(names, columns)
    indexes = [names.index(column.lower()) for column in columns]
    pick = itemgetter(*indexes, -1)  # two at least, so that it returns a tuple
    for number, cells in read_records(lines, delimiter, len(names)):
        if isinstance(cells, str):
            yield BadLine(number, cells)
        else:
            yield TableRow(
                number, tuple(None if cell == NULL else cell for cell in pick(cells)[:-1])
            )
