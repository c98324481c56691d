"""Times of the parts of a program, each without the parts that it calls."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Generator, Iterator
from typing import Any

from benchmarks.usage import require_agreement


class Stopwatch:
    """Seconds by part. Timing costs some 0.2 µs a call."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self._inner = [0.0]  # time of the timed parts inside each running one

    def wrap(self, owner: Any, function: str, part: str) -> None:
        """Time `owner.function` as that part from now on; a generator that it returns, too."""
        original = getattr(owner, function)

        def timed(*args: Any, **named: Any) -> Any:
            started = self._begin()
            try:
                result = original(*args, **named)
            finally:
                self._end(part, started)
            return self._each(part, result) if isinstance(result, Generator) else result

        setattr(owner, function, timed)

    def rounds(self, run: Callable[[], object], count: int) -> dict[str, float]:
        """Seconds of the parts in the quickest of so many rounds; "" is the rest. Raises
        Disagreement if the parts of a round don't add up to its duration."""
        best: dict[str, float] = {}
        for _ in range(count):
            self.seconds.clear()
            before, started = time.monotonic(), self._begin()
            run()
            self._end("", started)
            parts, duration = sum(self.seconds.values()), time.monotonic() - before
            require_agreement("seconds of the parts", parts, duration, 0.01, 0.01)
            if not best or parts < sum(best.values()):
                best = dict(self.seconds)
        return best

    def _each(self, part: str, items: Iterator[Any]) -> Iterator[Any]:
        while True:
            started = self._begin()
            try:
                item = next(items)
            except StopIteration:
                return
            finally:
                self._end(part, started)
            yield item

    def _begin(self) -> float:
        self._inner.append(0.0)
        return time.perf_counter()

    def _end(self, part: str, started: float) -> None:
        taken = time.perf_counter() - started
        self.seconds[part] += taken - self._inner.pop()
        self._inner[-1] += taken


def quickest(run: Callable[[], object], rounds: int = 3) -> float:
    """Seconds of the quickest round."""
    seconds = []
    for _ in range(rounds):
        started = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - started)
    return min(seconds)
