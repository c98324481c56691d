"""Many rows into PostgreSQL and out of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any

import psycopg
from peewee import Model, __exception_wrapper__  # type: ignore[attr-defined, unused-ignore]

from boxis_gateway.errors import StoreError
from boxis_gateway.store.engines.base import Parameters, Row, StoreDatabase
from boxis_gateway.store.engines.postgresql.citus import BY_PLACE, BY_TIME, KeysetCursor
from boxis_gateway.store.engines.postgresql.dialect import ordered_parameters, to_postgresql

SHORT = 300  # rows that come as a whole, without a cursor of the server's
BATCH = 1000  # rows; each costs a way to the server and back
FEW = 4  # rows for which a COPY, with its way there and back, is no gain
NOT_BY_KEY = ("enable_hashjoin", "enable_mergejoin", "enable_material", "enable_sort")
"""Ways of PostgreSQL's that a walk, which has a key for all that it reads, goes without. A table
without statistics yet is taken for a small one, and would be read as a whole for each row."""


class Copy:
    """Rows with every column, in the order of the table, into it: by COPY."""

    def __init__(self, database: StoreDatabase, table: type[Model]) -> None:
        self._database = database
        fields = [field.column_name for field in table._meta.sorted_fields]
        self._name = table._meta.table_name
        self._into = f"{self._name} ({', '.join(fields)})"
        self._insert = f"INSERT INTO {self._into} VALUES ({', '.join('?' * len(fields))})"

    def insert(self, rows: Sequence[Row]) -> None:
        """Insert the rows. Raises DatabaseError as peewee's queries do."""
        with __exception_wrapper__:
            if len(rows) <= FEW:
                for row in rows:
                    self._database.execute_sql(self._insert, row)
                return
            with self._database.cursor().copy(f"COPY {self._into} FROM STDIN") as copy:
                for row in rows:
                    copy.write_row(row)


class Snapshot:
    """One state of the database, through one connection, by cursors of the server's: a transaction
    that is open until `close`."""

    def __init__(self, connection: Any, most_seconds: int = 0) -> None:
        self._connection = connection
        self._walks = 0
        self._end = time.monotonic() + (most_seconds or float("inf"))
        idle = f"SET LOCAL idle_in_transaction_session_timeout = '{most_seconds}s'"
        ways = "".join(f"; SET LOCAL {name} = off" for name in NOT_BY_KEY)
        connection.execute(f"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; {idle}{ways}")

    def require_time(self) -> None:
        """Raises StoreError if it has been held for too long; the server ends one that nobody asks
        any more."""
        if time.monotonic() >= self._end:
            raise StoreError("An answer took too long to read from the store.")

    def walk(self, sql: str, parameters: Parameters) -> Iterator[Row]:
        """The rows of a query, read a batch at a time as they are asked for."""
        with __exception_wrapper__:
            return _rows(self.cursor(sql, parameters))

    def cursor(self, sql: str, parameters: Parameters) -> Any:
        """A cursor of the server's; the query has begun."""
        self._walks += 1
        cursor = psycopg.RawServerCursor(self._connection, f"walk_{self._walks}")
        cursor.itersize = BATCH
        words, names = to_postgresql(sql)
        return cursor.execute(words, ordered_parameters(names, parameters))

    def pieces(self, sql: str, parameters: Sequence[Any]) -> KeysetCursor:
        """A history, page by page."""
        return KeysetCursor(self._connection, sql, parameters)

    def close(self) -> None:
        """Let go of the state."""
        with suppress(psycopg.Error):  # of a connection that is lost there is none
            self._connection.rollback()


def _rows(cursor: Any) -> Iterator[Row]:
    with cursor:
        yield from cursor


def stream(
    execute: Callable[[str, Sequence[Any]], Any],
    snapshot_now: Callable[[], Snapshot],
    sql: str,
    parameters: Sequence[Any],
    *,
    spread: bool,
) -> Iterator[list[Row]]:
    """Batches of rows, all of one state. Up to SHORT rows come by one plain query. For more, the
    first ones are read twice, which costs less than a transaction for every request. `spread`:
    Citus distributes the rows, so the history is read in pieces."""
    if spread:
        sql = sql.replace(BY_PLACE, BY_TIME)
    rows = execute(f"{sql} LIMIT {SHORT + 1}", parameters).fetchall()
    if len(rows) <= SHORT:
        return iter([rows] if rows else [])
    snapshot = snapshot_now()
    try:
        walk = snapshot.pieces(sql, parameters) if spread else snapshot.cursor(sql, parameters)
        return _batches(snapshot, walk, walk.fetchmany(SHORT))
    except BaseException:
        snapshot.close()
        raise


def _batches(snapshot: Snapshot, walk: Any, rows: list[Row]) -> Iterator[list[Row]]:
    try:
        while rows:
            yield rows
            snapshot.require_time()
            with __exception_wrapper__:
                rows = walk.fetchmany(BATCH)
    finally:
        snapshot.close()
        walk.close()
