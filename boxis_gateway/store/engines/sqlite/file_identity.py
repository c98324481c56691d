"""Which files a connection has open, told from those that are at their place now.

Whoever has a file open goes on with it after it was deleted, or replaced by another of its name:
with answers that were true once. Only names and inodes are looked at here: to open and close the
file would undo the locks that SQLite holds on it (https://www.sqlite.org/howtocorrupt.html).
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

FileId = tuple[int, int] | None


def sidecar_files(path: Path | str) -> tuple[Path, ...]:
    """The files that SQLite has beside that one while it is in use."""
    return tuple(Path(f"{path}{end}") for end in ("-wal", "-shm", "-journal"))


def file_id(path: Path | str) -> FileId:
    """Device and inode; None if nothing is there. Raises OSError if that cannot be known."""
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


class FileIdentity(NamedTuple):
    """What stands at the place of a store: its file, and what SQLite has beside it."""

    file: FileId
    beside: tuple[FileId, ...] = ()

    def with_sidecars(self, path: Path | str) -> FileIdentity:
        """The same file, and what is beside it now."""
        return FileIdentity(self.file, tuple(map(file_id, sidecar_files(path))))

    def leftover_sidecars(self, path: Path | str) -> list[Path]:
        """Those of the files beside it that are still there. SQLite would take them for those of
        the next file of that name, and mix the two."""
        pairs = zip(sidecar_files(path), self.beside, strict=False)
        return [file for file, known in pairs if known and file_id(file) == known]


NO_FILE = FileIdentity(None)
