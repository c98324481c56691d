"""Keyset pagination of tables of any size.

Each page is a query for the keys after the last one. Memory is that of one page, and writers of the
database never wait longer than for one page: a single query over a large table would lock SMSD out
of its SQLite file or MyISAM table until its end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import count
from typing import Any, NamedTuple

PAGE = 1_000  # rows

Values = tuple[Any, ...]


@dataclass(frozen=True)
class Database:
    """Open database. `execute` runs a query with parameters and returns all rows. `placeholder` is
    the parameter mark, `quote` encloses names, `cell` is the expression that selects a column.
    Octets are texts in `encoding`."""

    execute: Callable[[str, Values], list[Values]]
    placeholder: str = "%s"
    quote: str = '"'
    cell: str = "{}"
    encoding: str = "utf-8"


class TableRow(NamedTuple):
    """Row number (from 1; of a CSV the line number) and the cells of the requested columns.

    Times are `yyyy-mm-dd hh:mm:ss[.ffffff]` with any offset, booleans 1 or 0, octets that are no
    text hexadecimal digits."""

    number: int
    cells: tuple[str | None, ...]


def read_pages(
    database: Database, table: str, columns: Sequence[str], key: Sequence[str]
) -> Iterator[TableRow]:
    """Yield the rows in the order of the key. Raises the errors of `execute`."""
    first_page, next_page = _queries(database, table, columns, key)
    numbers = count(1)
    page = database.execute(first_page, ())
    while page:
        for values in page:
            cells = values[: len(columns)]
            yield TableRow(next(numbers), tuple(as_text(cell, database.encoding) for cell in cells))
        last = page[-1][len(columns) :]
        page = database.execute(next_page, _key_parameters(last)) if len(page) == PAGE else []


def _queries(
    database: Database, table: str, columns: Sequence[str], key: Sequence[str]
) -> tuple[str, str]:
    """Queries of the first page, and of a page after a key (see `_key_parameters`)."""

    def quoted(name: str) -> str:
        return database.quote + name + database.quote

    keys = [quoted(name) for name in key]
    cells = [database.cell.format(quoted(name)) for name in columns]
    start = f"SELECT {', '.join([*cells, *keys])} FROM {quoted(table)} WHERE "
    end = f" ORDER BY {', '.join(keys)} LIMIT {PAGE}"
    not_null = " AND ".join(f"{name} IS NOT NULL" for name in keys)
    return start + not_null + end, start + _after(keys, database.placeholder) + end


def _after(keys: Sequence[str], mark: str) -> str:
    """Condition for a greater key, in a form that uses the index in every database."""
    first, *others = keys
    if not others:
        return f"{first} > {mark}"
    return f"{first} >= {mark} AND ({first} > {mark} OR ({_after(others, mark)}))"


def _key_parameters(key: Values) -> Values:
    """Parameters of `_after`."""
    *twice, last = key
    return (*(value for value in twice for _ in range(2)), last)


def as_text(value: Any, encoding: str = "utf-8") -> str | None:
    """Convert a cell to text, as TableRow describes."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bytes):
        try:
            return value.decode(encoding)
        except UnicodeDecodeError:
            return value.hex().upper()
    if isinstance(value, datetime):
        return value.isoformat(" ")
    if isinstance(value, Decimal):
        return format(value, "f")
    return str(int(value) if isinstance(value, bool) else value)
