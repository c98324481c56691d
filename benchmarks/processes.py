"""Processes: started with their words in a file, waited for, stopped, looked at."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

START_SECONDS, STOP_SECONDS = 60, 15
STARTED: list[subprocess.Popen[bytes]] = []


class CouldNotRun(Exception):
    """Something that is needed did not start, or ended badly."""


def start(
    command: Sequence[str], log: Path, env: Mapping[str, str] | None = None
) -> subprocess.Popen[bytes]:
    """The process, in a session of its own, with both outputs in the file."""
    with open(log, "wb") as words:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=words,
            stderr=words,
            env={**clean_environment(), **(env or {})},
            start_new_session=True,
        )
    STARTED.append(process)
    return process


def clean_environment() -> dict[str, str]:
    """Ours, without what would set up the gateway."""
    return {name: text for name, text in os.environ.items() if "BOXIS_GATEWAY_" not in name}


@contextlib.contextmanager
def serving(
    environ: Mapping[str, str], log: Path, workers: int = 2
) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """A gateway of some processes, and its port."""
    words = ("serve", "--port", "0", "--watch-port", "0", "--workers", str(workers))
    process = start([sys.executable, "-m", "boxis_gateway", *words], log, environ)
    try:
        yield process, int(wait_for_address(process, log).rsplit(":", 1)[1])
    finally:
        stop(process)


def wait_for_address(process: subprocess.Popen[bytes], log: Path) -> str:
    """The address that the process says it listens on."""
    for _ in _alive(process, log):
        if found := re.search(r"listens on (http://\S+)", log.read_text(errors="replace")):
            return found[1].rstrip("/")
    raise AssertionError


def wait_for_port(process: subprocess.Popen[bytes], log: Path, address: str) -> str:
    """The address itself, when somebody listens there."""
    host, port = address.removeprefix("http://").split(":")
    for _ in _alive(process, log):
        with contextlib.suppress(OSError), socket.create_connection((host, int(port)), 1):
            return address
    raise AssertionError


def wait_for_file(process: subprocess.Popen[bytes], log: Path, path: Path) -> None:
    """Return when the file is there."""
    for _ in _alive(process, log):
        if path.exists():
            return


def _alive(process: subprocess.Popen[bytes], log: Path) -> Iterator[None]:
    """A tick, again and again, while the process lives and has not taken too long."""
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and process.poll() is None:
        yield
        time.sleep(0.03)
    words = log.read_text(errors="replace")[-2000:]
    raise CouldNotRun(f"{process.args!r} did not start: {words}")


def stop(process: subprocess.Popen[bytes]) -> None:
    """Ask it to end, and make it end if it does not."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def stop_all() -> None:
    """Everything that was started here, the last one first."""
    while STARTED:
        stop(STARTED.pop())


def find_program(name: str) -> str:
    """The path of a program, or the newest one of that pattern. Raises CouldNotRun."""
    folders = [*os.get_exec_path(), "/usr/sbin"]
    found = [path for folder in folders for path in sorted(Path(folder).glob(name), reverse=True)]
    if not found:
        raise CouldNotRun(f"{name} is missing. It comes with: sh tools/packages.sh bench")
    return str(found[0])


def free_address() -> str:
    """`http://127.0.0.1:PORT` with a port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"


def family(pid: int) -> list[int]:
    """The process and all that descend from it."""
    pids = [pid]
    for one in pids:
        for children in Path(f"/proc/{one}/task").glob("*/children"):
            with contextlib.suppress(OSError):
                pids += map(int, children.read_text().split())
    return pids


def anonymous_bytes(pids: Sequence[int]) -> int:
    """Memory of the processes that no file stands behind."""
    total = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
            total += sum(int(n) * 1024 for n in re.findall(r"^Anonymous:\s+(\d+)", rollup, re.M))
    return total


def processor_seconds(pid: int) -> float:
    """What a process and its children, those of before included, have had of the processors."""
    ticks = 0
    for one in family(pid):
        with contextlib.suppress(OSError):
            told = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
            ticks += sum(map(int, told[11 : 15 if one == pid else 13]))
    return ticks / os.sysconf("SC_CLK_TCK")


class MemoryWatch(threading.Thread):
    """The most anonymous memory that a process and its children have while this is entered."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self._pids = family(pid)
        self._over = threading.Event()
        self.peak = 0

    def run(self) -> None:
        while not self._over.wait(0.05):
            self.peak = max(self.peak, anonymous_bytes(self._pids))

    def __enter__(self) -> MemoryWatch:
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        self.join()
