"""What is looked at while clients are served: memory and descriptors of each process."""

from __future__ import annotations

import asyncio
import os
import re
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean

from benchmarks.processes import family

MOST_OF_THE_STORE = 16  # there are fewer clients that read long answers
GROWTH, GROWTH_BYTES = 1.10, 4 << 20  # between the second third and the last: what is no leak
CALM_SECONDS = 90  # for connections to be let go of, when all clients are gone


@dataclass
class Watch:
    """Samples of a server's processes, by process id, the arbiter first: bytes each second, and
    descriptors."""

    pids: list[int]
    before: dict[int, int]
    most: Counter[int] = field(default_factory=Counter)
    after: dict[int, int] = field(default_factory=dict)
    memory: dict[int, list[int]] = field(default_factory=dict)

    @classmethod
    def of(cls, pid: int) -> Watch:
        """Begin, while there is no client."""
        pids = family(pid)
        return cls(pids, _descriptors(pids))

    def look(self) -> None:
        """Take a sample."""
        self.most |= Counter(_descriptors(self.pids))
        for pid in self.pids:
            self.memory.setdefault(pid, []).append(_own_bytes(pid))

    async def calm_down(self) -> None:
        """Look at descriptors when they are as few as before, or when that has taken too long."""
        end = time.monotonic() + CALM_SECONDS
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
        """Processes whose memory went on growing behind the first third, or that did not let go of
        descriptors."""
        found = []
        for pid in self.pids:
            _, second, last = self.thirds(pid)
            if last > second * GROWTH and last - second > GROWTH_BYTES:
                found.append(f"process {pid} grew from {second:,.0f} to {last:,.0f} bytes")
            if self.after[pid] > self.before[pid]:
                found.append(f"process {pid} kept {self.after[pid] - self.before[pid]} descriptors")
            if store_descriptors(pid) > MOST_OF_THE_STORE:
                found.append(f"process {pid} has {store_descriptors(pid)} of the store's file")
        return found


def _descriptors(pids: list[int]) -> dict[int, int]:
    return {pid: descriptors(pid) for pid in pids}


def descriptors(pid: int) -> int:
    """How many are open beside those of the store's file; 0 of a process that is gone."""
    return sum(not name.endswith(".db") for name in _open_files(pid))


def store_descriptors(pid: int) -> int:
    """How many are open of the store's file. SQLite keeps those of connections that are closed, for
    the next: closing one would let go of the locks of all (https://sqlite.org/src, os_unix.c). So
    there are as many as there were connections at the same time."""
    return sum(name.endswith(".db") for name in _open_files(pid))


def _open_files(pid: int) -> list[str]:
    names = []
    with suppress(OSError):
        for descriptor in os.listdir(f"/proc/{pid}/fd"):
            with suppress(OSError):
                names.append(os.readlink(f"/proc/{pid}/fd/{descriptor}"))
    return names


def _own_bytes(pid: int) -> int:
    """Proportional set size: shared pages count by the share."""
    try:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0
    found = re.search(r"^Pss:\s+(\d+)", rollup, re.M)
    return int(found[1]) * 1024 if found else 0
