"""Small hands of the store: queries as text or as rows, a database's words explained."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, TypeVar

from peewee import __exception_wrapper__  # type: ignore[attr-defined, unused-ignore]

from boxis_gateway.store.engines.base import Row, StoreDatabase
from boxis_gateway.store.engines.errors import translate_errors

CHUNK = 5_000  # rows or values of one query; SQLite takes 32,766 parameters
T = TypeVar("T")


def compile_sql(database: StoreDatabase, query: Any) -> str:
    """The query's SQL for that database, to be run again and again: building a query costs more
    than running it."""
    return str(database.get_sql_context().sql(query).query()[0])


def take(database: StoreDatabase, rows: Iterator[Row], number: int) -> list[Row]:
    """The next rows of a query, up to that number. Raises StoreError."""
    with translate_errors(), __exception_wrapper__:
        return list(islice(rows, number))


def chunks(items: Sequence[T], size: int | None = None) -> Iterator[Sequence[T]]:
    """Items in portions of that size, by default CHUNK."""
    size = size or CHUNK
    for first in range(0, len(items), size):
        yield items[first : first + size]


def fetch_rows(database: StoreDatabase, query: Any) -> list[Row]:
    """What the query finds, as tuples."""
    return list(query.tuples().bind(database))
