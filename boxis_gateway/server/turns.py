"""Round-robin scheduling: short answers at once, long ones piece by piece."""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import Callable


class Turns:
    """A round-robin queue of long answers.

    After each piece the loop polls all sockets, so a short request waits for one piece at most,
    however many long answers are in progress."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._queue: deque[Callable[[], object]] = deque()

    def add(self, step: Callable[[], object]) -> None:
        """Call `step` once, after all steps that are queued now."""
        if not self._queue:
            self._loop.call_soon(self._next)
        self._queue.append(step)

    def _next(self) -> None:
        step = self._queue[0]
        try:
            step()
            os.sched_yield()  # to other processes that wait for this core, such as local clients
        finally:
            self._queue.popleft()
            if self._queue:
                self._loop.call_soon(self._next)
