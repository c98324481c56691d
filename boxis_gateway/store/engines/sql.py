"""Queries of peewee as SQL or rows; portions of long lists."""

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
    """SQL of the query, to run again and again: building a query costs more than running it."""
    return str(database.get_sql_context().sql(query).query()[0])


def fetch_rows(database: StoreDatabase, query: Any) -> list[Row]:
    """All rows of the query."""
    return list(query.tuples().bind(database))


def next_rows(rows: Iterator[Row], most: int) -> list[Row]:
    """The next rows of a running query, up to `most`. Raises StoreError."""
    with translate_errors(), __exception_wrapper__:
        return list(islice(rows, most))


def chunks(items: Sequence[T], size: int | None = None) -> Iterator[Sequence[T]]:
    """The items in portions of that size, by default CHUNK."""
    size = size or CHUNK
    for first in range(0, len(items), size):
        yield items[first : first + size]
