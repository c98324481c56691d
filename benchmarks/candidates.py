"""The candidates, each started on a free port over one store, as its users would."""

from __future__ import annotations

import getpass
import grp
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlencode

from benchmarks.postgresql import key_of, url_of
from benchmarks.processes import (
    find_program,
    free_address,
    requests_by_outcome,
    start,
    stop,
    stop_all,
    wait_for_address,
    wait_for_file,
    wait_for_port,
)
from benchmarks.signed_requests import SignedRequest
from benchmarks.usage import Disagreement

PEERS = Path(__file__).parent / "peers"
BIN = Path(sys.executable).parent
METRICS_SECONDS = 3  # a worker writes its counts down once a second
Line = tuple[str, str, str]
"""Method, path and body of a request."""


class Launch(NamedTuple):
    """Parameters of a candidate: its store, a folder for its files, the number of workers (None:
    its own default), and the folder of answers to serve as bytes."""

    store: Path
    folder: Path
    workers: int | None
    answers: Path


@dataclass
class Running:
    """A candidate that listens; `line` and `ending` fit a request and its answer to it. `log` is
    that of a gateway, which has metrics."""

    address: str
    processes: list[subprocess.Popen[bytes]]
    line: Callable[[SignedRequest], Line] = lambda request: ("POST", "/", request.body())
    ending: Callable[[SignedRequest], str] = lambda request: request.ending
    log: Path | None = None

    def lines(self, requests: Sequence[SignedRequest]) -> list[Line]:
        """The requests, signed now."""
        return [self.line(request) for request in requests]

    def requests_served(self) -> int:
        """Requests since its start by its own metrics; 0 if it has none."""
        return requests_by_outcome(self.log).total() if self.log else 0

    def require_served(self, before: int, sent: int, unanswered: int) -> None:
        """Raise Disagreement unless the metrics count as many requests more as a client has sent,
        and at most so many that were unanswered when it stopped."""
        if not self.log:
            return
        end = time.monotonic() + METRICS_SECONDS
        while (served := self.requests_served() - before) < sent and time.monotonic() < end:
            time.sleep(0.1)
        if not sent <= served <= sent + unanswered:
            raise Disagreement(f"{sent} answers by wrk, {served} by the server's metrics")

    def stop(self) -> None:
        """End its processes, the last one first."""
        for process in reversed(self.processes):
            stop(process)


@dataclass(frozen=True)
class Candidate:
    """`kind` of its answers: "rows" as documented, the same in a "table", or "bytes"."""

    title: str
    start: Callable[[Launch], Running]
    kind: str = "rows"


def gateway(launch: Launch) -> Running:
    """The gateway by its command, with logs and metrics on."""
    return _gateway(launch, {})


def gateway_on_postgresql(launch: Launch) -> Running:
    """The gateway over a copy of the store in PostgreSQL."""
    url, key = url_of(launch.store.stem), key_of(launch.store)
    variables = {"BOXIS_GATEWAY_DATABASE_URL": url, "BOXIS_GATEWAY_SECRET_KEY_FILE": str(key)}
    return _gateway(launch, variables)


def _gateway(launch: Launch, variables: Mapping[str, str]) -> Running:
    return start_gateway([str(BIN / "boxis-gateway"), "serve"], launch, variables)


def start_gateway(command: Sequence[str], launch: Launch, variables: Mapping[str, str]) -> Running:
    """A gateway by that command, with settings of its own."""
    log = launch.folder / "log"
    process = start(command, log, {**_environment(launch), **variables})
    return Running(wait_for_address(process, log), [process], log=log)


def bare_flask(launch: Launch) -> Running:
    """A view of the same application on the same server, which serves the bytes of a file."""
    running = _own_server("benchmarks.peers.bare_flask", launch)
    running.line = lambda request: ("POST", f"/bare/{request.workload.name}", request.body())
    return running


def naive_flask(launch: Launch) -> Running:
    """Flask with peewee models, on the gateway's server."""
    return _own_server("benchmarks.peers.naive_flask", launch)


def _own_server(module: str, launch: Launch) -> Running:
    log = launch.folder / "log"
    process = start([sys.executable, "-m", module], log, _environment(launch))
    return Running(wait_for_address(process, log), [process])


def _environment(launch: Launch) -> dict[str, str]:
    return {
        "BOXIS_GATEWAY_DATABASE_URL": f"sqlite:///{launch.store}",
        "BOXIS_GATEWAY_PORT": "0",
        "BOXIS_GATEWAY_WATCH_PORT": "0",
        "BOXIS_GATEWAY_LONGEST_LOCKOUT_SECONDS": "0",  # refusals are measured, too
        "BOXIS_GATEWAY_MAX_STREAMS": "10000",
        "BENCHMARK_ANSWERS": str(launch.answers),
        **({"BOXIS_GATEWAY_WORKERS": str(launch.workers)} if launch.workers else {}),
    }


