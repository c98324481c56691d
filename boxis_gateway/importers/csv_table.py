"""`csv`: a table with a header, in UTF-8; comma, semicolon or tab."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from operator import itemgetter

from boxis_gateway.errors import ImportFailed
from boxis_gateway.export_columns import EXPORT_COLUMNS, ColumnKind, unescape_cell
from boxis_gateway.importers.reading.columns import (
    ACCOUNT,
    ALL_COLUMNS,
    COLUMNS,
    REQUIRED,
    STORED,
    column_name,
    from_all_columns,
    from_columns,
    from_export,
)
from boxis_gateway.importers.reading.csv_records import parse_header, read_records
from boxis_gateway.importers.reading.lines import BadLine, GoodLine, Line, LineError, ReadOptions
from boxis_gateway.importers.reading.source import Source
from boxis_gateway.model import NewMessage
from boxis_gateway.zones import Zone

NAME = "csv"
ACCOUNT_FIELDS = (ACCOUNT,)
URL_SCHEMES = ()
LOCAL_TIMES = False
SENDER = COLUMNS.index("sender")


def matches(head: bytes) -> bool:
    """Return True if the first line names the required columns."""
    return set(REQUIRED) <= set(_header(head.split(b"\n", 1)[0])[1])


def read(source: Source, options: ReadOptions) -> Iterator[Line]:
    """Yield the lines, see Importer.read."""
    lines = source.lines()
    delimiter, names = _header(next(lines, b""))
    optional = {"sender"} if options.sender else set()
    if missing := [name for name in REQUIRED if name not in {*names, *optional}]:
        raise ImportFailed(f"The CSV header has no column {', '.join(missing)}.")
    table = _Table(names, options)
    if repeated := [name for name in table.columns if names.count(name) > 1]:
        raise ImportFailed(f"The CSV header has the column {', '.join(repeated)} twice.")
    records = read_records(lines, delimiter, len(names), is_export=table.is_export)
    for number, cells in records:
        yield BadLine(number, cells) if isinstance(cells, str) else table.line(number, cells)


class _Table:
    """Reader of the records of a table with these columns."""

    def __init__(self, names: Sequence[str], options: ReadOptions) -> None:
        self.is_export = set(EXPORT_COLUMNS) <= set(names)
        has_stored = not set(STORED).isdisjoint(names)
        self.columns = ALL_COLUMNS if has_stored else COLUMNS
        self._pick = itemgetter(
            *(names.index(name) if name in names else -1 for name in self.columns)
        )
        self._to_message = (
            _exported_message if self.is_export else _stored_message if has_stored else from_columns
        )
        by_account = options.account_field is not None and ACCOUNT in names
        self._account = names.index(ACCOUNT) if by_account else -1
        self._zone = options.zone
        self._sender = options.sender

    def line(self, number: int, cells: list[str]) -> Line:
        """Convert a record."""
        cells.append("")  # value of missing columns
        try:
            picked = self._pick(cells)
            if self._sender and not picked[SENDER]:
                picked = (*picked[:SENDER], self._sender, *picked[SENDER + 1 :])
            message = self._to_message(picked, self._zone)
        except LineError as problem:
            return BadLine(number, str(problem))
        key = cells[self._account]
        return GoodLine(number, message, unescape_cell(key) or "" if self.is_export else key)


def _header(line: bytes) -> tuple[str, list[str]]:
    """Return the delimiter and the normalised column names."""
    delimiter, names = parse_header(line)
    return delimiter, [column_name(name) for name in names]


def _stored_message(cells: Sequence[str], zone: Zone) -> NewMessage:
    return from_all_columns([cell or None for cell in cells], zone)


def _exported_message(cells: Sequence[str], zone: Zone) -> NewMessage:
    bare = [
        unescape_cell(cell) if EXPORT_COLUMNS[name] is ColumnKind.TEXT else cell or None
        for name, cell in zip(ALL_COLUMNS, cells, strict=True)
    ]
    return from_export(bare, zone)
