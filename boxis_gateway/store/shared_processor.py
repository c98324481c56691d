"""Processor that the threads of a server process share while it writes (Linux: sched(7)).

Only one thread of a process runs Python at a time. On one processor, threads take turns at the
cost of a switch; on two, each turn wakes the other processor, which takes longer, and a write has a
dozen turns. A process that only reads runs where the system wants it.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence, Set
from contextlib import suppress
from pathlib import Path

PROCESSOR_FIELD = 36  # of /proc/thread-self/stat (proc(5)), from the field after the name


class SharedProcessor:
    """The processor of the calling thread, for as long as another thread shares it."""

    def __init__(self) -> None:
        self._allowed: Set[int] = frozenset()  # before
        self._threads: Sequence[int] = ()

    def share(self, thread: threading.Thread) -> None:
        """Keep the calling thread and that one on the processor where the calling thread runs now,
        until `release`. Does nothing while one is shared, or if the system has no such choice."""
        if self._threads or not thread.native_id or not hasattr(os, "sched_setaffinity"):
            return
        self._allowed = os.sched_getaffinity(0)
        with suppress(OSError):
            stat = Path("/proc/thread-self/stat").read_text()
            processor = int(stat.rpartition(")")[2].split()[PROCESSOR_FIELD])
            self._threads = (threading.get_native_id(), thread.native_id)
            self._move({processor})

    def release(self) -> None:
        """Let both run where the system wants them."""
        self._move(self._allowed)
        self._threads = ()

    def leave(self) -> None:
        """Let the calling thread, which one of them has started, run where the system wants it."""
        if self._allowed:
            with suppress(OSError):
                os.sched_setaffinity(0, self._allowed)

    def _move(self, processors: Set[int]) -> None:
        for thread in self._threads:
            with suppress(OSError):  # it has ended
                os.sched_setaffinity(thread, processors)
