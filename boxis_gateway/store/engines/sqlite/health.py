"""Health of a store in SQLite: readiness and sizes."""

from __future__ import annotations

import os
from pathlib import Path

from boxis_gateway.errors import StoreError
from boxis_gateway.store.engines.base import Health, Sizes
from boxis_gateway.store.engines.errors import DATABASE_ERRORS
from boxis_gateway.store.engines.schema_version import is_current
from boxis_gateway.store.engines.sqlite.database import SqliteDatabase

LEAST_BYTES_FREE = 1 << 20  # a write needs some pages of the file and of the log before it


class SqliteHealth(Health):
    """Health of a store's file."""

    def __init__(self, database: SqliteDatabase, path: Path) -> None:
        self._database, self._path = database, path

    def unready_reason(self) -> str:
        try:
            if not self._path.exists():
                return "missing"
            if not is_current(self._database):
                return "outdated"
        except (OSError, StoreError, *DATABASE_ERRORS):
            return "unreadable"
        if not all(os.access(path, os.W_OK) for path in (self._path, self._path.parent)):
            return "read-only"
        return "full" if (self.sizes().free or 0) < LEAST_BYTES_FREE else ""

    def sizes(self) -> Sizes:
        wal = self._path.with_name(f"{self._path.name}-wal")
        try:
            disk = os.statvfs(self._path.parent)
        except OSError:
            return Sizes(0, 0, 0)
        return Sizes(_size(self._path), _size(wal), disk.f_bavail * disk.f_frsize)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
