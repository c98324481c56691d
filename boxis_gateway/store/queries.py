"""Small hands of the store: queries as text or as rows, a database's words explained."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain, islice, repeat
from typing import Any

from peewee import (  # type: ignore[attr-defined, unused-ignore]
    Database,
    DatabaseError,
    IntegrityError,
    InterfaceError,
    Model,
    __exception_wrapper__,
)

from boxis_gateway.errors import StoreError

Row = tuple[Any, ...]
ROWS_AT_ONCE = 50  # a row has up to 13 parameters
DATABASE_ERRORS = (DatabaseError, InterfaceError)


def sql_of(database: Database, query: Any) -> str:
    """The query's SQL for that database, to be run again and again: building a query costs more
    than running it."""
    return str(database.get_sql_context().sql(query).query()[0])


def run(database: Database, sql: str, parameters: Sequence[Any] | Mapping[str, Any]) -> Any:
    """The cursor of a query that stands as text: less on the way than peewee's own for any query.
    Raises DatabaseError as that does."""
    cursor = database.cursor()
    with __exception_wrapper__:
        cursor.execute(sql, parameters)
    return cursor


def take(database: Database, rows: Iterator[Row], number: int) -> list[Row]:
    """The next rows of a query, up to that number. Raises StoreError."""
    with errors_explained(database), __exception_wrapper__:
        return list(islice(rows, number))


def rows_of(database: Database, query: Any) -> list[Row]:
    """What the query finds, as tuples."""
    return list(query.tuples().bind(database))


def rows_in(database: Database, sql: str, account_id: int, *lists: Sequence[Any]) -> Iterator[Row]:
    """What a frozen query finds whose parameters are the account and lists: `IN (?)` in it, of one
    item, stands for each. Nothing if a list is empty.

    Lists are filled up to a power of two, so that there are few statements to keep prepared."""
    if not all(lists):
        return iter(())
    length = 1 << (max(map(len, lists)) - 1).bit_length()
    full = (chain(items, repeat(items[-1], length - len(items))) for items in lists)
    sql = sql.replace("IN (?)", f"IN ({', '.join('?' * length)})")
    rows: Iterator[Row] = database.execute_sql(sql, (account_id, *chain.from_iterable(full)))
    return rows


class Insert:
    """INSERT of rows with every column, in the order of the table. ROWS_AT_ONCE go in one
    statement: each run of a statement has its costs."""

    def __init__(self, database: Database, table: type[Model]) -> None:
        self._database = database
        fields = table._meta.sorted_fields
        self._one, self._many = (
            sql_of(database, table.insert_many([[None] * len(fields)] * rows, fields))
            for rows in (1, ROWS_AT_ONCE)
        )

    def run(self, rows: Sequence[Row]) -> None:
        """Insert the rows. Raises DatabaseError as peewee's queries do."""
        even = len(rows) - len(rows) % ROWS_AT_ONCE
        cursor = self._database.cursor()
        with __exception_wrapper__:
            cursor.executemany(
                self._many,
                (
                    list(chain.from_iterable(rows[first : first + ROWS_AT_ONCE]))
                    for first in range(0, even, ROWS_AT_ONCE)
                ),
            )
            cursor.executemany(self._one, rows[even:])


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
