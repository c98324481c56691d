"""A store in PostgreSQL, alone or with Citus: how it is made, migrated and looked after."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg

from boxis_gateway.errors import StoreError
from boxis_gateway.store.engines import base as engine
from boxis_gateway.store.engines.base import EVERY_ACCOUNT, Advice, Engine, Sizes
from boxis_gateway.store.engines.errors import DATABASE_ERRORS, translate_errors
from boxis_gateway.store.engines.postgresql.advice import ADVICE, ADVICE_SQL
from boxis_gateway.store.engines.postgresql.baseline import BASELINE, statements
from boxis_gateway.store.engines.postgresql.citus import SPREAD, SPREAD_SQL, has_citus
from boxis_gateway.store.engines.postgresql.database import PostgresDatabase
from boxis_gateway.store.engines.postgresql.url import name_of
from boxis_gateway.store.engines.schema_version import is_current

READ_ONLY_SQL = "SELECT current_setting('transaction_read_only') = 'on'"
ENCODING_SQL = "SELECT current_setting('server_encoding')"
SIZE_SQL = "SELECT pg_database_size(current_database())"


class PostgresqlEngine(Engine):
    """A database of a server, in which nobody else has tables."""

    database: PostgresDatabase

    def __init__(self, url: str, lock_seconds: float) -> None:
        self.name = name_of(url)
        self.database = PostgresDatabase(url, lock_seconds)
        self.health = Health(self.database)
        self.maintenance = Maintenance(self.database)

    def create(self) -> None:
        """Nothing: a database is made with `createdb`. Raises StoreError if there is none."""
        self.require_own_database()

    def require_own_database(self) -> None:
        """Raises StoreError if the database cannot be reached, or has somebody else's tables."""
        with translate_errors():
            tables = self.database.get_tables()
        if tables and "schema_migration" not in tables:
            raise StoreError(
                f"{self.name} has tables of something else. Choose a database of its own."
            )

    @contextmanager
    def migration_transaction(self, seal: Callable[[str], str]) -> Iterator[None]:
        """A transaction, in which nobody else writes. Raises StoreError."""
        self._seal = seal
        with translate_errors(), self.database.write_transaction(EVERY_ACCOUNT):
            yield

    def apply_migrations(self, runner: Any) -> list[str]:
        """Make the tables if there are none, and run later migrations; the names of both."""
        applied: list[str] = []
        if not self.database.get_tables():
            self._require_utf8()
            self._make_tables()
            applied = runner.fake(BASELINE)
        return [*applied, *runner.up()]

    def _require_utf8(self) -> None:
        encoding = str(self.database.execute_sql(ENCODING_SQL, ()).fetchone()[0])
        if encoding != "UTF8":
            raise StoreError(
                f"{self.name} is in {encoding}, where not every text fits. Make a database with "
                "'createdb --encoding=UTF8 --template=template0'."
            )

    def _make_tables(self) -> None:
        for statement in statements():
            self.database.execute_sql(statement)
        sql = "INSERT INTO secret (name, value) VALUES ('key_check', ?)"
        self.database.execute_sql(sql, (self._seal("boxis-gateway"),))
        if has_citus(self.database):
            for table in SPREAD:
                self.database.execute_sql(SPREAD_SQL.format(table))

    def wipe(self) -> None:
        """Nothing: no older version wrote here."""

    def needs_wipe(self) -> bool:
        """Never: no older version wrote here."""
        return False

    def require_current_schema(self) -> None:
        """Raises StoreError unless the tables are of this version."""
        if not is_current(self.database):
            raise StoreError(
                f"{self.name} is no store of this version. 'boxis-gateway doctor' looks closer."
            )

    def find_damage(self) -> str:
        """Nothing: PostgreSQL says so by itself where it finds any (docs/backup.md)."""
        return ""

    def require_no_transaction_pooler(self) -> None:
        """Raises StoreError if a pooler lends a connection of the server to several of ours: what
        one has set or prepared would be another's."""
        with translate_errors():
            has_transaction_pooler = self.database.has_transaction_pooler()
        if has_transaction_pooler:
            raise StoreError(
                f"{self.name} is a pooler that gives each transaction another connection. Set "
                "pool_mode = session for this database, or name the server itself."
            )

    def advice(self) -> list[Advice]:
        """What the server does not let us do, settings by which it may lose what it has
        acknowledged, or lets us do too much. Raises StoreError."""
        with translate_errors():
            values = self.database.execute_sql(ADVICE_SQL, ()).fetchone()
        return [
            advice._replace(text=f"{self.name}: {advice.text}")
            for is_so, advice in zip(values, ADVICE.values(), strict=True)
            if is_so
        ]


class Health(engine.Health):
    """What can be told of the server and of this process's connections to it."""

    def __init__(self, database: PostgresDatabase) -> None:
        self._database = database

    def unready_reason(self) -> str:
        """One word why requests can't be answered, or nothing can be written; or ""."""
        try:
            if not is_current(self._database):
                return "outdated"
            read_only = self._database.execute_sql(READ_ONLY_SQL, ()).fetchone()[0]
        except (StoreError, psycopg.Error, *DATABASE_ERRORS):
            return "unreadable"
        return "read-only" if read_only else ""

    def sizes(self) -> Sizes:
        """The size of the database; its log and its disk are the server's matter."""
        try:
            return Sizes(int(self._database.execute_sql(SIZE_SQL, ()).fetchone()[0]), None, None)
        except (psycopg.Error, *DATABASE_ERRORS):
            return Sizes(0, None, None)

    def connections(self) -> dict[str, int]:
        """See StoreDatabase.connections."""
        return self._database.connections()


class Maintenance(engine.Maintenance):
    """What keeps a database in order; the rest autovacuum does."""

    def __init__(self, database: PostgresDatabase) -> None:
        self._database = database

    @contextmanager
    def throttled_transaction(self, account_id: int | None = None) -> Iterator[None]:
        """A short transaction of many. Locks have queues here, but disks and replicas need their
        turns."""
        database = self._database
        with translate_errors():
            transaction = (
                database.atomic() if account_id is None else database.write_transaction(account_id)
            )
            with transaction:
                began = time.monotonic()
                yield
        time.sleep(time.monotonic() - began)

    def enable_secure_delete(self) -> None:
        """Nothing: what is deleted is gone with `rewrite`."""

    @property
    def can_release_pages(self) -> bool:
        """Always: VACUUM makes room for new rows."""
        return True

    def release_free_pages(self) -> None:
        """Make the room of what is deleted free for new rows."""
        self._vacuum("VACUUM")

    def vacuum_full(self) -> None:
        """Write the tables anew. Whoever reads or writes one of them waits meanwhile."""
        self._vacuum("VACUUM FULL")

    def _vacuum(self, word: str) -> None:
        with translate_errors():
            for table in self._database.get_tables():
                self._database.execute_sql(f"{word} {table}")

    def checkpoint_wal(self, wait_seconds: float) -> bool:
        """Nothing: the server's own log is kept for replicas and archives as long as its operator
        wants it to (docs/retention.md)."""
        return True
