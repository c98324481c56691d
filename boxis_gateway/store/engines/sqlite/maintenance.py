"""Work on a store that takes long, beside those who use it; and the room that its file takes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from boxis_gateway.store.engines import base as engine
from boxis_gateway.store.engines.errors import translate_errors
from boxis_gateway.store.engines.sqlite.database import SqliteDatabase

PAGES_AT_ONCE = 200  # given back in one transaction
INCREMENTAL = 2  # what SQLite says of a file that can give room back
LOOK_AGAIN_SECONDS = 0.05


class Maintenance(engine.Maintenance):
    """What keeps the file of a store in order."""

    def __init__(self, database: SqliteDatabase) -> None:
        self._database = database

    @contextmanager
    def throttled_transaction(self, account_id: int | None = None) -> Iterator[None]:
        """A short transaction of many. Behind it others have their turn, for as long as it took: a
        lock of SQLite's has no queue, who waits looks whether it is free."""
        with translate_errors(), self._database.atomic():
            began = time.monotonic()
            yield
        time.sleep(time.monotonic() - began)

    @property
    def can_release_pages(self) -> bool:
        """Whether the file gets smaller without being rewritten; those of old stores don't."""
        return self._pragma("auto_vacuum") == INCREMENTAL

    def enable_secure_delete(self) -> None:
        """From now on this connection writes zeros over what it deletes."""
        self._pragma("secure_delete = on")

    def release_free_pages(self) -> None:
        """Cut free pages off the file, some at a time."""
        free = self._pragma("freelist_count") if self.can_release_pages else 0
        while free:
            with self.throttled_transaction():
                sql = f"PRAGMA incremental_vacuum({PAGES_AT_ONCE})"
                self._database.execute_sql(sql).fetchall()
            before, free = free, self._pragma("freelist_count")
            if free >= before:
                return  # somebody else has freed more meanwhile; next time

    def vacuum_full(self) -> None:
        """Write the whole file anew, from what it holds: nothing deleted stands in it any more,
        once `checkpoint_wal` has come to its end. Other writers wait meanwhile."""
        with translate_errors():
            self._pragma("auto_vacuum = incremental")
            self._database.execute_sql("VACUUM")

    def checkpoint_wal(self, wait_seconds: float) -> bool:
        """Bring what the write-ahead log holds into the file, and empty it; whether that was done.
        It has to wait for those who read an older state; writers are not held up meanwhile."""
        until = time.monotonic() + wait_seconds
        with translate_errors(), self._database.nowait():
            while busy := self._pragma("wal_checkpoint(truncate)"):
                if time.monotonic() >= until:
                    break
                time.sleep(LOOK_AGAIN_SECONDS)
        return not busy

    def _pragma(self, words: str) -> int:
        row = self._database.execute_sql(f"PRAGMA {words}").fetchone()
        return int(row[0]) if row else 0
