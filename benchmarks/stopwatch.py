"""How long each part of a program takes, without the parts that it calls."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


class Stopwatch:
    """Seconds by the name of the part. Watching costs some 0.2 us for each call."""

    def __init__(self) -> None:
        self.seconds: Counter[str] = Counter()
        self._inner = [0.0]  # time of the watched parts inside each that is running

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """What runs inside is this part."""
        started = self._begin()
        try:
            yield
        finally:
            self._end(name, started)

    def watch(self, owner: Any, function: str, name: str) -> None:
        """From now on `owner.function` is this part; if it returns an iterator, so is what that
        does for each of its items."""
        original = getattr(owner, function)

        def watched(*args: Any, **named: Any) -> Any:
            started = self._begin()
            try:
                made = original(*args, **named)
            finally:
                self._end(name, started)
            return self._each(name, made) if hasattr(made, "__next__") else made

        setattr(owner, function, watched)

    def rounds(self, run: Callable[[], object], count: int) -> dict[str, float]:
        """Seconds of the parts in the quickest of so many rounds; "" is all of it."""
        best: dict[str, float] = {}
        for _ in range(count):
            self.seconds.clear()
            with self.part(""):
                started = time.perf_counter()
                run()
                whole = time.perf_counter() - started
            if not best or whole < sum(best.values()):
                best = dict(self.seconds)
        return best

    def _each(self, name: str, items: Iterator[Any]) -> Iterator[Any]:
        while True:
            started = self._begin()
            try:
                item = next(items)
            except StopIteration:
                return
            finally:
                self._end(name, started)
            yield item

    def _begin(self) -> float:
        self._inner.append(0.0)
        return time.perf_counter()

    def _end(self, name: str, started: float) -> None:
        taken = time.perf_counter() - started
        self.seconds[name] += taken - self._inner.pop()
        self._inner[-1] += taken


def quickest(run: Callable[[], object], rounds: int = 3) -> float:
    """Seconds of the quickest round; for a million rows that is µs a row."""
    seconds = []
    for _ in range(rounds):
        started = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - started)
    return min(seconds)
