"""Scheduling: short answers at once, long ones piece by piece, deferred ones when ready."""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import Callable
from contextlib import suppress


class Turns:
    """A round-robin queue of long answers.

    After each piece the loop polls all sockets, so a short request waits for one piece at most,
    however many long answers are in progress."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._queue: deque[Callable[[], object]] = deque()
        self._from_threads: deque[Callable[[], object]] = deque()
        self._is_woken = False

    def add(self, step: Callable[[], object]) -> None:
        """Call `step` once, after all steps that are queued now."""
        if not self._queue:
            self._loop.call_soon(self._next)
        self._queue.append(step)

    def call_from_thread(self, step: Callable[[], object]) -> None:
        """Call `step` soon in the loop; for other threads. Many steps wake the loop once."""
        self._from_threads.append(step)
        if not self._is_woken:
            self._is_woken = True
            with suppress(RuntimeError):  # the loop is closed
                self._loop.call_soon_threadsafe(self._run_from_threads)

    def _run_from_threads(self) -> None:
        self._is_woken = False  # before the first look: a step that comes later wakes again
        try:
            while self._from_threads:
                self._from_threads.popleft()()
        finally:
            if self._from_threads:  # a step has failed
                self._loop.call_soon(self._run_from_threads)

    def _next(self) -> None:
        step = self._queue[0]
        try:
            step()
            os.sched_yield()  # to other processes that wait for this core, such as local clients
        finally:
            self._queue.popleft()
            if self._queue:
                self._loop.call_soon(self._next)
