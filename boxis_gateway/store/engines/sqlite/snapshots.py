"""A store as a file: read without changing it, told from other files, copied page by page."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import apsw

from boxis_gateway.errors import StoreError
from boxis_gateway.store.atomic_files import sync, translate_os_errors
from boxis_gateway.store.engines.schema_version import MIGRATIONS
from boxis_gateway.store.engines.sqlite.database import LOCK_SECONDS
from boxis_gateway.store.engines.sqlite.file_identity import sidecar_files

PAGES_AT_ONCE = 1_000  # between two looks at signals


@contextmanager
def reading(path: Path, *, at_rest: bool = False) -> Iterator[apsw.Connection]:
    """A connection that sees one state of the store in that file, and cannot change it. `at_rest`
    is of a file that no server uses, so that nothing is made beside it, if nothing is there.

    Raises StoreError if it is no store, of a newer version, or cannot be read."""
    with translate_file_errors(f"{path} cannot be read"):
        if not stat.S_ISREG(path.stat().st_mode):
            raise StoreError(f"{path} is not a file. Name one.")
        connection = _connected(path, at_rest and not any(map(os.path.exists, sidecar_files(path))))
        try:
            connection.execute("BEGIN")
            _require_store(connection, path)
            yield connection
        finally:
            connection.close()


def _connected(path: Path, immutable: bool) -> apsw.Connection:
    address = f"file:{quote(str(path.absolute()))}{'?immutable=1' if immutable else ''}"
    flags = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI
    connection = apsw.Connection(address, flags=flags)
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


def damage_of(connection: apsw.Connection) -> str:
    """What a quick look finds wrong with a file, or ""."""
    try:
        said = str(connection.execute("PRAGMA quick_check(1)").get)
    except apsw.CorruptError as problem:
        said = str(problem)
    return "" if said == "ok" else " ".join(said.split())


def count_of(connection: apsw.Connection, table: str) -> int:
    """How many rows a table has."""
    return int(connection.execute(f"SELECT count(*) FROM {table}").get)


def user_version(connection: apsw.Connection) -> int:
    """The version that is written in the head of the file."""
    return int(connection.execute("PRAGMA user_version").get)


@contextmanager
def replacing(target: apsw.Connection, source: apsw.Connection) -> Iterator[apsw.Backup]:
    """Nobody else writes to the target meanwhile. Copy all pages, and at the end it is as the
    source; until then, and if an error comes, everybody sees it as it was."""
    backup = target.backup("main", source, "main")
    try:
        backup.step(0)  # no page, but the lock for all of them
        yield backup
        backup.finish()
    finally:
        backup.close(force=True)


def copy_pages(backup: apsw.Backup) -> None:
    """Copy what is not copied yet."""
    while not backup.done:
        backup.step(PAGES_AT_ONCE)


def copy_file(source: apsw.Connection, path: Path) -> None:
    """Make a file of one piece of what the connection reads, on disk when this returns."""
    target = apsw.Connection(str(path))
    try:
        target.execute("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF").fetchall()
        with replacing(target, source) as backup:
            copy_pages(backup)
        target.execute("PRAGMA journal_mode = DELETE").fetchall()  # or it needs files beside it
    finally:
        target.close()
    sync(path)


@contextmanager
def translate_file_errors(what: str) -> Iterator[None]:
    """Translates errors of the operating system and of SQLite into a StoreError that begins so."""
    try:
        with translate_os_errors(what):
            yield
    except (apsw.FullError, apsw.IOError):
        raise StoreError(f"{what}: the disk is full, or fails. Choose another.") from None
    except (apsw.BusyError, apsw.LockedError):
        raise StoreError(f"{what}: another process writes to it. Try again later.") from None
    except apsw.CorruptError:
        raise StoreError(f"{what}: it is damaged. 'boxis-gateway verify' looks closer.") from None
    except apsw.NotADBError:
        raise StoreError(f"{what}: it is not a store of boxis-gateway. Choose another.") from None
    except apsw.Error as problem:
        raise StoreError(f"{what}: {problem}. Check the file and its disk.") from None
