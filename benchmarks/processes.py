"""Processes: started with their output in a file, awaited, stopped."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from urllib.request import urlopen

START_SECONDS, STOP_SECONDS = 60, 15
OUTCOMES = re.compile(r'^boxis_gateway_requests_total\{.*outcome="(\w+)".*\} (\S+)$', re.M)
STARTED: list[subprocess.Popen[bytes]] = []


class CouldNotRun(Exception):
    """A program that is missing, did not start, or ended with a failure."""


def start(
    command: Sequence[str], log: Path, environ: Mapping[str, str] | None = None
) -> subprocess.Popen[bytes]:
    """The process, in a session of its own, with both outputs in the file."""
    with open(log, "wb") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env={**clean_environment(), **(environ or {})},
            start_new_session=True,
        )
    STARTED.append(process)
    return process


def clean_environment() -> dict[str, str]:
    """The environment without the gateway's settings."""
    return {name: text for name, text in os.environ.items() if "BOXIS_GATEWAY_" not in name}


@contextlib.contextmanager
def serving(
    environ: Mapping[str, str], log: Path, workers: int = 2
) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """A running gateway and its port."""
    options = ("serve", "--port", "0", "--watch-port", "0", "--workers", str(workers))
    process = start([sys.executable, "-m", "boxis_gateway", *options], log, environ)
    try:
        yield process, int(wait_for_address(process, log).rsplit(":", 1)[1])
    finally:
        stop(process)


def requests_by_outcome(log: Path) -> Counter[str]:
    """Requests since the start of the gateway with that log, by outcome, from its metrics. Each
    worker updates them once a second."""
    url = re.search(r"http://\S+/metrics", log.read_text(errors="replace"))
    assert url
    with urlopen(url[0], timeout=10) as response:
        text = response.read().decode()
    counts: Counter[str] = Counter()
    for outcome, count in OUTCOMES.findall(text):
        counts[outcome] += int(float(count))
    return counts


def wait_for_address(process: subprocess.Popen[bytes], log: Path) -> str:
    """The address in the process's log. Raises CouldNotRun."""
    for _ in _alive(process, log):
        if match := re.search(r"listens on (http://\S+)", log.read_text(errors="replace")):
            return match[1].rstrip("/")
    raise AssertionError


def wait_for_port(process: subprocess.Popen[bytes], log: Path, address: str) -> str:
    """The address itself, once something listens there. Raises CouldNotRun."""
    host, port = address.removeprefix("http://").split(":")
    for _ in _alive(process, log):
        with contextlib.suppress(OSError), socket.create_connection((host, int(port)), 1):
            return address
    raise AssertionError


def wait_for_file(process: subprocess.Popen[bytes], log: Path, path: Path) -> None:
    """Return once the file exists. Raises CouldNotRun."""
    for _ in _alive(process, log):
        if path.exists():
            return


def _alive(process: subprocess.Popen[bytes], log: Path) -> Iterator[None]:
    """A tick, again and again, while the process lives and START_SECONDS are not over."""
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and process.poll() is None:
        yield
        time.sleep(0.03)
    output = log.read_text(errors="replace")[-2000:]
    raise CouldNotRun(f"{process.args!r} did not start: {output}")


def stop(process: subprocess.Popen[bytes]) -> None:
    """Terminate it, and kill its session if that takes longer than STOP_SECONDS."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def stop_all() -> None:
    """Stop every process that `start` has started, the last one first."""
    while STARTED:
        stop(STARTED.pop())


def find_program(name: str) -> str:
    """The path of a program, or of the newest that fits the pattern. Raises CouldNotRun."""
    folders = [*os.get_exec_path(), "/usr/sbin"]
    paths = [path for folder in folders for path in sorted(Path(folder).glob(name), reverse=True)]
    if not paths:
        raise CouldNotRun(f"{name} is missing. Install it with: sh tools/packages.sh bench")
    return str(paths[0])


def free_address() -> str:
    """`http://127.0.0.1:PORT` with a port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"


@contextlib.contextmanager
def processors_apart(pids: Sequence[int]) -> Iterator[None]:
    """Keep these processes and all their descendants on the first processor, and this one with the
    clients that it starts on the others: neither waits for the other's turn. Afterwards this
    process may run everywhere again. Does nothing on a machine with one processor."""
    allowed = os.sched_getaffinity(0)
    first, *others = sorted(allowed)
    if not others:
        yield
        return
    for pid in pids:
        for thread in _threads(pid):
            os.sched_setaffinity(thread, {first})
    os.sched_setaffinity(0, others)
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)


def _threads(pid: int) -> Iterator[int]:
    for process in family(pid):
        yield from (int(path.name) for path in Path(f"/proc/{process}/task").iterdir())


def family(pid: int) -> list[int]:
    """The process and all its descendants."""
    pids = [pid]
    for parent in pids:
        for children in Path(f"/proc/{parent}/task").glob("*/children"):
            with contextlib.suppress(OSError):
                pids += map(int, children.read_text().split())
    return pids
