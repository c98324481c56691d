"""Load: the clients, started, and what they say."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.asks import Ask
from benchmarks.candidates import Running
from benchmarks.processes import CouldNotRun, clean_environment

CONNECTIONS = 16
WALK = Path(__file__).parent / "clients" / "walk.lua"


class Rate(NamedTuple):
    """A closed loop: requests a second, bytes of an answer with its head, answers that failed."""

    requests: float
    bytes: float
    errors: int
    wrong: int


def closed_loop(running: Running, asks: Sequence[Ask], seconds: float, check: bool = False) -> Rate:
    """CONNECTIONS connections, each asks again when it has its answer. `check` looks for the ending
    in each answer, which takes wrk some time."""
    with request_file(running, asks) as file:
        command = ["wrk", "--threads", "1", "--connections", str(CONNECTIONS), "--timeout", "30s"]
        command += ["--duration", "1h", "--script", str(WALK), running.address, "--", str(file)]
        said = _run(command + ([running.ending(asks[0])] if check else []), seconds)
    line = next(line for line in said.splitlines() if line.startswith("JSON "))
    found = json.loads(line.removeprefix("JSON "))
    count = max(1, found["requests"])
    rate = found["requests"] / found["seconds"]
    return Rate(rate, found["bytes"] / count, found["errors"], found["wrong"])


def open_loop(
    running: Running, asks: Sequence[Ask], rate: float, seconds: float
) -> dict[str, float]:
    """See clients/open_loop.py."""
    with request_file(running, asks) as file:
        words = [running.address, str(file), str(rate), str(seconds), running.ending(asks[0])]
        found: dict[str, float] = json.loads(_run(_client("open_loop", *words)))
    return found


class Streams:
    """Readers of long answers, under way in a process of their own; see clients/streams.py."""

    def __init__(self, running: Running, ask: Ask, count: int, seconds: float = 0) -> None:
        self._file = request_file(running, [ask])
        words = [str(self._file.__enter__()), str(count), str(seconds), running.ending(ask)]
        command = _client("streams", running.address, *words)
        self._process = subprocess.Popen(
            command, stdout=subprocess.PIPE, text=True, env=clean_environment()
        )

    def results(self) -> list[dict[str, Any]]:
        """Wait for the end; an object for each answer."""
        said = self._process.communicate()[0]
        self._file.__exit__(None, None, None)
        return [json.loads(line) for line in said.splitlines()]


@contextmanager
def request_file(running: Running, asks: Sequence[Ask]) -> Iterator[Path]:
    """The requests, signed now, as the clients read them."""
    with tempfile.NamedTemporaryFile("w", suffix=".requests") as file:
        file.writelines("\t".join(running.line(ask)) + "\n" for ask in asks)
        file.flush()
        yield Path(file.name)


def _client(name: str, *words: str) -> list[str]:
    return [sys.executable, "-m", f"benchmarks.clients.{name}", *words]


def _run(command: Sequence[str], seconds: float = 0) -> str:
    """What the command prints. With `seconds` it is interrupted after that time, as wrk may be."""
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=clean_environment()
    )
    if seconds:
        time.sleep(seconds)
        process.send_signal(signal.SIGINT)
    said, complaint = process.communicate()
    if process.returncode:
        raise CouldNotRun(f"{command[:3]} ended with {process.returncode}: {complaint[-1500:]}")
    return said
