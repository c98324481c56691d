"""SQLite connections of a store, by apsw.

Python's own `sqlite3` takes twice as long for a row (docs/performance.md). Never use both: it
brings another copy of SQLite, and two copies in one process drop each other's file locks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import apsw
from peewee import Model, __exception_wrapper__  # type: ignore[attr-defined, unused-ignore]
from playhouse.apsw_ext import APSWDatabase

from boxis_gateway.errors import ConfigurationError, StoreError
from boxis_gateway.store.engines.base import Parameters, Row, StoreDatabase
from boxis_gateway.store.engines.row_stream import Release, RowStream
from boxis_gateway.store.engines.sqlite.dialect import SQLITE
from boxis_gateway.store.engines.sqlite.file_identity import NO_FILE, FileIdentity, file_id
from boxis_gateway.store.engines.sqlite.rows import RowInserter, SqliteSnapshot, row_stream
from boxis_gateway.store.engines.sqlite.write_queue import GROUP, TRANSACTION, WriteQueue

TRIGGERS_SQL = """
    SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'audit_entry'
"""
LOCK_SECONDS = 15  # how long a writer waits for another; imports write in short transactions
CACHE_KIB = 2048  # pages that a connection keeps
STREAM_CACHE_KIB = 128  # a stream reads each page once
PRAGMAS = {
    "cache_size": -CACHE_KIB,
    "journal_mode": "wal",  # readers and the one writer don't wait for each other
    "synchronous": "full",  # what was acknowledged survives a power cut
    "foreign_keys": 1,
}
NEW_FILE_PRAGMAS = {"auto_vacuum": "incremental", "journal_mode": "wal"}
"""Permanent settings of a new file. The order matters: `journal_mode` makes the file. With
incremental auto_vacuum, maintenance.py can release free pages."""

# A connection belongs to one thread at a time, so SQLite need not lock it against others. And it
# makes no file: a store that is gone must not come back empty.
OPEN_FLAGS = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_NOMUTEX


class SqliteDatabase(StoreDatabase, APSWDatabase):  # type: ignore[misc]
    """A store's file and this process's connections to it."""

    dialect = SQLITE

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
        self._epoch = 0  # connections of an earlier one are outdated
        self._write_queue = WriteQueue(str(path))

    def execute_sql(self, sql: str, params: Parameters | None = None) -> Any:
        with __exception_wrapper__:
            cursor = self.cursor()
            cursor.execute(sql, params)
            return cursor

    def stream(self, sql: str, parameters: Sequence[Any]) -> RowStream[list[Row]]:
        with __exception_wrapper__:
            connection = self.connection()
            cursor = connection.cursor()
            cursor.execute(sql, parameters)  # execute_sql would enter the wrapper once more
            return row_stream(cursor, partial(self.detach, connection))

    def bulk_inserter(self, table: type[Model]) -> RowInserter:
        return RowInserter(self, table)

    def snapshot(self) -> SqliteSnapshot:
        return SqliteSnapshot(self.connection(), self.detach)

    def begin(self, lock_type: str | None = None) -> None:
        """Begin a transaction; unless a lock type is given, in the turn of this thread to write."""
        with __exception_wrapper__:
            if lock_type:
                self.cursor().execute(f"BEGIN {lock_type}")
                return
            self._write_queue.enter(TRANSACTION, self._lock_seconds)
            try:
                self.cursor().execute("BEGIN IMMEDIATE")
            except BaseException:
                self._write_queue.leave(TRANSACTION)
                raise

    def commit(self) -> None:
        """Commit. Raises OperationalError if SQLite has ended the transaction by itself, as it does
        on a full disk."""
        with __exception_wrapper__:
            self.cursor().execute("COMMIT")
        self._write_queue.leave(TRANSACTION)

    def rollback(self) -> None:
        """Roll back, unless SQLite has done so."""
        try:
            super().rollback()
        finally:
            self._write_queue.leave(TRANSACTION)

    @contextmanager
    def write_queue(self, seconds: float) -> Iterator[None]:
        with __exception_wrapper__:
            self._write_queue.enter(GROUP, seconds)
        try:
            yield
        finally:
            self._write_queue.leave(GROUP)

    def write_transaction(self, account_id: int) -> AbstractContextManager[Any]:
        transaction: AbstractContextManager[Any] = self.atomic()
        return transaction

    @contextmanager
    def group_transaction(
        self, account_ids: Sequence[int | None], seconds: float
    ) -> Iterator[None]:
        with self.busy_timeout(seconds), self.transaction():
            yield

    def has_transaction(self) -> bool:
        return not self.connection().get_autocommit()

    def read_transaction(self) -> AbstractContextManager[Any]:
        transaction: AbstractContextManager[Any] = self.transaction("DEFERRED")
        return transaction

    @contextmanager
    def without_foreign_keys(self) -> Iterator[None]:
        self.execute_sql("PRAGMA foreign_keys = OFF")
        try:
            yield
        finally:
            self.execute_sql("PRAGMA foreign_keys = ON")

    @contextmanager
    def without_audit_triggers(self) -> Iterator[None]:
        triggers = self.execute_sql(TRIGGERS_SQL).fetchall()
        for name, _ in triggers:
            self.execute_sql(f"DROP TRIGGER {name}")
        yield
        for _, sql in triggers:
            self.execute_sql(sql)

    @contextmanager
    def busy_timeout(self, seconds: float) -> Iterator[None]:
        """Let this thread wait so many seconds for locks of SQLite's."""
        connection = self.connection()
        connection.set_busy_timeout(int(seconds * 1000))
        try:
            yield
        finally:
            connection.set_busy_timeout(int(self._lock_seconds * 1000))

    def version(self) -> int:
        return int(self.scalar("PRAGMA user_version"))

    def set_version(self, version: int) -> None:
        """Record the number of migrations that made the tables."""
        self.execute_sql(f"PRAGMA user_version = {version}")

    def check_connection(self) -> None:
        """Close this thread's connection if its file was moved, deleted or replaced.

        Raises StoreError if there is no file, or if sidecars of the previous one are in the way."""
        try:
            current = file_id(self.database)
            if current is None or current != self._opened.file:
                self._leave_file()
            elif self._state.epoch != self._epoch:
                self.close()
        except OSError as error:
            raise StoreError(
                f"The store {self.database} cannot be reached: {error.strerror}. "
                "Check its folder and disk."
            ) from None
        if current is None:
            raise StoreError(
                f"There is no store at {self.database} any more. Put it back, or restore a backup."
            )

    def _leave_file(self) -> None:
        """Close the connection. A checkpoint completes the old file first; then its sidecars are
        useless, and in the way of the next file."""
        if self._opened.file and not self.outdate_connections():
            raise StoreError(
                f"A write waits with the store that was at {self.database} before. "
                "Try again when it is done."
            )
        leftover = self._opened.leftover_sidecars(self.database)
        if leftover and (self.is_closed() or not self._checkpoint()):
            raise StoreError(
                f"{leftover[0]} belongs to the store that was at {self.database} before. "
                "If it stays: stop the server, move that file away and start again."
            )
        for file in leftover:
            file.unlink(missing_ok=True)
        self.close()

    def _checkpoint(self) -> bool:
        """Copy the write-ahead log into the file; False if a reader of an older state is in the
        way."""
        _, frames, done = self.execute_sql("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        return bool(frames == done)

    @property
    def _opened(self) -> FileIdentity:
        """The file that this thread's connection has open."""
        opened: FileIdentity = getattr(self._state, "opened", NO_FILE)
        return opened

    def _connect(self) -> Any:
        # Read before opening: if the file is replaced in between, the next check notices.
        opened = FileIdentity(file_id(self.database))
        connection = super()._connect()
        self._state.opened = opened.with_sidecars(self.database)
        self._state.epoch = self._epoch
        return connection

    def _close(self, conn: Any) -> None:
        self._state.opened = NO_FILE  # inodes of closed files are soon those of others
        try:
            super()._close(conn)
        finally:
            self._write_queue.leave(TRANSACTION)

    def _take_out(self, connection: Any) -> Release:
        opened = self._opened
        connection.execute(f"PRAGMA cache_size = -{STREAM_CACHE_KIB}")
        self._state.reset()

        def put_back() -> None:
            if self.is_closed() and opened == self._opened:
                connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
                self._state.set_connection(connection)
            else:
                connection.close()

        return put_back

    def outdate_connections(self) -> bool:
        # SQLite's connections of a process share the index of the log: as long as one of them is
        # open, a log that could once not be written, or that was moved away, stays so for all.
        self._epoch += 1
        return self.on_outdated()

    def connections(self) -> dict[str, int]:
        return {"open": len(apsw.connections()), "set_aside": len(self._detached)}

    def _add_conn_hooks(self, connection: Any) -> None:
        connection.convert_binding = _convert_binding
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
        raise ConfigurationError("The path of a store must be UTF-8.") from None
    return Path(path)


def _has_folded(text: str, folded: str) -> bool:
    """SQL function: true if the text, case-folded, contains `folded`. SQLite itself folds ASCII
    alone."""
    return folded in text.casefold()


def _convert_binding(cursor: Any, number: int, value: object) -> str:
    """Bind times as text; the table of migrations has some."""
    if isinstance(value, datetime):
        return value.isoformat(" ")
    raise TypeError(f"parameter {number} is a {type(value).__name__}")
