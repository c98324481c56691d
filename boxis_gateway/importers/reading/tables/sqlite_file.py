"""SQLite file of another program, opened read-only.

A file in WAL mode that no process has open is read without a lock, since a lock would leave -wal
and -shm files beside it. A change meanwhile is detected afterwards.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from urllib.parse import quote

import apsw

from boxis_gateway.errors import ImportFailed
from boxis_gateway.importers.reading.tables.paging import Database, Values

SQLITE = b"SQLite format 3\x00"
BUSY_SECONDS = 15  # a page waits for a writer
MOST_OCTETS = 100_000  # of a row or a statement
STEPS = 100_000  # of SQLite's machine, some milliseconds
FLAGS = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI | apsw.SQLITE_OPEN_NOMUTEX
_MODE, _WAL = slice(18, 20), b"\x02\x02"  # file format versions in the file header


@contextmanager
def open_sqlite(path: Path) -> Iterator[Database]:
    """Open the database of a file. Raises ImportFailed, also from queries inside the context."""
    try:
        unlocked = _is_closed_wal(path)
        before = path.stat()
        with closing(_connect(path, unlocked)) as connection:
            encoding = str(connection.pragma("encoding"))
            # As octets, since an invalid text cannot be fetched as text.
            yield Database(
                partial(_fetch, connection), "?", "`", "CAST({} AS BLOB)", encoding=encoding
            )
        after = path.stat()
    except (apsw.Error, OSError) as problem:
        reason = getattr(problem, "strerror", None) or problem
        raise ImportFailed(
            f"{path} cannot be read as SQLite: {reason}. It must be whole and not compressed."
        ) from None
    if unlocked and (before.st_mtime_ns, before.st_size) != (after.st_mtime_ns, after.st_size):
        raise ImportFailed(f"{path} changed while it was read. Import it again.")


def _is_closed_wal(path: Path) -> bool:
    """True if the file is in WAL mode and no process has it open."""
    with path.open("rb") as file:
        if file.read(_MODE.stop)[_MODE] != _WAL:
            return False
    log, index = (path.with_name(path.name + ending) for ending in ("-wal", "-shm"))
    if log.exists() and not index.exists():
        raise ImportFailed(
            f"{path} was copied while in use. Copy it with: sqlite3 FILE '.backup COPY'"
        )
    return not log.exists()


def _connect(path: Path, unlocked: bool) -> apsw.Connection:
    mode = "mode=ro&immutable=1" if unlocked else "mode=ro"
    connection = apsw.Connection(f"file:{quote(str(path.absolute()))}?{mode}", flags=FLAGS)
    connection.set_busy_timeout(BUSY_SECONDS * 1000)
    connection.limit(apsw.SQLITE_LIMIT_LENGTH, MOST_OCTETS)
    connection.set_progress_handler(lambda: False, STEPS)  # lets Ctrl-C end a query without end
    return connection


def _fetch(connection: apsw.Connection, sql: str, values: Values) -> list[Values]:
    return list(connection.execute(sql, values))
