"""Maintenance of a store in SQLite: free pages, VACUUM, checkpoints."""

from __future__ import annotations

import time

from boxis_gateway.store.engines.base import Maintenance
from boxis_gateway.store.engines.errors import translate_errors
from boxis_gateway.store.engines.sqlite.database import SqliteDatabase

TRANSACTION_PAGES = 200  # released in one transaction
INCREMENTAL = 2  # value of PRAGMA auto_vacuum
CHECKPOINT_SECONDS = 0.05  # between two tries


class SqliteMaintenance(Maintenance):
    """Maintenance of a store's file."""

    _database: SqliteDatabase

    @property
    def can_release_pages(self) -> bool:
        return self._pragma("auto_vacuum") == INCREMENTAL  # not so in stores of old versions

    def enable_secure_delete(self) -> None:
        self._pragma("secure_delete = on")

    def release_free_pages(self) -> None:
        free = self._pragma("freelist_count") if self.can_release_pages else 0
        while free:
            with self.throttled_transaction():
                sql = f"PRAGMA incremental_vacuum({TRANSACTION_PAGES})"
                self._database.execute_sql(sql).fetchall()
            before, free = free, self._pragma("freelist_count")
            if free >= before:
                return  # another process frees pages faster; they go next time

    def vacuum_full(self) -> None:
        with translate_errors():
            self._pragma("auto_vacuum = incremental")
            self._database.execute_sql("VACUUM")

    def checkpoint_wal(self, wait_seconds: float) -> bool:
        until = time.monotonic() + wait_seconds
        with translate_errors(), self._database.busy_timeout(0):
            while busy := self._pragma("wal_checkpoint(truncate)"):
                if time.monotonic() >= until:
                    break
                time.sleep(CHECKPOINT_SECONDS)
        return not busy

    def _pragma(self, pragma: str) -> int:
        result, *_ = self._database.execute_sql(f"PRAGMA {pragma}").fetchone() or (0,)
        return int(result)
