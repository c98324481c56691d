"""Copies of the store that may change, and the server over them (peers/writing_gateway.py)."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.answers import check
from benchmarks.bench import Bench
from benchmarks.candidates import Launch, Running, start_gateway
from benchmarks.postgresql import key_of, psql, server, url_of
from benchmarks.processes import clean_environment
from benchmarks.signed_requests import Workload, signed_requests
from benchmarks.stores import DATA

ENGINES = ("SQLite", "PostgreSQL")
NAME = "writable"
DISCONNECT = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{}'"
TABLE = "CREATE TABLE benchmark_write (id {} PRIMARY KEY, number bigint NOT NULL, part integer)"
WRITING_GATEWAY = (sys.executable, "-m", "benchmarks.peers.writing_gateway")


@dataclass
class WritableStore:
    """A copy with the table `benchmark_write`. `shell` is a command that runs the SQL after it."""

    bench: Bench
    engine: str
    url: str
    shell: Sequence[str]
    servers: list[Running] = field(default_factory=list)

    def serve(self, workers: int, variables: Mapping[str, str] | None = None) -> Running:
        """A gateway over it, after a check of its answers. Raises WrongAnswer."""
        store, folder = self.bench.store, Path(tempfile.mkdtemp(dir=self.bench.folder))
        launch = Launch(store, folder, workers, self.bench.answers)
        settings = {"DATABASE_URL": self.url, "SECRET_KEY_FILE": str(key_of(store))}
        environ = {f"BOXIS_GATEWAY_{name}": text for name, text in settings.items()}
        running = start_gateway(WRITING_GATEWAY, launch, {**environ, **(variables or {})})
        self.servers.append(running)
        requests = signed_requests(store, Workload(10, "xml"))
        check(running, "rows", store, requests, self.bench.answers)
        return running

    def query(self, sql: str) -> Iterator[list[str]]:
        """Rows of a query."""
        output = subprocess.run(
            [*self.shell, sql],
            stdout=subprocess.PIPE,
            text=True,
            check=True,
            env=clean_environment(),
        ).stdout
        return (line.split("|") for line in output.splitlines())

    def rows(self) -> int:
        """Rows of its table."""
        ((count,),) = self.query("SELECT count(*) FROM benchmark_write")
        return int(count)


@contextmanager
def writable_stores(bench: Bench) -> Iterator[list[WritableStore]]:
    """A copy for each engine, until the end of the block."""
    with sqlite_copy(bench) as sqlite, postgresql_copy(bench) as postgresql:
        try:
            yield [sqlite, postgresql]
        finally:
            for running in (*sqlite.servers, *postgresql.servers):
                running.stop()


@contextmanager
def sqlite_copy(bench: Bench) -> Iterator[WritableStore]:
    """A copy of the store's file beside it."""
    path = DATA.resolve() / f"{NAME}.db"  # a VFS of apsw accepts no symbolic link
    _remove(path)
    shutil.copyfile(bench.store, path)
    os.sync()  # no pages of the copy are left to be written while something is measured
    store = WritableStore(bench, "SQLite", f"sqlite:///{path}", ["sqlite3", str(path)])
    list(store.query(TABLE.format("integer")))
    try:
        yield store
    finally:
        _remove(path)


def _remove(path: Path) -> None:
    for file in path.parent.glob(f"{path.name}*"):
        file.unlink()


@contextmanager
def postgresql_copy(bench: Bench) -> Iterator[WritableStore]:
    """A copy of the store's database on the same server, whose other clients are disconnected."""
    url_of(bench.store.stem)  # makes it
    drop = f"DROP DATABASE IF EXISTS {NAME} WITH (FORCE)"
    server().psql(drop)
    server().psql(DISCONNECT.format(bench.store.stem))
    server().psql(f"CREATE DATABASE {NAME} TEMPLATE {bench.store.stem} STRATEGY file_copy")
    url = str(server().get_uri(NAME))
    store = WritableStore(bench, "PostgreSQL", url, [psql(), "-X", "-At", url, "-c"])
    list(store.query(TABLE.format("bigserial")))
    try:
        yield store
    finally:
        server().psql(drop)
