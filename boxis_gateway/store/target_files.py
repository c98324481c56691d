"""Files that commands write: never onto a store, nor unasked onto another file."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from boxis_gateway.errors import StoreError
from boxis_gateway.store.atomic_files import fsync, is_same_file, replacement_file

PART_ENDINGS = ("-wal", "-shm", "-journal", "-lock", ".key")
SQLITE_STARTS = (b"SQLite format 3\0", b"\x37\x7f\x06\x82", b"\x37\x7f\x06\x83")  # and of a WAL


@contextmanager
def open_target(file: Path, own_files: Iterable[Path], *, replace: bool) -> Iterator[IO[bytes]]:
    """A `target_file`, open for writing."""
    made = target_file(file, own_files, replace=replace, failure="cannot be written")
    with made as part, part.open("wb") as opened:
        yield opened


@contextmanager
def target_file(
    file: Path,
    own_files: Iterable[Path],
    *,
    replace: bool,
    is_backup: bool = False,
    failure: str = "cannot be made",
) -> Iterator[Path]:
    """A new file beside the target, closed to other users, which becomes the target when the block
    ends without an error. Raises StoreError as require_free does."""
    require_free(file, own_files, replace=replace, is_backup=is_backup)
    with replacement_file(file, failure) as part:
        yield part
        fsync(part)
        put(part, file, replace=replace)


def put(part: Path, file: Path, *, replace: bool) -> None:
    """Give the part its name, and without `replace` never that of another file. Raises
    StoreError."""
    if replace:
        os.replace(part, file)
    else:
        _move_to_free_name(part, file)
    fsync(file.parent)


def require_free(
    file: Path, own_files: Iterable[Path], *, replace: bool, is_backup: bool = False
) -> None:
    """Raise StoreError for a symbolic link, for what is no regular file, for one of `own_files`
    (Store.own_files) by any name, for a part of another store, and for a file that exists unless
    `replace`. A backup may replace another backup, which is a store that nobody uses."""
    require_not_own(file, own_files)
    if file.is_symlink():
        raise StoreError(f"{file} is a symbolic link. Name the file itself.")
    require_no_part(file)
    if not file.exists():
        return
    if not stat.S_ISREG(file.stat().st_mode):
        raise StoreError(f"{file} is not a regular file but a folder or a device. Name another.")
    if not replace:
        raise StoreError(f"{file} exists already. Choose another file, or replace it with --force.")
    if _is_database(file) and (not is_backup or _is_in_use(file)):
        raise StoreError(f"{file} is a store, or another database. Choose another file.")


def require_not_own(file: Path, own_files: Iterable[Path]) -> None:
    """Raise StoreError if the file is one of those, by whatever name."""
    for own in own_files:
        if is_same_file(own, file):
            raise StoreError(f"{file} belongs to the store, as {own.name}. Choose another file.")


def require_no_part(file: Path) -> None:
    """Raise StoreError for a name that SQLite, or we, would take for a part of a store there."""
    for ending in PART_ENDINGS:
        base = file.with_name(file.name.removesuffix(ending) or file.name)
        if base != file and base.exists():
            raise StoreError(f"{file} would be a part of the store {base}. Choose another file.")


def is_stream(file: Path) -> bool:
    """True for a pipe, a terminal and other devices, which hold nothing to lose."""
    mode = file.stat().st_mode if file.exists() else 0
    return stat.S_ISFIFO(mode) or stat.S_ISCHR(mode)


def _is_database(file: Path) -> bool:
    with file.open("rb") as opened:
        return opened.read(16).startswith(SQLITE_STARTS)


def _is_in_use(file: Path) -> bool:
    return any(file.with_name(f"{file.name}{ending}").exists() for ending in ("-wal", "-shm"))


def _move_to_free_name(part: Path, file: Path) -> None:
    """Rename, but onto nothing that has come meanwhile."""
    try:
        os.link(part, file)
    except FileExistsError:
        raise StoreError(f"{file} exists by now. Choose another file.") from None
    except OSError:  # a file system without hard links
        os.replace(part, file)
