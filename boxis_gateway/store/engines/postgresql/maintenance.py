"""Maintenance of a store in PostgreSQL: throttled transactions and VACUUM.

Deleted rows are gone after `vacuum_full`. The write-ahead log is kept for replicas and archives as
long as the server's operator decides (docs/retention.md).
"""

from __future__ import annotations

from boxis_gateway.store.engines.base import Maintenance
from boxis_gateway.store.engines.errors import translate_errors


class PostgresqlMaintenance(Maintenance):
    """Maintenance beside autovacuum."""

    can_release_pages = True  # VACUUM makes their space free for new rows

    def release_free_pages(self) -> None:
        self._vacuum("VACUUM")

    def vacuum_full(self) -> None:
        self._vacuum("VACUUM FULL")

    def _vacuum(self, command: str) -> None:
        with translate_errors():
            for table in self._database.get_tables():
                self._database.execute_sql(f"{command} {table}")
