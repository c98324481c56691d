"""Long answers under way, by account: each holds a view of the store, and some memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable

from boxis_gateway.errors import LimitReached

WAIT_SECONDS = 1


class StreamLimit:
    """Counts in this process."""

    def __init__(self) -> None:
        self._under_way: Counter[Hashable] = Counter()

    def begin(self, whose: Hashable, most: int) -> Callable[[], None]:
        """One more; call what is returned at its end. Raises LimitReached beyond `most`."""
        if self._under_way[whose] >= most:
            raise LimitReached("streams", WAIT_SECONDS)
        self._under_way[whose] += 1
        return lambda: self._end(whose)

    def _end(self, whose: Hashable) -> None:
        self._under_way[whose] -= 1
        if not self._under_way[whose]:
            del self._under_way[whose]
