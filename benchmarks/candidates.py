"""Who takes part, and how each is started: on a free port, over one store, as its users would."""

from __future__ import annotations

import getpass
import grp
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlencode

from benchmarks.asks import Ask
from benchmarks.postgresql import key_of, url_of
from benchmarks.processes import (
    find_program,
    free_address,
    start,
    stop,
    stop_all,
    wait_for_address,
    wait_for_file,
    wait_for_port,
)

PEERS = Path(__file__).parent / "peers"
BIN = Path(sys.executable).parent
Line = tuple[str, str, str]
"""Method, path and body of a request."""


class Place(NamedTuple):
    """Where a candidate runs: over which store, with its files in which folder, how many workers
    (None: as many as it has by default), and where answers lie as files."""

    store: Path
    folder: Path
    workers: int | None
    answers: Path


@dataclass
class Running:
    """A candidate that listens. `line` is how a question is put to it."""

    address: str
    processes: list[subprocess.Popen[bytes]]
    line: Callable[[Ask], Line] = lambda ask: ("POST", "/", ask.body())
    ending: Callable[[Ask], str] = lambda ask: ask.workload.ending

    def stop(self) -> None:
        """End its processes, the last one first."""
        for process in reversed(self.processes):
            stop(process)


@dataclass(frozen=True)
class Candidate:
    """`kind` says what its answers are: "rows" as documented, the same in a "table", or "bytes"."""

    title: str
    start: Callable[[Place], Running]
    kind: str = "rows"


def gateway(place: Place) -> Running:
    """Ours, by its command, with everything on."""
    return _gateway(place, {})


def gateway_on_postgresql(place: Place) -> Running:
    """Ours, over a copy of the store in PostgreSQL."""
    url, key = url_of(place.store.stem), key_of(place.store)
    variables = {"BOXIS_GATEWAY_DATABASE_URL": url, "BOXIS_GATEWAY_SECRET_KEY_FILE": str(key)}
    return _gateway(place, variables)


def _gateway(place: Place, variables: dict[str, str]) -> Running:
    workers = ["--workers", str(place.workers)] if place.workers else []
    log = place.folder / "log"
    command = [str(BIN / "boxis-gateway"), "serve", "--port", "0", "--watch-port", "0", *workers]
    process = start(command, log, _environment(place) | variables)
    return Running(wait_for_address(process, log), [process])


def bare_flask(place: Place) -> Running:
    """A view that answers a file's bytes, in the same application on the same server."""
    running = _own_server("benchmarks.peers.bare_flask", place)
    running.line = lambda ask: ("POST", f"/bare/{ask.workload.name}", ask.body())
    return running


def naive_flask(place: Place) -> Running:
    """On our own server."""
    return _own_server("benchmarks.peers.naive_flask", place)


def _own_server(module: str, place: Place) -> Running:
    log = place.folder / "log"
    process = start([sys.executable, "-m", module], log, _environment(place))
    return Running(wait_for_address(process, log), [process])


def _environment(place: Place) -> dict[str, str]:
    return {
        "BOXIS_GATEWAY_DATABASE_URL": f"sqlite:///{place.store}",
        "BOXIS_GATEWAY_PORT": "0",
        "BOXIS_GATEWAY_LONGEST_LOCKOUT_SECONDS": "0",  # wrong codes are measured, too
        "BOXIS_GATEWAY_MAX_STREAMS": "10000",
        "BENCHMARK_ANSWERS": str(place.answers),
        **({"BOXIS_GATEWAY_WORKERS": str(place.workers)} if place.workers else {}),
    }


def fastapi_sqlalchemy(place: Place) -> Running:
    """Under uvicorn with uvloop and httptools, access log off."""
    address, log = free_address(), place.folder / "log"
    command = [sys.executable, "-m", "uvicorn", "benchmarks.peers.fastapi_sqlalchemy:app"]
    command += ["--loop", "uvloop", "--http", "httptools", "--no-access-log"]
    command += ["--port", address.rpartition(":")[2], "--workers", str(place.workers or 1)]
    process = start(command, log, {"BENCHMARK_STORE": str(place.store)})
    return Running(wait_for_port(process, log, address), [process])


def datasette(place: Place) -> Running:
    """The file as immutable, so that nothing is counted or checked anew; its rows by GET."""
    address, log = free_address(), place.folder / "log"
    metadata = _filled("datasette.json", place, NAME=place.store.stem)
    command = [str(BIN / "datasette"), "serve", "--immutable", str(place.store), "--metadata"]
    command += [str(metadata), "--port", address.rpartition(":")[2]]
    for setting in ("max_returned_rows 10000", "sql_time_limit_ms 10000", "suggest_facets off"):
        command += ["--setting", *setting.split()]
    process = start(command, log)
    running = Running(wait_for_port(process, log, address), [process])
    running.line = lambda ask: ("GET", _canned(place.store.stem, ask), "")
    running.ending = lambda ask: '"}]'
    return running


def _canned(name: str, ask: Ask) -> str:
    values = {"_shape": "array", "username": ask.account.username, "datefrom": ask.datefrom}
    return f"/{name}/history.json?{urlencode(values)}"


def php(place: Place) -> Running:
    """php-fpm with one child a worker, and nginx in front of it."""
    log, socket = place.folder / "fpm.log", place.folder / "php.sock"
    as_root = ["--allow-to-run-as-root"] if os.getuid() == 0 else []
    configuration = _filled("php-fpm.conf", place, WORKERS=str(place.workers or 1))
    fpm = start([find_program("php-fpm*"), *as_root, "--fpm-config", str(configuration)], log)
    wait_for_file(fpm, log, socket)
    front = _nginx(place)
    return Running(front.address, [fpm, *front.processes])


def files(place: Place) -> Running:
    """nginx answers files: the floor of HTTP."""
    running = _nginx(place)
    running.line = lambda ask: ("GET", f"/answers/{ask.workload.name}", "")
    return running


def _nginx(place: Place) -> Running:
    address, log = free_address(), place.folder / "nginx.out"
    configuration = _filled("nginx.conf", place, PORT=address.rpartition(":")[2])
    command = [
        find_program("nginx"),
        "-p",
        str(place.folder),
        "-e",
        str(place.folder / "nginx.log"),
    ]
    process = start([*command, "-c", str(configuration)], log)
    return Running(wait_for_port(process, log, address), [process])


def _filled(name: str, place: Place, **values: str) -> Path:
    """The file of peers/ with its @WORDS@ replaced, in the candidate's folder."""
    text = (PEERS / name).read_text()
    values |= {
        "FOLDER": str(place.folder),
        "STORE": str(place.store),
        "ANSWERS": str(place.answers),
        "SCRIPT": str(PEERS / "history.php"),
        "USER": getpass.getuser(),
        "GROUP": grp.getgrgid(os.getgid()).gr_name,
    }
    for word, value in values.items():
        text = text.replace(f"@{word}@", value)
    path = place.folder / name
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


class Stage:
    """The candidates that run. Each is started when it is first asked for, and stays."""

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
        """One that nobody has asked yet; the caller stops it."""
        folder = self._folder / f"{name}-{len(list(self._folder.iterdir()))}"
        folder.mkdir()
        return CANDIDATES[name].start(Place(store, folder, workers, self._answers))

    def stop(self) -> None:
        """End them all."""
        stop_all()
        self._running.clear()
