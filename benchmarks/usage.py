"""Time and memory of processes, each measured in two independent ways that have to agree."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from benchmarks.processes import CouldNotRun, family

LAUNCHER = """
import json, resource, subprocess, sys, time
started = time.perf_counter()
status = subprocess.run(sys.argv[1:]).returncode
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
print(json.dumps([time.perf_counter() - started, peak]))
sys.exit(status)
"""
LAUNCH_SECONDS = 1.0  # at most, for the launcher itself


class Disagreement(Exception):
    """Two measurements of one figure that differ by more than their errors."""


def require_agreement(
    figure: str, first: float, second: float, share: float, slack: float = 0
) -> None:
    """Raise Disagreement if the two differ by more than `share` of the larger one plus `slack`."""
    if abs(first - second) > share * max(first, second) + slack:
        raise Disagreement(f"{figure}: {first:,.6g} by one measurement, {second:,.6g} by another")


class Measured(NamedTuple):
    """Output of a command, its seconds, and its largest resident set in bytes."""

    output: str
    seconds: float
    peak_bytes: int


def run_measured(command: Sequence[str], environ: Mapping[str, str]) -> Measured:
    """Run a command to its end. Raises CouldNotRun, Disagreement.

    ru_maxrss of a process begins with the size of the process that started it (getrusage(2)), so a
    small launcher starts the command. The second peak is VmHWM, polled while the command runs."""
    started = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-c", LAUNCHER, *command],
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with Peaks(lambda: status_bytes(family(process.pid)[1:], "VmHWM"), interval=0.005) as polled:
        output, complaint = process.communicate()
    wall_seconds = time.perf_counter() - started
    if process.returncode:
        raise CouldNotRun(f"{command} ended with {process.returncode}: {complaint[-1500:]}")
    *lines, figures = output.splitlines()
    seconds, peak = json.loads(figures)
    require_agreement(f"seconds of {command[:2]}", seconds, wall_seconds, 0.02, LAUNCH_SECONDS)
    require_agreement(f"peak memory of {command[:2]}", peak, polled.peaks[0], 0.25)
    return Measured("\n".join(lines), seconds, peak)


def anonymous_bytes(pids: Sequence[int]) -> int:
    """Memory of the processes that has no file behind it, counted page by page."""
    return sum(_kilobytes(pid, "smaps_rollup", "Anonymous") for pid in pids) * 1024


def status_bytes(pids: Sequence[int], field: str) -> int:
    """The sum of a field of /proc/PID/status, such as RssAnon, from the kernel's counters."""
    return sum(_kilobytes(pid, "status", field) for pid in pids) * 1024


def proportional_bytes(pid: int) -> int:
    """Proportional set size: a shared page counts by its share."""
    return _kilobytes(pid, "smaps_rollup", "Pss") * 1024


def _kilobytes(pid: int, file: str, field: str) -> int:
    with suppress(OSError):  # the process has ended
        if match := re.search(rf"^{field}:\s+(\d+)", Path(f"/proc/{pid}/{file}").read_text(), re.M):
            return int(match[1])
    return 0


class Peaks(threading.Thread):
    """The largest value of each reader while this is entered."""

    def __init__(self, *readers: Callable[[], int], interval: float = 0.05) -> None:
        super().__init__(daemon=True)
        self._readers, self._interval = readers, interval
        self._stopped = threading.Event()
        self.peaks = [0] * len(readers)

    def run(self) -> None:
        while not self._stopped.wait(self._interval):
            self.peaks = [
                max(peak, read()) for peak, read in zip(self.peaks, self._readers, strict=True)
            ]

    def __enter__(self) -> Peaks:
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stopped.set()
        self.join()
