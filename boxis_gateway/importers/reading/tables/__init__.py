"""Rows of a table that another program keeps: in a file of SQLite, in PostgreSQL, MySQL or MariaDB,
or dumped as CSV with a header. An importer says which table and columns; where they come from is
known here. Read this file first, then paging.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

from boxis_gateway.errors import ImportFailed
from boxis_gateway.importers.reading.lines import BadLine, ReadOptions
from boxis_gateway.importers.reading.source import Source
from boxis_gateway.importers.reading.tables.csv_rows import csv_header, csv_rows
from boxis_gateway.importers.reading.tables.paging import Row, paged
from boxis_gateway.importers.reading.tables.servers import open_server
from boxis_gateway.importers.reading.tables.sqlite_file import SQLITE, open_file

__all__ = ["TABLE_SCHEMES", "Row", "has_csv_columns", "has_sqlite_table", "rows"]

TABLE_SCHEMES = ("postgresql", "postgres", "mysql", "mariadb")


def rows(
    source: Source, options: ReadOptions, table: str, columns: Sequence[str], key: Sequence[str]
) -> Iterator[Row | BadLine]:
    """The rows of the table, with the cells of those columns, in the order of the key; those of a
    CSV in its own order, and bad lines where they are none.

    No two rows may have the same key; rows without one (NULL) are left out. Raises ImportFailed if
    the table cannot be read, or not to its end."""
    if source.url is not None:
        with open_server(source.url, options) as database:
            yield from paged(database, table, columns, key)
    elif not source.head().startswith(SQLITE):
        yield from csv_rows(source, columns)
    elif source.path is None:
        raise ImportFailed("A database of SQLite is read from a file of its own.")
    else:
        with open_file(source.path) as database:
            yield from paged(database, table, columns, key)


def has_sqlite_table(head: bytes, table: str) -> bool:
    """Whether a file that begins like this is of SQLite and has the table."""
    return head.startswith(SQLITE) and bool(_creation(table).search(head))


def has_csv_columns(head: bytes, columns: Sequence[str]) -> bool:
    """Whether the first line names the columns."""
    _, names = csv_header(head.split(b"\n", 1)[0])
    return {column.lower() for column in columns} <= set(names)


@lru_cache
def _creation(table: str) -> re.Pattern[bytes]:
    return re.compile(rb"CREATE TABLE [\"'`\[]?%b\b" % re.escape(table).encode(), re.IGNORECASE)
