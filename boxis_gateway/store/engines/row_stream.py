"""Rows of a running query, and the connection that the query occupies."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

T = TypeVar("T")
U = TypeVar("U")
SHORT_ROWS = 300  # rows of a query that is read at once

Release = Callable[[], object]


def _nothing() -> None:
    """Release nothing: the query is over."""


class RowStream(Generic[T]):
    """Batches of a query that has run, all of one state; iterate them once.

    `is_long` is True if the first batch, of about SHORT_ROWS, is not the last. Such a query
    occupies its connection until the last batch or `close`; `release` ends it, and may be called
    twice. `detach` is StoreDatabase.detach of the connection."""

    def __init__(
        self,
        batches: Iterator[T],
        *,
        is_long: bool = False,
        release: Release = _nothing,
        detach: Callable[[], Release] = lambda: _nothing,
    ) -> None:
        self.is_long = is_long
        self._batches, self._release, self._detach = batches, release, detach
        self._reattach: Release = _nothing

    def __iter__(self) -> Iterator[T]:
        return self

    def __next__(self) -> T:
        return next(self._batches)

    def map(self, convert: Callable[[T], U]) -> RowStream[U]:
        """The stream with each batch converted; use it in place of this one."""
        return RowStream(
            map(convert, self._batches),
            is_long=self.is_long,
            release=self._release,
            detach=self._detach,
        )

    def detach(self) -> None:
        """Keep the connection for this stream alone until `close`; the thread's next query opens
        another."""
        self._reattach = self._detach()

    def close(self) -> None:
        """End the query, and put a detached connection back."""
        self._release()
        reattach, self._reattach = self._reattach, _nothing
        reattach()
