"""What a function gave, for values that come again and again."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

K = TypeVar("K")
V = TypeVar("V")


class BoundedCache(dict[K, V]):
    """What a function gives for the arguments that it had, up to `max_size` of them; then it starts
    anew. For whole columns of values: half the time of a function with an lru_cache.

    >>> BoundedCache(str.upper, max_size=100).map(["a", "b", "a"])
    ['A', 'B', 'A']
    """

    def __init__(self, function: Callable[[K], V], max_size: int) -> None:
        super().__init__()
        self._function, self._max_size = function, max_size

    def map(self, values: Iterable[K]) -> list[V]:
        """What the function gives for each of the values."""
        return list(map(self.__getitem__, values))

    def __missing__(self, value: K) -> V:
        if len(self) >= self._max_size:
            self.clear()
        given = self[value] = self._function(value)
        return given
