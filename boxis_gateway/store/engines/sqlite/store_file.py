"""Store files of SQLite: read-only access, checks, online backup."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import apsw

from boxis_gateway.errors import StoreError
from boxis_gateway.store.atomic_files import fsync, translate_os_errors
from boxis_gateway.store.engines.schema_version import MIGRATIONS
from boxis_gateway.store.engines.sqlite.database import LOCK_SECONDS
from boxis_gateway.store.engines.sqlite.file_identity import sidecar_files

STEP_PAGES = 1_000  # copied between two looks at signals


@contextmanager
def open_read_only(path: Path, *, at_rest: bool = False) -> Iterator[apsw.Connection]:
    """A connection that sees one state of a store's file and cannot change it. With `at_rest` no
    server uses the file, so nothing is created beside it.

    Raises StoreError if it is no store, of a newer version, or cannot be read."""
    with translate_file_errors(f"{path} cannot be read"):
        if not stat.S_ISREG(path.stat().st_mode):
            raise StoreError(f"{path} is not a file. Name one.")
        connection = _connect(path, at_rest and not any(map(os.path.exists, sidecar_files(path))))
        try:
            connection.execute("BEGIN")
            _require_store(connection, path)
            yield connection
        finally:
            connection.close()


def _connect(path: Path, immutable: bool) -> apsw.Connection:
    uri = f"file:{quote(str(path.absolute()))}{'?immutable=1' if immutable else ''}"
    flags = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI
    connection = apsw.Connection(uri, flags=flags)
    connection.set_busy_timeout(int(LOCK_SECONDS * 1000))
    return connection


def _require_store(connection: apsw.Connection, path: Path) -> None:
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
    if not {"schema_migration", "message"} <= tables:
        raise StoreError(f"{path} is not a store of boxis-gateway. Choose another file.")
    applied = {name for (name,) in connection.execute("SELECT name FROM schema_migration")}
    newer = applied - {migration.stem for migration in MIGRATIONS.glob("[0-9]*.py")}
    if newer:
        raise StoreError(
            f"{path} was made by a newer version of boxis-gateway (it has {max(newer)}). "
            "Install that version."
        )


def quick_check(connection: apsw.Connection) -> str:
    """Damage that SQLite's quick_check finds first, or ""."""
    try:
        result = str(connection.execute("PRAGMA quick_check(1)").get)
    except apsw.CorruptError as error:
        result = str(error)
    return "" if result == "ok" else " ".join(result.split())


def count_rows(connection: apsw.Connection, table: str) -> int:
    """The number of rows in a table."""
    return int(connection.execute(f"SELECT count(*) FROM {table}").get)


def user_version(connection: apsw.Connection) -> int:
    """The schema version in the file's header."""
    return int(connection.execute("PRAGMA user_version").get)


@contextmanager
def online_backup(target: apsw.Connection, source: apsw.Connection) -> Iterator[apsw.Backup]:
    """A backup that keeps other writers of the target out. The target changes at the end, if all
    pages are copied; after an error it is as before."""
    backup = target.backup("main", source, "main")
    try:
        backup.step(0)  # copies no page, but locks them all
        yield backup
        backup.finish()
    finally:
        backup.close(force=True)


def copy_pages(backup: apsw.Backup) -> None:
    """Copy the remaining pages."""
    while not backup.done:
        backup.step(STEP_PAGES)


def copy_to_file(source: apsw.Connection, path: Path) -> None:
    """Copy what the connection reads into one new file, without sidecars and synced to disk."""
    target = apsw.Connection(str(path))
    try:
        target.execute("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF").fetchall()
        with online_backup(target, source) as backup:
            copy_pages(backup)
        target.execute("PRAGMA journal_mode = DELETE").fetchall()  # WAL would need sidecars
    finally:
        target.close()
    fsync(path)


@contextmanager
def translate_file_errors(prefix: str) -> Iterator[None]:
    """Raise StoreError, beginning with the prefix, for errors of the system and of SQLite."""
    try:
        with translate_os_errors(prefix):
            yield
    except (apsw.FullError, apsw.IOError):
        raise StoreError(f"{prefix}: the disk is full or fails. Choose another.") from None
    except (apsw.BusyError, apsw.LockedError):
        raise StoreError(f"{prefix}: another process writes to it. Try again later.") from None
    except apsw.CorruptError:
        raise StoreError(
            f"{prefix}: it is damaged. 'boxis-gateway verify' lists the damage."
        ) from None
    except apsw.NotADBError:
        raise StoreError(f"{prefix}: it is not a store of boxis-gateway. Choose another.") from None
    except apsw.Error as error:
        raise StoreError(f"{prefix}: {error}. Check the file and its disk.") from None