def fastapi_sqlalchemy(launch: Launch) -> Running:
    """Under uvicorn with uvloop and httptools, access log off."""
    options = ["--loop", "uvloop", "--http", "httptools", "--no-access-log"]
    options += ["--workers", str(launch.workers or 1)]
    command = [sys.executable, "-m", "uvicorn", "benchmarks.peers.fastapi_sqlalchemy:app", *options]
    return _on_free_port(launch, command, {"BENCHMARK_STORE": str(launch.store)})


def datasette(launch: Launch) -> Running:
    """The file served as immutable, so that nothing is counted or checked anew; rows by GET."""
    metadata = _filled("datasette.json", launch, NAME=launch.store.stem)
    command = [str(BIN / "datasette"), "serve", "--immutable", str(launch.store), "--metadata"]
    command.append(str(metadata))
    for setting in ("max_returned_rows 10000", "sql_time_limit_ms 10000", "suggest_facets off"):
        command += ["--setting", *setting.split()]
    running = _on_free_port(launch, command)
    running.line = lambda request: ("GET", _canned_query(launch.store.stem, request), "")
    running.ending = lambda request: '"}]'
    return running


def _canned_query(name: str, request: SignedRequest) -> str:
    values = {"username": request.account.username, "datefrom": request.datefrom}
    return f"/{name}/history.json?{urlencode({'_shape': 'array', **values})}"


def _on_free_port(
    launch: Launch, command: list[str], variables: dict[str, str] | None = None
) -> Running:
    address, log = free_address(), launch.folder / "log"
    process = start([*command, "--port", address.rpartition(":")[2]], log, variables)
    return Running(wait_for_port(process, log, address), [process])


def php(launch: Launch) -> Running:
    """php-fpm with one child a worker, behind nginx."""
    log, socket = launch.folder / "fpm.log", launch.folder / "php.sock"
    as_root = ["--allow-to-run-as-root"] if os.getuid() == 0 else []
    configuration = _filled("php-fpm.conf", launch, WORKERS=str(launch.workers or 1))
    fpm = start([find_program("php-fpm*"), *as_root, "--fpm-config", str(configuration)], log)
    wait_for_file(fpm, log, socket)
    front = _nginx(launch)
    return Running(front.address, [fpm, *front.processes])


def files(launch: Launch) -> Running:
    """Files served by nginx: the floor of HTTP."""
    running = _nginx(launch)
    running.line = lambda request: ("GET", f"/answers/{request.workload.name}", "")
    return running


def _nginx(launch: Launch) -> Running:
    address, log = free_address(), launch.folder / "nginx.out"
    configuration = _filled("nginx.conf", launch, PORT=address.rpartition(":")[2])
    folder, errors = str(launch.folder), str(launch.folder / "nginx.log")
    command = [find_program("nginx"), "-p", folder, "-e", errors, "-c", str(configuration)]
    process = start(command, log)
    return Running(wait_for_port(process, log, address), [process])


def _filled(name: str, launch: Launch, **values: str) -> Path:
    """The file of peers/ with its @WORDS@ replaced, in the candidate's folder."""
    text = (PEERS / name).read_text()
    values |= {
        "FOLDER": str(launch.folder),
        "STORE": str(launch.store),
        "ANSWERS": str(launch.answers),
        "SCRIPT": str(PEERS / "history.php"),
        "USER": getpass.getuser(),
        "GROUP": grp.getgrgid(os.getgid()).gr_name,
    }
    for word, value in values.items():
        text = text.replace(f"@{word}@", value)
    path = launch.folder / name
    path.write_text(text)
    return path


CANDIDATES = {
    "gateway": Candidate("boxis_gateway", gateway),
    "postgresql": Candidate("boxis_gateway on PostgreSQL", gateway_on_postgresql),
    "bare": Candidate("bare Flask view", bare_flask, "bytes"),
    "naive": Candidate("Flask + peewee models + lxml", naive_flask),
    "fastapi": Candidate("FastAPI + SQLAlchemy", fastapi_sqlalchemy),
    "datasette": Candidate("Datasette", datasette, "table"),
    "php": Candidate("PHP + PDO, php-fpm + nginx", php),
    "files": Candidate("nginx, the same bytes as a file", files, "bytes"),
}


class Pool:
    """The running candidates: each starts at its first use and runs until `stop`."""

    def __init__(self, folder: Path, answers: Path) -> None:
        self._folder, self._answers = folder, answers
        self._running: dict[tuple[str, Path, int | None], Running] = {}

    def running(self, name: str, store: Path, workers: int | None = 1) -> Running:
        """The candidate over that store."""
        key = (name, store, workers)
        if key not in self._running:
            self._running[key] = self.fresh(name, store, workers)
        return self._running[key]

    def fresh(self, name: str, store: Path, workers: int | None = 1) -> Running:
        """A candidate without a request before; the caller stops it."""
        folder = self._folder / f"{name}-{len(list(self._folder.iterdir()))}"
        folder.mkdir()
        return CANDIDATES[name].start(Launch(store, folder, workers, self._answers))

    def stop(self) -> None:
        """End them all."""
        stop_all()
        self._running.clear()
