"""Small hands of the store: queries as text or as rows, a database's words explained."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

from peewee import __exception_wrapper__  # type: ignore[attr-defined, unused-ignore]

from boxis_gateway.store.engines.base import Parameters, Row, StoreDatabase
from boxis_gateway.store.engines.errors import errors_explained


def sql_of(database: StoreDatabase, query: Any) -> str:
    """The query's SQL for that database, to be run again and again: building a query costs more
    than running it."""
    return str(database.get_sql_context().sql(query).query()[0])


def run(database: StoreDatabase, sql: str, parameters: Parameters) -> Any:
    """The cursor of a query that stands as text: less on the way than peewee's own for any query.
    Raises DatabaseError as that does."""
    with __exception_wrapper__:
        return database.run(sql, parameters)


def take(database: StoreDatabase, rows: Iterator[Row], number: int) -> list[Row]:
    """The next rows of a query, up to that number. Raises StoreError."""
    with errors_explained(database), __exception_wrapper__:
        return list(islice(rows, number))


def rows_of(database: StoreDatabase, query: Any) -> list[Row]:
    """What the query finds, as tuples."""
    return list(query.tuples().bind(database))
