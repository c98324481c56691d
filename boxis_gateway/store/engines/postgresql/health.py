"""Health of a store in PostgreSQL: readiness and size."""

from __future__ import annotations

import psycopg

from boxis_gateway.errors import StoreError
from boxis_gateway.store.engines.base import Health, Sizes
from boxis_gateway.store.engines.errors import DATABASE_ERRORS
from boxis_gateway.store.engines.postgresql.database import PostgresDatabase
from boxis_gateway.store.engines.schema_version import is_current

READ_ONLY_SQL = "SELECT current_setting('transaction_read_only') = 'on'"
SIZE_SQL = "SELECT pg_database_size(current_database())"


class PostgresqlHealth(Health):
    """Health of a database; only its server knows about log and disk."""

    def __init__(self, database: PostgresDatabase) -> None:
        self._database = database

    def unready_reason(self) -> str:
        try:
            if not is_current(self._database):
                return "outdated"
            read_only = self._database.scalar(READ_ONLY_SQL)
        except (StoreError, psycopg.Error, *DATABASE_ERRORS):
            return "unreadable"
        return "read-only" if read_only else ""

    def sizes(self) -> Sizes:
        try:
            return Sizes(int(self._database.scalar(SIZE_SQL)), None, None)
        except (psycopg.Error, *DATABASE_ERRORS):
            return Sizes(0, None, None)
