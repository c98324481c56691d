"""Tables of other programs. Read this file first, then paging.py.

A table is in a SQLite file, in PostgreSQL, MySQL or MariaDB, or in a CSV dump with a header. An
importer names the table, columns and key; this package reads them from any of these.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

from boxis_gateway.errors import ImportFailed
from boxis_gateway.importers.reading.lines import BadLine, ReadOptions
from boxis_gateway.importers.reading.source import Source
from boxis_gateway.importers.reading.tables.csv_rows import column_names, csv_rows
from boxis_gateway.importers.reading.tables.paging import TableRow, read_pages
from boxis_gateway.importers.reading.tables.servers import open_server
from boxis_gateway.importers.reading.tables.sqlite_file import SQLITE, open_sqlite

__all__ = ["TABLE_SCHEMES", "TableRow", "has_csv_columns", "has_sqlite_table", "read_table"]

TABLE_SCHEMES = ("postgresql", "postgres", "mysql", "mariadb")


def read_table(
    source: Source, options: ReadOptions, table: str, columns: Sequence[str], key: Sequence[str]
) -> Iterator[TableRow | BadLine]:
    """Yield the cells of the columns, row by row in the order of the key; a CSV in its own order,
    with its bad lines.

    The key is unique; rows without one (NULL) are left out. Raises ImportFailed if the table cannot
    be read to its end."""
    if source.url is not None:
        with open_server(source.url, options) as database:
            yield from read_pages(database, table, columns, key)
    elif not source.head().startswith(SQLITE):
        yield from csv_rows(source, columns)
    elif source.path is None:
        raise ImportFailed("A SQLite database is read from a file of its own.")
    else:
        with open_sqlite(source.path) as database:
            yield from read_pages(database, table, columns, key)


def has_sqlite_table(head: bytes, table: str) -> bool:
    """True if a file with this head is a SQLite database with the table."""
    return head.startswith(SQLITE) and bool(_create_statement(table).search(head))


def has_csv_columns(head: bytes, columns: Sequence[str]) -> bool:
    """True if the first line names the columns."""
    return {column.lower() for column in columns} <= set(column_names(head.split(b"\n", 1)[0])[1])


@lru_cache
def _create_statement(table: str) -> re.Pattern[bytes]:
    return re.compile(rb"CREATE TABLE [\"'`\[]?%b\b" % re.escape(table).encode(), re.IGNORECASE)
