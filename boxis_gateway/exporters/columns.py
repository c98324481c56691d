"""How the formats for people and programs show what a column holds, a whole column at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from boxis_gateway.bounded_cache import Remembered
from boxis_gateway.message_files import EXPORTED, ColumnKind

Batches = Iterable[Sequence[Sequence[Any]]]
"""Rows, some at a time; of one that has a value for each of EXPORTED."""

Show = Callable[[Iterable[Any]], Iterable[Any]]


def shown(rows: Sequence[Sequence[Any]], shows: Mapping[ColumnKind, Show]) -> list[Iterable[Any]]:
    """The columns of the rows, each shown as its kind is; of a kind that is not named, as it is."""
    columns = zip(*rows, strict=True)
    return [
        shows[kind](column) if kind in shows else column
        for kind, column in zip(EXPORTED.values(), columns, strict=bool(rows))
    ]


def each(show: Callable[[Any], Any], most: int = 4096) -> Show:
    """Shows a column by its values, of which many are the same."""
    return Remembered(show, most).of


def iso(instants: Iterable[str | None]) -> list[str | None]:
    """Texts of the store as ISO 8601 in UTC.

    >>> iso(["2012-05-09 10:28:00.250"])
    ['2012-05-09T10:28:00.250Z']
    """
    return [one and f"{one[:10]}T{one[11:]}Z" for one in instants]


def in_rows(columns: Sequence[Iterable[Any]]) -> Iterator[tuple[Any, ...]]:
    """The columns as rows again."""
    return zip(*columns, strict=True)
