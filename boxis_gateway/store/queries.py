"""Small hands of the store: queries as text or as rows, a database's words explained."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Any

from peewee import (  # type: ignore[attr-defined, unused-ignore]
    DatabaseError,
    IntegrityError,
    InterfaceError,
    __exception_wrapper__,
)

from boxis_gateway.errors import StoreError
from boxis_gateway.store.engine import Parameters, Row, StoreDatabase

DATABASE_ERRORS = (DatabaseError, InterfaceError)
REMEDIES = {
    "42501": "Let its user own the database and its tables.",
    "25006": "Name the server that takes writes: this one is a replica, or set to read only.",
    "22P05": "Make a database with 'createdb --encoding=UTF8 --template=template0'.",
    "53100": "Make room on its disk.",
    "55P03": "Somebody else is writing: try again when that is done.",
    "40": "Try again.",
    "57014": "Try again.",
}
"""What to do about an error of PostgreSQL's, by code or class of codes."""


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


@contextmanager
def errors_explained(database: StoreDatabase) -> Iterator[None]:
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
    if said := _said_by_server(problem):
        return f"The store cannot be used: {said}"
    if "locked" in str(problem):
        return f"The store is in use by another process ({problem}). Try again when it is done."
    return (
        f"The store cannot be used: {problem}. Check that it is a SQLite file that this user may "
        "read and write, on a disk with room; 'boxis-gateway doctor' looks closer."
    )


def _said_by_server(problem: BaseException) -> str:
    """The first line of what PostgreSQL, or its driver, says, and the remedy; further lines may
    show rows."""
    cause: BaseException | None = problem
    while cause:
        if hasattr(cause, "sqlstate"):
            lines = str(cause).strip().splitlines()
            line = lines[0].rstrip(".") if lines else type(cause).__name__
            return f"{line}. {_remedy(cause.sqlstate or '')}"
        cause = cause.__context__
    return ""


def _remedy(code: str) -> str:
    rest = "Check that its server runs and lets us in."
    return REMEDIES.get(code) or REMEDIES.get(code[:2], rest)
