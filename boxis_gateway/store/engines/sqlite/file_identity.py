"""Identity of an open store file, to notice its replacement.

A connection to a deleted or replaced file goes on with it, and gives answers that were true once.
Only names and inodes are compared here: opening and closing the file would drop the locks that
SQLite holds on it (https://www.sqlite.org/howtocorrupt.html).
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

FileId = tuple[int, int] | None
"""Device and inode; None if there is no file."""


def sidecar_files(path: Path | str) -> tuple[Path, ...]:
    """The files that SQLite keeps beside an open one: WAL, shared memory, rollback journal."""
    return tuple(Path(f"{path}{end}") for end in ("-wal", "-shm", "-journal"))


def lock_file(path: Path | str) -> Path:
    """The file by whose lock the writers of all processes queue (write_queue.py)."""
    return Path(f"{path}-lock")


def store_files(path: Path) -> list[Path]:
    """All files of a store, by the name given and by that behind symbolic links, whether or not
    they exist."""
    names = dict.fromkeys((path, path.resolve()))
    return [file for name in names for file in (name, *sidecar_files(name), lock_file(name))]


def file_id(path: Path | str) -> FileId:
    """Device and inode of the file. Raises OSError if they cannot be read."""
    try:
        status = os.stat(path)
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino


class FileIdentity(NamedTuple):
    """A store file and its sidecars, in the order of `sidecar_files`."""

    file: FileId
    sidecars: tuple[FileId, ...] = ()

    def with_sidecars(self, path: Path | str) -> FileIdentity:
        """Identity of the file with its current sidecars."""
        return FileIdentity(self.file, tuple(map(file_id, sidecar_files(path))))

    def leftover_sidecars(self, path: Path | str) -> list[Path]:
        """Sidecars that are still there. SQLite would mix them with the next file of that name."""
        pairs = zip(sidecar_files(path), self.sidecars, strict=False)
        return [file for file, known in pairs if known and file_id(file) == known]


NO_FILE = FileIdentity(None)
