"""`csv`: a table with a header, in UTF-8; cells divided by comma, semicolon or tab."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from operator import itemgetter

from boxis_gateway.errors import ImportFailed
from boxis_gateway.importers.columns import COLUMNS, REQUIRED, column_name, message_of
from boxis_gateway.importers.csv_records import records, split_header
from boxis_gateway.importers.lines import BadLine, GoodLine, Line, ReadOptions, Unusable
from boxis_gateway.importers.source import Source

NAME = "csv"
ACCOUNT_FIELDS = ()
URL_SCHEMES = ()
LOCAL_TIMES = False


def matches(head: bytes) -> bool:
    """A first line that names the required columns."""
    first = head.split(b"\n", 1)[0].decode("utf-8-sig", "replace")
    return set(REQUIRED) <= set(_header(first)[1])


def read(source: Source, options: ReadOptions) -> Iterator[Line]:
    """See importers/__init__.py."""
    lines = source.lines()
    delimiter, names = _header(next(lines, b"").decode("utf-8-sig", "replace"))
    missing = [name for name in REQUIRED if name not in names]
    if missing:
        raise ImportFailed(f"The CSV has no column {', '.join(missing)} in its first line.")
    doubled = [name for name in COLUMNS if names.count(name) > 1]
    if doubled:
        raise ImportFailed(f"The CSV has the column {', '.join(doubled)} twice.")
    pick = itemgetter(*(names.index(name) if name in names else -1 for name in COLUMNS))
    for number, cells in records(lines, delimiter, len(names)):
        if isinstance(cells, str):
            yield BadLine(number, cells)
        elif len(cells) == len(names):
            cells.append("")  # which stands for the columns that are not there
            yield _line(number, pick(cells), options)
        elif cells:
            yield BadLine(number, f"{len(cells)} cells where the header has {len(names)}")


def _header(line: str) -> tuple[str, list[str]]:
    """The delimiter, and the names of the columns."""
    delimiter, names = split_header(line)
    return delimiter, [column_name(name) for name in names]


def _line(number: int, cells: Sequence[str], options: ReadOptions) -> Line:
    try:
        return GoodLine(number, message_of(cells, options.zone))
    except Unusable as problem:
        return BadLine(number, str(problem))
