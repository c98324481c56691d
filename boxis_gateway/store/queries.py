"""Small hands of the store: queries as text or as rows, a database's words explained."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from peewee import (  # type: ignore[attr-defined, unused-ignore]
    Database,
    DatabaseError,
    IntegrityError,
    InterfaceError,
    __exception_wrapper__,
)

from boxis_gateway.errors import StoreError

Row = tuple[Any, ...]
DATABASE_ERRORS = (DatabaseError, InterfaceError)


def sql_of(database: Database, query: Any) -> str:
    """The query's SQL for that database, to be run again and again: building a query costs more
    than running it."""
    return str(database.get_sql_context().sql(query).query()[0])


def rows_of(database: Database, query: Any) -> list[Row]:
    """What the query finds, as tuples."""
    return list(query.tuples().bind(database))


def insert_many(database: Database, statements: Mapping[str, Sequence[Row]]) -> None:
    """Run each statement once for each of its rows. Raises DatabaseError as peewee's queries do."""
    cursor = database.cursor()
    with __exception_wrapper__:
        for sql, rows in statements.items():
            cursor.executemany(sql, rows)


@contextmanager
def errors_explained(database: Database) -> Iterator[None]:
    """Turn what the database cannot do (open, lock, write) into a StoreError with the remedy."""
    try:
        yield
    except IntegrityError:
        raise  # never the machine's fault
    except DATABASE_ERRORS as problem:
        raise StoreError(explained(problem)) from None


def explained(problem: BaseException) -> str:
    """What the database cannot do, in one line with the remedy."""
    # A failed rollback hides what went before it: a full disk, say.
    cause = problem.__context__
    while cause:
        problem = cause if isinstance(cause, DATABASE_ERRORS) else problem
        cause = cause.__context__
    if "locked" in str(problem):
        return f"The store is in use by another process ({problem}). Try again when it is done."
    return (
        f"The store cannot be used: {problem}. Check that it is a SQLite file that this user may "
        "read and write, on a disk with room; 'boxis-gateway doctor' looks closer."
    )
