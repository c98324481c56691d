"""PostgreSQL engine: creates, checks and migrates a store's tables."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from boxis_gateway.errors import StoreError
from boxis_gateway.store.engines.base import EVERY_ACCOUNT, Advice, Engine
from boxis_gateway.store.engines.errors import translate_errors
from boxis_gateway.store.engines.postgresql.advice import ADVICE, ADVICE_SQL
from boxis_gateway.store.engines.postgresql.baseline import BASELINE, statements
from boxis_gateway.store.engines.postgresql.citus import (
    DISTRIBUTE_SQL,
    DISTRIBUTED_TABLES,
    has_citus,
)
from boxis_gateway.store.engines.postgresql.database import PostgresDatabase
from boxis_gateway.store.engines.postgresql.health import PostgresqlHealth
from boxis_gateway.store.engines.postgresql.maintenance import PostgresqlMaintenance
from boxis_gateway.store.engines.postgresql.url import display_name
from boxis_gateway.store.engines.schema_version import is_current

CONNECTION_LIMIT_SQL = """
    SELECT least(
        current_setting('max_connections')::int
            - current_setting('superuser_reserved_connections')::int,
        (SELECT nullif(rolconnlimit, -1) FROM pg_roles WHERE rolname = current_user),
        (SELECT nullif(datconnlimit, -1) FROM pg_database WHERE datname = current_database())
    )
"""
ENCODING_SQL = "SELECT current_setting('server_encoding')"


class PostgresqlEngine(Engine):
    """A store in a database of its own."""

    database: PostgresDatabase

    def __init__(self, url: str, lock_seconds: float) -> None:
        self.name = display_name(url)
        self.database = PostgresDatabase(url, lock_seconds)
        self.health = PostgresqlHealth(self.database)
        self.maintenance = PostgresqlMaintenance(self.database)

    def create(self) -> None:
        """Raise StoreError if there is no database: `createdb` makes it."""
        self.require_own_database()

    def require_own_database(self) -> None:
        with translate_errors():
            tables = self.database.get_tables()
        if tables and "schema_migration" not in tables:
            raise StoreError(
                f"{self.name} has tables of something else. Choose a database of its own."
            )

    @contextmanager
    def migration_transaction(self, seal: Callable[[str], str]) -> Iterator[None]:
        self._seal = seal
        with translate_errors(), self.database.write_transaction(EVERY_ACCOUNT):
            yield

    def apply_migrations(self, runner: Any) -> list[str]:
        """Create the tables of BASELINE in an empty database, then run later migrations."""
        applied: list[str] = []
        if not self.database.get_tables():
            self._require_utf8()
            self._create_tables()
            applied = runner.fake(BASELINE)
        return [*applied, *runner.up()]

    def _require_utf8(self) -> None:
        encoding = str(self.database.scalar(ENCODING_SQL))
        if encoding != "UTF8":
            raise StoreError(
                f"{self.name} has the encoding {encoding}, which lacks characters. Make a database "
                "with 'createdb --encoding=UTF8 --template=template0'."
            )

    def _create_tables(self) -> None:
        for statement in statements():
            self.database.execute_sql(statement)
        sql = "INSERT INTO secret (name, value) VALUES ('key_check', ?)"
        self.database.execute_sql(sql, (self._seal("boxis-gateway"),))
        if has_citus(self.database):
            for table in DISTRIBUTED_TABLES:
                self.database.execute_sql(DISTRIBUTE_SQL.format(table))

    def require_current_schema(self) -> None:
        if not is_current(self.database):
            raise StoreError(
                f"{self.name} is not a store of this version. Run 'boxis-gateway doctor'."
            )

    def require_no_transaction_pooler(self) -> None:
        """Raise StoreError if a pooler shares a server connection between several of ours: settings
        and prepared statements would get mixed up."""
        with translate_errors():
            has_pooler = self.database.has_transaction_pooler()
        if has_pooler:
            raise StoreError(
                f"{self.name} is a pooler that gives each transaction another connection. Set "
                "pool_mode = session for this database, or name the server itself."
            )

    def connection_limit(self) -> int:
        with translate_errors():
            return int(self.database.scalar(CONNECTION_LIMIT_SQL))

    def advice(self) -> list[Advice]:
        with translate_errors():
            values = self.database.execute_sql(ADVICE_SQL).fetchone()
        return [
            advice._replace(text=f"{self.name}: {advice.text}")
            for is_true, advice in zip(values, ADVICE.values(), strict=True)
            if is_true
        ]
