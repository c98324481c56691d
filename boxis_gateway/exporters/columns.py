"""Conversion of stored values for export, a whole column at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from boxis_gateway.bounded_cache import BoundedCache
from boxis_gateway.export_columns import EXPORT_COLUMNS, ColumnKind

RowBatches = Iterable[Sequence[Sequence[Any]]]
"""Batches of rows; a row has a value for each of EXPORT_COLUMNS."""

Conversion = Callable[[Iterable[Any]], Iterable[Any]]


def convert(
    rows: Sequence[Sequence[Any]], conversions: Mapping[ColumnKind, Conversion]
) -> list[Iterable[Any]]:
    """Columns of the rows, each converted by its kind; a kind without a conversion stays."""
    columns = zip(*rows, strict=True)
    return [
        conversions[kind](column) if kind in conversions else column
        for kind, column in zip(EXPORT_COLUMNS.values(), columns, strict=bool(rows))
    ]


def cached(conversion: Callable[[Any], Any], max_values: int = 4096) -> Conversion:
    """Convert a column value by value, with a cache since values repeat."""
    return BoundedCache(conversion, max_values).map


def iso_times(instants: Iterable[str | None]) -> list[str | None]:
    """Convert UTC texts to ISO 8601.

    >>> iso_times(["2012-05-09 10:28:00.250"])
    ['2012-05-09T10:28:00.250Z']
    """
    return [text and f"{text[:10]}T{text[11:]}Z" for text in instants]
