"""Many rows into SQLite and out of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain, islice, repeat
from typing import Any

from peewee import Model, __exception_wrapper__  # type: ignore[attr-defined, unused-ignore]

from boxis_gateway.store.engines.base import Parameters, Row, StoreDatabase
from boxis_gateway.store.engines.sql import compile_sql

FIRST_BATCH, BATCH = 100, 300  # rows; the first is small so that an answer starts at once
ROWS_PER_STATEMENT = 50  # a row has up to 13 parameters


class Insert:
    """INSERT of rows with every column, in the order of the table. ROWS_PER_STATEMENT go in one
    statement: each run of a statement has its costs."""

    def __init__(self, database: StoreDatabase, table: type[Model]) -> None:
        self._database = database
        fields = table._meta.sorted_fields
        self._one = compile_sql(database, table.insert_many([[None] * len(fields)], fields))
        insert, values, row = self._one.rpartition(" VALUES ")
        self._many = insert + values + ", ".join([row] * ROWS_PER_STATEMENT)

    def insert(self, rows: Sequence[Row]) -> None:
        """Insert the rows. Raises DatabaseError as peewee's queries do."""
        even = len(rows) - len(rows) % ROWS_PER_STATEMENT
        cursor = self._database.cursor()
        with __exception_wrapper__:
            cursor.executemany(
                self._many,
                (
                    list(chain.from_iterable(rows[first : first + ROWS_PER_STATEMENT]))
                    for first in range(0, even, ROWS_PER_STATEMENT)
                ),
            )
            cursor.executemany(self._one, rows[even:])


class Snapshot:
    """One state of the file, through one connection."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        connection.execute("BEGIN")

    def walk(self, sql: str, parameters: Parameters) -> Iterator[Row]:
        """The rows of a query, read as they are asked for."""
        rows: Iterator[Row] = self._connection.execute(sql, parameters)
        return rows

    def close(self) -> None:
        """Let go of the state."""
        self._connection.execute("ROLLBACK")


def batches(cursor: Any) -> Iterator[list[Row]]:
    """Batches of the rows that a cursor has; the first is read at once."""
    return _batches(cursor, list(islice(cursor, FIRST_BATCH)))


def _batches(cursor: Any, rows: list[Row]) -> Iterator[list[Row]]:
    try:
        while rows:
            yield rows
            rows = list(islice(cursor, BATCH))
    finally:
        cursor.close()


def filled(lists: Sequence[Sequence[Any]]) -> tuple[int, list[Any]]:
    """Lists of one length, one behind the other: a power of two, so that there are few statements
    to keep prepared."""
    length = 1 << (max(map(len, lists)) - 1).bit_length()
    full = (chain(items, repeat(items[-1], length - len(items))) for items in lists)
    return length, list(chain.from_iterable(full))
