"""Who goes first: short answers at once, long ones piece by piece."""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import Callable


class Turns:
    """Long answers take turns. Between two pieces, whichever answers they belong to, the loop looks
    at all sockets: so a short request waits for one piece at most, however many long answers are
    under way."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiting: deque[Callable[[], object]] = deque()

    def add(self, take_turn: Callable[[], object]) -> None:
        """Call this once, when all that wait now have had theirs."""
        if not self._waiting:
            self._loop.call_soon(self._next)
        self._waiting.append(take_turn)

    def _next(self) -> None:
        take_turn = self._waiting[0]
        try:
            take_turn()
            os.sched_yield()  # to whoever waits for this core: other processes, our clients here
        finally:
            self._waiting.popleft()
            if self._waiting:
                self._loop.call_soon(self._next)
