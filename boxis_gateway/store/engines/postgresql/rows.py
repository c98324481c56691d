"""Bulk insert, snapshots and streams of PostgreSQL."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from typing import Any

import psycopg
from peewee import Model, __exception_wrapper__  # type: ignore[attr-defined, unused-ignore]

from boxis_gateway.errors import StoreError
from boxis_gateway.store.engines.base import Parameters, Row, StoreDatabase
from boxis_gateway.store.engines.postgresql.citus import KeysetCursor
from boxis_gateway.store.engines.postgresql.dialect import numbered_parameters, ordered_parameters
from boxis_gateway.store.engines.row_stream import SHORT_ROWS, Release, RowStream
from boxis_gateway.store.engines.sql import columns_of, insert_sql

BATCH = 1000  # rows; each batch costs a round trip
FEW_ROWS = 4  # for which COPY, with its round trip, is no gain
SCAN_OPTIONS = ("enable_hashjoin", "enable_mergejoin", "enable_material", "enable_sort")
"""Planner methods switched off for keyset scans: before the first ANALYZE PostgreSQL takes a table
for tiny, and would read all of it for each row."""


class CopyInserter:
    """Bulk insert by COPY."""

    def __init__(self, database: StoreDatabase, table: type[Model]) -> None:
        self._database = database
        into = f"{table._meta.table_name} ({', '.join(columns_of(table))})"
        self._copy_sql, self._insert_sql = f"COPY {into} FROM STDIN", insert_sql(table)

    def insert(self, rows: Sequence[Row]) -> None:
        """Insert the rows. Raises peewee's DatabaseError."""
        with __exception_wrapper__:
            if len(rows) <= FEW_ROWS:
                for row in rows:
                    self._database.execute_sql(self._insert_sql, row)
                return
            connection = self._database.connection()
            with connection.outside_pipeline(), connection.cursor().copy(self._copy_sql) as copy:
                for row in rows:
                    copy.write_row(row)


class PostgresqlSnapshot:
    """A state of the database, held by a transaction of one connection; server-side cursors read
    it. A transaction longer than `most_seconds` ends with an error; 0 is no limit. Streams of the
    same connection share it, and the last `close` ends it."""

    def __init__(
        self, connection: Any, detach: Callable[[Any], Release], most_seconds: int = 0
    ) -> None:
        self._connection, self._detach = connection, detach
        self._users, self._cursors = 1, 0
        self._end = time.monotonic() + (most_seconds or float("inf"))
        idle = f"SET LOCAL idle_in_transaction_session_timeout = '{most_seconds}s'"
        options = "".join(f"; SET LOCAL {name} = off" for name in SCAN_OPTIONS)
        connection.execute(f"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; {idle}{options}")
        connection.open_snapshot = self

    def share(self) -> PostgresqlSnapshot:
        """The snapshot, for one more user."""
        self._users += 1
        return self

    def require_time(self) -> None:
        """Raise StoreError if the time is over. If nothing is read any more, the server ends the
        transaction."""
        if time.monotonic() >= self._end:
            raise StoreError("An answer took too long to read from the store.")

    def query(self, sql: str, parameters: Parameters) -> Iterator[Row]:
        """The rows of a query, fetched in batches as they are read."""
        with __exception_wrapper__:
            return _rows(self.cursor(sql, parameters))

    def cursor(self, sql: str, parameters: Parameters) -> Any:
        """A server-side cursor; its query has begun."""
        self._cursors += 1
        cursor = psycopg.RawServerCursor(self._connection, f"snapshot_{self._cursors}")
        cursor.itersize = BATCH
        numbered, names = numbered_parameters(sql)
        return cursor.execute(numbered, ordered_parameters(names, parameters))

    def keyset_cursor(self, sql: str, parameters: Sequence[Any]) -> KeysetCursor:
        """A cursor over a history on Citus."""
        return KeysetCursor(self._connection, sql, parameters)

    def detach(self) -> Release:
        """StoreDatabase.detach of its connection."""
        return self._detach(self._connection)

    def close(self) -> None:
        """End the transaction, unless others use it."""
        self._users = max(0, self._users - 1)
        if not self._users and self._connection.open_snapshot is self:
            self._connection.open_snapshot = None
            with suppress(psycopg.Error):  # a lost connection has none
                self._connection.rollback()


def _rows(cursor: Any) -> Iterator[Row]:
    with cursor:
        yield from cursor


def stream(
    execute: Callable[[str, Sequence[Any]], Any],
    take_snapshot: Callable[[], PostgresqlSnapshot],
    sql: str,
    parameters: Sequence[Any],
    *,
    is_distributed: bool,
) -> RowStream[list[Row]]:
    """The rows of a query. Up to SHORT_ROWS come by one plain query, without a server-side cursor.
    For more, these are read twice, which costs less than a transaction for every request."""
    rows = execute(f"{sql} LIMIT {SHORT_ROWS + 1}", parameters).fetchall()
    if len(rows) <= SHORT_ROWS:
        return RowStream(iter((rows,) if rows else ()))
    snapshot, end = take_snapshot(), ExitStack()
    end.callback(snapshot.close)
    try:
        open_cursor = snapshot.keyset_cursor if is_distributed else snapshot.cursor
        cursor = open_cursor(sql, parameters)
        batches = _batches(snapshot, cursor, cursor.fetchmany(SHORT_ROWS), end)
        return RowStream(batches, is_long=True, release=end.close, detach=snapshot.detach)
    except BaseException:
        end.close()
        raise


def _batches(
    snapshot: PostgresqlSnapshot, cursor: Any, rows: list[Row], end: ExitStack
) -> Iterator[list[Row]]:
    try:
        while rows:
            yield rows
            snapshot.require_time()
            with __exception_wrapper__:
                rows = cursor.fetchmany(BATCH)
    finally:
        end.close()
        cursor.close()
