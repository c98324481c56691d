"""Positions of `import --follow` in logs."""

from __future__ import annotations

from typing import NamedTuple

from boxis_gateway.store.engines.base import StoreDatabase
from boxis_gateway.store.engines.errors import translate_errors
from boxis_gateway.store.engines.schema_version import require_unmigrated

SELECT_SQL = """
    SELECT head_octets, head_digest, position, line, latest FROM followed_log WHERE path = ?
"""
REPLACE_SQL = """
    INSERT INTO followed_log VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (path) DO UPDATE SET
        head_octets = excluded.head_octets, head_digest = excluded.head_digest,
        position = excluded.position, line = excluded.line, latest = excluded.latest
"""


class LogPosition(NamedTuple):
    """Position in a log file, after `position` octets and `line` lines. The file is identified by a
    digest of its first `head_octets`, also after a rotation. `latest` is the last time in it."""

    head_octets: int
    head_digest: str
    position: int
    line: int
    latest: str | None


class LogPositions:
    """Positions by the path of the log."""

    def __init__(self, database: StoreDatabase) -> None:
        self._database = database

    def find(self, path: str) -> LogPosition | None:
        """The last position in the log."""
        with translate_errors():
            row = self._database.execute_sql(SELECT_SQL, (path,)).fetchone()
        return LogPosition(*row) if row else None

    def keep(self, path: str, position: LogPosition) -> None:
        """Store the position."""
        with translate_errors(), self._database.atomic():
            require_unmigrated(self._database)
            self._database.execute_sql(REPLACE_SQL, (path, *position))
