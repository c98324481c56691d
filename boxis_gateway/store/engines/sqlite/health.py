"""How a store is at the moment, for who watches it. Nothing here waits or takes long."""

from __future__ import annotations

import os
from pathlib import Path

from boxis_gateway.errors import StoreError
from boxis_gateway.store.engines import base as engine
from boxis_gateway.store.engines.base import Sizes
from boxis_gateway.store.engines.errors import DATABASE_ERRORS
from boxis_gateway.store.engines.schema_version import is_current
from boxis_gateway.store.engines.sqlite.database import SqliteDatabase

LEAST_BYTES_FREE = 1 << 20  # a write needs some pages of the file and of the log before it


class Health(engine.Health):
    """What can be told of a store's file and of this process's connections to it."""

    def __init__(self, database: SqliteDatabase, path: Path) -> None:
        self._database, self._path = database, path

    def unready_reason(self) -> str:
        """One word why requests can't be answered, or nothing can be written; or ""."""
        try:
            if not self._path.exists():
                return "missing"
            if not is_current(self._database):
                return "outdated"
        except (OSError, StoreError, *DATABASE_ERRORS):
            return "unreadable"
        if not all(os.access(place, os.W_OK) for place in (self._path, self._path.parent)):
            return "read-only"
        return "full" if (self.sizes().free or 0) < LEAST_BYTES_FREE else ""

    def sizes(self) -> Sizes:
        """The sizes; 0 for what is not there."""
        beside = self._path.with_name(f"{self._path.name}-wal")
        try:
            disk = os.statvfs(self._path.parent)
        except OSError:
            return Sizes(0, 0, 0)
        return Sizes(_size(self._path), _size(beside), disk.f_bavail * disk.f_frsize)

    def connections(self) -> dict[str, int]:
        """How many connections are open in this process, and how many of them are set aside."""
        return self._database.connections()


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
