"""A file of SQLite that belongs to another program: read, never changed, with nothing left beside.

A file in write-ahead mode that nobody has open is read without a lock, since to lock it would leave
two files beside it; whether it stayed the same is looked at afterwards.
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
BUSY_SECONDS = 15  # how long a page waits for who writes
FLAGS = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI | apsw.SQLITE_OPEN_NOMUTEX
_MODE, _WRITE_AHEAD = slice(18, 20), b"\x02\x02"  # of the file's head


@contextmanager
def open_file(path: Path) -> Iterator[Database]:
    """The database of a file. Raises ImportFailed, also from what is read inside."""
    try:
        left = _is_left_alone(path)
        before = path.stat()
        with closing(_connection(path, left)) as connection:
            encoding = str(connection.pragma("encoding"))
            # Octets, because a text that is not what it is said to be cannot be fetched as one.
            yield Database(
                partial(_fetched, connection), "?", "`", "CAST({} AS BLOB)", encoding=encoding
            )
        after = path.stat()
    except (apsw.Error, OSError) as problem:
        reason = getattr(problem, "strerror", None) or problem
        raise ImportFailed(
            f"{path} cannot be read as SQLite: {reason}. It must be whole and not compressed."
        ) from None
    if left and (before.st_mtime_ns, before.st_size) != (after.st_mtime_ns, after.st_size):
        raise ImportFailed(f"{path} was written to while it was read. Import it again.")


def _is_left_alone(path: Path) -> bool:
    """Whether the file is in write-ahead mode, and nobody has it open."""
    with path.open("rb") as file:
        if file.read(_MODE.stop)[_MODE] != _WRITE_AHEAD:
            return False
    log, index = (path.with_name(path.name + ending) for ending in ("-wal", "-shm"))
    if log.exists() and not index.exists():
        raise ImportFailed(
            f"{path} was copied while it was in use. Copy it so: sqlite3 FILE '.backup COPY'"
        )
    return not log.exists()


def _connection(path: Path, left_alone: bool) -> apsw.Connection:
    mode = "mode=ro&immutable=1" if left_alone else "mode=ro"
    connection = apsw.Connection(f"file:{quote(str(path.absolute()))}?{mode}", flags=FLAGS)
    connection.set_busy_timeout(BUSY_SECONDS * 1000)
    return connection


def _fetched(connection: apsw.Connection, sql: str, values: Values) -> list[Values]:
    return list(connection.execute(sql, values))
