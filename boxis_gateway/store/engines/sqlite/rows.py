"""Bulk insert, snapshots and row batches of SQLite."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any

from peewee import Model, __exception_wrapper__  # type: ignore[attr-defined, unused-ignore]

from boxis_gateway.store.engines.base import Parameters, Row, StoreDatabase
from boxis_gateway.store.engines.row_stream import SHORT_ROWS, Release, RowStream
from boxis_gateway.store.engines.sql import insert_sql

BATCH = 300  # rows, of about a millisecond


class RowInserter:
    """Bulk insert by one prepared statement, executed for each row."""

    def __init__(self, database: StoreDatabase, table: type[Model]) -> None:
        self._database = database
        self._sql = insert_sql(table)

    def insert(self, rows: Sequence[Row]) -> None:
        """Insert the rows. Raises peewee's DatabaseError."""
        with __exception_wrapper__:
            self._database.cursor().executemany(self._sql, rows)


class SqliteSnapshot:
    """A state of the file, held by a read transaction of one connection."""

    def __init__(self, connection: Any, detach: Callable[[Any], Release]) -> None:
        self._connection, self._detach = connection, detach
        self._is_open = True
        connection.execute("BEGIN")

    def query(self, sql: str, parameters: Parameters) -> Iterator[Row]:
        """The rows of a query, fetched as they are read."""
        rows: Iterator[Row] = self._connection.execute(sql, parameters)
        return rows

    def detach(self) -> Release:
        """StoreDatabase.detach of its connection."""
        return self._detach(self._connection)

    def close(self) -> None:
        """End the transaction."""
        if self._is_open:
            self._is_open = False
            self._connection.execute("ROLLBACK")


def row_stream(cursor: Any, detach: Callable[[], Release]) -> RowStream[list[Row]]:
    """The cursor's rows in batches; the first is read at once."""
    first = list(islice(cursor, SHORT_ROWS + 1))
    if len(first) <= SHORT_ROWS:
        return RowStream(iter((first,) if first else ()))
    return RowStream(_batches(cursor, first), is_long=True, release=cursor.close, detach=detach)


def _batches(cursor: Any, rows: list[Row]) -> Iterator[list[Row]]:
    try:
        while rows:
            yield rows
            rows = list(islice(cursor, BATCH))
    finally:
        cursor.close()
