"""SQLite as a store uses it: one driver for everything (apsw), and how its connections are set up.

Python's own `sqlite3` takes twice as long for a row (docs/performance.md). It must not be used
beside: it brings another copy of SQLite, and two copies in one process undo each other's locks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import apsw
from peewee import Model, __exception_wrapper__  # type: ignore[attr-defined, unused-ignore]
from playhouse.apsw_ext import APSWDatabase

from boxis_gateway.errors import ConfigurationError, StoreError
from boxis_gateway.store.engines.base import Parameters, Row, StoreDatabase
from boxis_gateway.store.engines.sqlite import rows as sqlite_rows
from boxis_gateway.store.engines.sqlite.file_identity import NO_FILE, FileIdentity, file_id

TRIGGERS_SQL = """
    SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'audit_entry'
"""
LOCK_SECONDS = 15  # how long a writer waits for another; imports write in short transactions
CACHE_KIB = 2048  # of pages that a connection keeps
ASIDE_CACHE_KIB = 128  # who reads from one end to the other sees each page once
PRAGMAS = {
    "cache_size": -CACHE_KIB,
    "journal_mode": "wal",  # readers and the one writer don't wait for each other
    "synchronous": "full",  # what was acknowledged survives a power cut
    "foreign_keys": 1,
}
# A connection belongs to one thread at a time, so SQLite need not lock it against others. And it
# makes no file: a store that is gone must not come back empty.
OPEN_FLAGS = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_NOMUTEX


# Set for good in an empty file: `auto_vacuum` lets maintenance.py release free pages. The order
# matters: `journal_mode` makes the file.
LAYOUT = {"auto_vacuum": "incremental", "journal_mode": "wal"}


class SqliteDatabase(StoreDatabase, APSWDatabase):  # type: ignore[misc]
    """A file of SQLite. Connections are per thread, opened by use."""

    merges_ordered_unions = True

    def __init__(
        self,
        path: Path,
        lock_seconds: float = LOCK_SECONDS,
        pragmas: Mapping[str, object] = PRAGMAS,
    ) -> None:
        super().__init__(
            str(path),
            pragmas=dict(pragmas),
            lock_type="IMMEDIATE",
            flags=OPEN_FLAGS,
            timeout=lock_seconds,
        )
        self._lock_seconds = lock_seconds
        self._set_aside = 0

    def execute_sql(self, sql: str, params: Parameters | None = None) -> Any:
        """See StoreDatabase."""
        with __exception_wrapper__:
            cursor = self.cursor()
            cursor.execute(sql, params)
            return cursor

    def stream(self, sql: str, parameters: Sequence[Any]) -> Iterator[list[Row]]:
        """See StoreDatabase; the rest is read as it is iterated."""
        with __exception_wrapper__:
            cursor = self.cursor()
            cursor.execute(sql, parameters)  # execute_sql would enter the wrapper once more
            return sqlite_rows.batches(cursor)

    def select_in(self, sql: str, account_id: int, *lists: Sequence[Any]) -> Iterator[Row]:
        """See StoreDatabase."""
        if not all(lists):
            return iter(())
        length, values = sqlite_rows.filled(lists)
        sql = sql.replace("IN (?)", f"IN ({', '.join('?' * length)})")
        rows: Iterator[Row] = self.execute_sql(sql, (account_id, *values))
        return rows

    def bulk_inserter(self, table: type[Model]) -> sqlite_rows.Insert:
        """See StoreDatabase."""
        return sqlite_rows.Insert(self, table)

    def ensure_partitions(self, times: Sequence[str]) -> None:
        """There is."""

    def snapshot(self) -> sqlite_rows.Snapshot:
        """See StoreDatabase."""
        return sqlite_rows.Snapshot(self.connection())

    def write_transaction(self, account_id: int) -> AbstractContextManager[Any]:
        """See StoreDatabase; there is one writer at a time."""
        transaction: AbstractContextManager[Any] = self.atomic()
        return transaction

    @contextmanager
    def without_foreign_keys(self) -> Iterator[None]:
        """See StoreDatabase."""
        self.execute_sql("PRAGMA foreign_keys = OFF")
        try:
            yield
        finally:
            self.execute_sql("PRAGMA foreign_keys = ON")

    @contextmanager
    def without_audit_triggers(self) -> Iterator[None]:
        """See StoreDatabase; who else has the file open never sees it without its triggers."""
        triggers = self.execute_sql(TRIGGERS_SQL).fetchall()
        for name, _ in triggers:
            self.execute_sql(f"DROP TRIGGER {name}")
        yield
        for _, sql in triggers:
            self.execute_sql(sql)

    def read_transaction(self) -> AbstractContextManager[Any]:
        """See StoreDatabase."""
        transaction: AbstractContextManager[Any] = self.transaction("DEFERRED")
        return transaction

    def version(self) -> int:
        """See StoreDatabase."""
        return int(self.execute_sql("PRAGMA user_version").fetchone()[0])

    def set_version(self, version: int) -> None:
        """See StoreDatabase."""
        self.execute_sql(f"PRAGMA user_version = {version}")

    def check_connection(self) -> None:
        """Let go of this thread's connection if its file is not at its place any more.

        Raises StoreError if there is no file, or if it can't be opened yet: because of what the one
        before it has left beside it."""
        try:
            there = file_id(self.database)
            if there is None or there != self._place.file:
                self._part()
        except OSError as problem:
            raise StoreError(
                f"The store {self.database} cannot be reached: {problem.strerror}. "
                "Check its folder and disk."
            ) from None
        if there is None:
            raise StoreError(
                f"There is no store at {self.database} any more. Put it back, or restore a backup."
            )

    def _part(self) -> None:
        """Close the connection to a file that was moved away, deleted or replaced. All that it was
        told is brought into it; then what stands beside it is of no use, and in the way."""
        left_over = self._place.leftover_sidecars(self.database)
        if left_over and (self.is_closed() or not self._complete_file()):
            raise StoreError(
                f"{left_over[0]} is still that of the store which was at {self.database} before. "
                "If it stays: stop the server, move that file away and start again."
            )
        for file in left_over:
            file.unlink(missing_ok=True)
        self.close()

    def _complete_file(self) -> bool:
        """Bring the write-ahead log into the file; whether that is done, which has to wait for
        those who read an older state."""
        _, frames, done = self.execute_sql("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        return bool(frames == done)

    @property
    def _place(self) -> FileIdentity:
        """What this thread's connection was opened on."""
        place: FileIdentity = getattr(self._state, "place", NO_FILE)
        return place

    def _connect(self) -> Any:
        place = FileIdentity(
            file_id(self.database)
        )  # before: the next look tells whether it was this one
        connection = super()._connect()
        self._state.place = place.with_sidecars(self.database)
        return connection

    def _close(self, conn: Any) -> None:
        # The numbers of files that nobody holds open are soon those of others.
        self._state.place = NO_FILE
        super()._close(conn)

    @contextmanager
    def nowait(self) -> Iterator[None]:
        """Writes don't wait for another writer, but fail."""
        connection = self.connection()
        connection.set_busy_timeout(0)
        try:
            yield
        finally:
            connection.set_busy_timeout(int(self._lock_seconds * 1000))

    def detach_connection(self) -> Callable[[], None]:
        """Leave this thread's connection to who reads from it now: they go on with the state that
        they see, while whoever asks next has a connection of their own and sees the newest. They
        call what is returned when they are done."""
        connection, place = self.connection(), self._place
        connection.execute(f"PRAGMA cache_size = -{ASIDE_CACHE_KIB}")
        self._state.reset()
        self._set_aside += 1

        def take_back() -> None:
            """Use it again, or close it if this thread has another."""
            self._set_aside -= 1
            if self.is_closed() and place == self._place:
                connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
                self._state.set_connection(connection)
            else:
                connection.close()

        return take_back

    def connections(self) -> dict[str, int]:
        """How many are open in this process, and how many of these are set aside."""
        return {"open": len(apsw.connections()), "set_aside": self._set_aside}

    def _add_conn_hooks(self, connection: Any) -> None:
        connection.convert_binding = _converted
        connection.create_scalar_function("has_folded", _has_folded, 2, deterministic=True)
        # Else SQLite may plan a statement anew each time that its parameters change.
        connection.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, True)
        super()._add_conn_hooks(connection)


def sqlite_path(url: str) -> Path:
    """The file of `sqlite:///PATH`. Raises ConfigurationError for any other URL."""
    if not url.startswith("sqlite:///"):
        scheme = url.split("://", 1)[0]
        raise ConfigurationError(f"A store is sqlite:///PATH; {scheme!r} is not supported.")
    path = url.removeprefix("sqlite:///")
    if path in ("", ":memory:"):
        raise ConfigurationError("A store needs a file: sqlite:///PATH.")
    try:
        path.encode()
    except UnicodeEncodeError:
        raise ConfigurationError("The path of a store is text in UTF-8.") from None
    return Path(path)


def _has_folded(text: str, folded: str) -> bool:
    """Whether the text contains the other one, which is folded; SQLite knows the case of ASCII."""
    return folded in text.casefold()


def _converted(cursor: Any, number: int, value: object) -> str:
    """Times, which the table of migrations has, are kept as text."""
    if isinstance(value, datetime):
        return value.isoformat(" ")
    raise TypeError(f"parameter {number} is a {type(value).__name__}")
