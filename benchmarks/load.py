"""Load: the clients, started as processes of their own, and their results."""

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

from benchmarks.candidates import Line, Running
from benchmarks.processes import CouldNotRun, clean_environment
from benchmarks.signed_requests import SignedRequest
from benchmarks.usage import require_agreement

CONNECTIONS = 16
CLIENTS = Path(__file__).parent / "clients"
START_SECONDS = 1.0  # at most, for a client to start and to end


class Rate(NamedTuple):
    """Result of a closed loop: requests a second, mean bytes of an answer with its head, failed and
    wrong answers, and all answers."""

    requests: float
    bytes: float
    errors: int
    wrong: int
    answers: int


def closed_loop(
    address: str,
    lines: Sequence[Line],
    seconds: float,
    *,
    ending: str = "",
    connections: int = CONNECTIONS,
) -> Rate:
    """Load by wrk: each connection sends its next request when it has its answer. With `ending`
    each answer has to contain that text, a check that slows wrk down."""
    with request_file(lines) as file:
        options = [ending] if ending else []
        command = _wrk("walk.lua", address, file, *options, threads=1, connections=connections)
        started = time.perf_counter()
        result = _result(_run(command, seconds))
        wall_seconds = time.perf_counter() - started
    require_agreement("seconds of wrk", result["seconds"], wall_seconds, 0.02, START_SECONDS)
    count, rate = result["requests"], result["requests"] / result["seconds"]
    return Rate(rate, result["bytes"] / max(1, count), result["errors"], result["wrong"], count)


def open_loop(
    running: Running, requests: Sequence[SignedRequest], rate: float, seconds: float
) -> dict[str, float]:
    """Load at a constant rate: clients/open_loop.py."""
    with request_file(running.lines(requests)) as file:
        options = [str(file), str(rate), str(seconds), running.ending(requests[0])]
        result: dict[str, float] = json.loads(_run(_client("open_loop", running.address, *options)))
    require_agreement("requests of the open loop", result["requests"], rate * seconds, 0.01)
    return result


def paced_loop(
    address: str, lines: Sequence[Line], rate: float, seconds: float, ending: str
) -> dict[str, float]:
    """Load by wrk at a constant rate, by CONNECTIONS in all: the numbers `requests` and `wrong`,
    the `seconds` in which they were due, and `p50` and `p99` in milliseconds."""
    with request_file(lines) as file:
        options = [ending, str(rate), str(CONNECTIONS)]
        result: dict[str, float] = _result(_run(_wrk("pace.lua", address, file, *options), seconds))
    return result


class NumberedWrites:
    """Writes under way in a process of their own, a number in each: clients/number.lua."""

    def __init__(self, address: str, lines: Sequence[Line], first: int) -> None:
        self._file = request_file(lines)
        command = _wrk("number.lua", address, self._file.__enter__(), "success", str(first))
        self._process = subprocess.Popen(
            command, stdout=subprocess.PIPE, text=True, env=clean_environment()
        )

    def stop(self) -> list[int]:
        """End them; the numbers that were acknowledged."""
        self._process.send_signal(signal.SIGINT)
        output = self._process.communicate()[0]
        self._file.__exit__(None, None, None)
        acknowledged: list[int] = _result(output)
        return acknowledged


class Streams:
    """Readers of long answers, under way in a process of their own: clients/streams.py."""

    def __init__(
        self, running: Running, request: SignedRequest, count: int, seconds: float = 0
    ) -> None:
        self._file = request_file(running.lines([request]))
        options = [str(self._file.__enter__()), str(count), str(seconds), running.ending(request)]
        self._started = time.perf_counter()
        self._process = subprocess.Popen(
            _client("streams", running.address, *options),
            stdout=subprocess.PIPE,
            text=True,
            env=clean_environment(),
        )

    def results(self) -> list[dict[str, Any]]:
        """Wait for the end; an object for each answer."""
        output = self._process.communicate()[0]
        self.wall_seconds = time.perf_counter() - self._started
        self._file.__exit__(None, None, None)
        return [json.loads(line) for line in output.splitlines()]


@contextmanager
def request_file(lines: Sequence[Line]) -> Iterator[Path]:
    """The requests as the clients read them."""
    with tempfile.NamedTemporaryFile("w", suffix=".requests") as file:
        file.writelines("\t".join(line) + "\n" for line in lines)
        file.flush()
        yield Path(file.name)


def _wrk(
    script: str,
    address: str,
    file: Path,
    *options: str,
    threads: int = CONNECTIONS,
    connections: int = CONNECTIONS,
) -> list[str]:
    command = ["wrk", "--threads", str(threads), "--connections", str(connections)]
    command += ["--timeout", "30s", "--duration", "1h", "--script", str(CLIENTS / script)]
    return [*command, address, "--", str(file), *options]


def _result(output: str) -> Any:
    """The JSON that a script of wrk prints."""
    line = next(line for line in output.splitlines() if line.startswith("JSON "))
    return json.loads(line.removeprefix("JSON "))


def _client(name: str, *arguments: str) -> list[str]:
    return [sys.executable, "-m", f"benchmarks.clients.{name}", *arguments]


def _run(command: Sequence[str], seconds: float = 0) -> str:
    """Run a client; its output. With `seconds` it is interrupted then, which ends wrk in order."""
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=clean_environment()
    )
    try:
        if seconds:
            time.sleep(seconds)
            process.send_signal(signal.SIGINT)
        output, complaint = process.communicate()
    finally:
        process.kill()  # of use only if this process is terminated meanwhile
    if process.returncode:
        raise CouldNotRun(f"{command[:3]} ended with {process.returncode}: {complaint[-1500:]}")
    return output
