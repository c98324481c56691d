"""INSERTs, rows of queries, portions of long lists."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, TypeVar

from peewee import Model, __exception_wrapper__  # type: ignore[attr-defined, unused-ignore]

from boxis_gateway.store.engines.base import Row, StoreDatabase
from boxis_gateway.store.engines.errors import translate_errors

CHUNK = 5_000  # rows or values of one query; SQLite takes 32,766 parameters
T = TypeVar("T")


def columns_of(table: type[Model]) -> list[str]:
    """Names of the columns, in the order in which rows are read and inserted."""
    return [field.column_name for field in table._meta.sorted_fields]


def insert_sql(table: type[Model], rows: int = 1) -> str:
    """INSERT of that many rows."""
    columns = columns_of(table)
    row = f"({', '.join('?' * len(columns))})"
    into = f"{table._meta.table_name} ({', '.join(columns)})"
    return f"INSERT INTO {into} VALUES {', '.join([row] * rows)}"


def fetch_rows(database: StoreDatabase, query: Any) -> list[Row]:
    """All rows of a query of peewee."""
    return list(query.tuples().bind(database))


def select_in(
    database: StoreDatabase, sql: str, account_id: int, *lists: Sequence[Any]
) -> Iterator[Row]:
    """Rows of a query whose parameters are the account and, for `Dialect.in_array`, the lists; none
    if a list is empty."""
    if not all(lists):
        return iter(())
    rows: Iterator[Row] = database.execute_sql(
        sql, (account_id, *map(database.dialect.array, lists))
    )
    return rows


def next_rows(rows: Iterator[Row], most: int) -> list[Row]:
    """The next rows of a running query, up to `most`. Raises StoreError."""
    with translate_errors(), __exception_wrapper__:
        return list(islice(rows, most))


def chunks(items: Sequence[T], size: int | None = None) -> Iterator[Sequence[T]]:
    """The items in portions of that size, by default CHUNK."""
    size = size or CHUNK
    for first in range(0, len(items), size):
        yield items[first : first + size]
