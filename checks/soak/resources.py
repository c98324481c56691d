"""Memory and descriptors of the server's processes, sampled during the soak."""

from __future__ import annotations

import asyncio
import os
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from statistics import mean

from benchmarks.processes import family
from benchmarks.usage import proportional_bytes

MOST_OF_THE_STORE = 16  # more than there are clients that read long answers
GROWTH, GROWTH_BYTES = 1.10, 4 << 20  # between the second third and the last: no leak yet
SETTLE_SECONDS = 90  # for connections to be closed after the last client


@dataclass
class Resources:
    """Samples by process id, the arbiter first: memory in bytes each second, and the numbers of
    open descriptors apart from those of the store's file."""

    pids: list[int]
    before: dict[int, int]
    most: Counter[int] = field(default_factory=Counter)
    after: dict[int, int] = field(default_factory=dict)
    memory: dict[int, list[int]] = field(default_factory=dict)

    @classmethod
    def of(cls, pid: int) -> Resources:
        """Begin, while no client is connected."""
        pids = family(pid)
        return cls(pids, _descriptors(pids))

    def sample(self) -> None:
        """Take a sample."""
        self.most |= Counter(_descriptors(self.pids))
        for pid in self.pids:
            self.memory.setdefault(pid, []).append(proportional_bytes(pid))

    async def settle(self) -> None:
        """Wait until the descriptors are as few as before, at most SETTLE_SECONDS."""
        end = time.monotonic() + SETTLE_SECONDS
        while time.monotonic() < end:
            self.after = _descriptors(self.pids)
            if all(count <= self.before[pid] for pid, count in self.after.items()):
                return
            await asyncio.sleep(0.5)

    def thirds(self, pid: int) -> list[float]:
        """Mean bytes in each third of the run."""
        samples = self.memory[pid]
        third = max(1, len(samples) // 3)
        return [mean(samples[first : first + third]) for first in range(0, 3 * third, third)]

    def leaks(self) -> list[str]:
        """Processes whose memory still grew after the second third, or that kept descriptors.

        Of the store's file SQLite keeps the descriptors of closed connections for later ones, as
        closing one would release the locks of all (https://sqlite.org/src, os_unix.c)."""
        leaks = []
        for pid in self.pids:
            _, second, last = self.thirds(pid)
            if last > second * GROWTH and last - second > GROWTH_BYTES:
                leaks.append(f"process {pid} grew from {second:,.0f} to {last:,.0f} bytes")
            if self.after[pid] > self.before[pid]:
                leaks.append(f"process {pid} kept {self.after[pid] - self.before[pid]} descriptors")
            if (of_store := _count_open(pid, of_store=True)) > MOST_OF_THE_STORE:
                leaks.append(f"process {pid} has {of_store} descriptors of the store's file")
        return leaks


def _descriptors(pids: list[int]) -> dict[int, int]:
    return {pid: _count_open(pid, of_store=False) for pid in pids}


def _count_open(pid: int, *, of_store: bool) -> int:
    """Open descriptors of the store's file, or all others; 0 of a process that has ended."""
    names = []
    with suppress(OSError):
        for descriptor in os.listdir(f"/proc/{pid}/fd"):
            with suppress(OSError):
                names.append(os.readlink(f"/proc/{pid}/fd/{descriptor}"))
    return sum(name.endswith(".db") is of_store for name in names)
