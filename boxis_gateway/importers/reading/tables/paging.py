"""Tables of any size, a page at a time.

Each page is a query of its own that goes on behind the last key. So the memory is that of a page,
and who writes to the database never waits for longer than a page takes: a single query over a big
table would lock SMSD out of its SQLite file, or its MyISAM table, until it ends.
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
    """An open database. `execute` takes a query and its parameters, and returns all rows. In a
    query `mark` stands for a parameter and `quote` around a name; a column is selected as `cell`
    tells. Texts that come as octets are in `encoding`."""

    execute: Callable[[str, Values], list[Values]]
    mark: str = "%s"
    quote: str = '"'
    cell: str = "{}"
    encoding: str = "utf-8"


class Row(NamedTuple):
    """The number of a row (from 1; of a CSV that of its line) and its cells, in the order of the
    columns that were asked for. Times are `yyyy-mm-dd hh:mm:ss[.ffffff]`, with an offset if they
    have one, truth is 1 or 0, and octets that are no text their hexadecimal digits."""

    number: int
    cells: tuple[str | None, ...]


def paged(
    database: Database, table: str, columns: Sequence[str], key: Sequence[str]
) -> Iterator[Row]:
    """The rows in the order of the key. Raises what `execute` raises."""
    first, following = _queries(database, table, columns, key)
    numbers = count(1)
    page = database.execute(first, ())
    while page:
        for values in page:
            cells = values[: len(columns)]
            yield Row(next(numbers), tuple(as_text(cell, database.encoding) for cell in cells))
        last = page[-1][len(columns) :]
        page = database.execute(following, _placed(last)) if len(page) == PAGE else []


def _queries(
    database: Database, table: str, columns: Sequence[str], key: Sequence[str]
) -> tuple[str, str]:
    """Of the first page, and of those behind a key, which takes the parameters of `_placed`."""

    def quoted(name: str) -> str:
        return database.quote + name + database.quote

    places = [quoted(name) for name in key]
    cells = [database.cell.format(quoted(name)) for name in columns]
    start = f"SELECT {', '.join([*cells, *places])} FROM {quoted(table)} WHERE "
    end = f" ORDER BY {', '.join(places)} LIMIT {PAGE}"
    known = " AND ".join(f"{place} IS NOT NULL" for place in places)
    return start + known + end, start + _behind(places, database.mark) + end


def _behind(places: Sequence[str], mark: str) -> str:
    """The condition of a key that is greater, in a form for which every database uses its index."""
    first, *others = places
    if not others:
        return f"{first} > {mark}"
    return f"{first} >= {mark} AND ({first} > {mark} OR ({_behind(others, mark)}))"


def _placed(key: Values) -> Values:
    """The parameters of `_behind`."""
    *twice, last = key
    return (*(value for value in twice for _ in range(2)), last)


def as_text(value: Any, encoding: str = "utf-8") -> str | None:
    """The text of a cell, see Row."""
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
