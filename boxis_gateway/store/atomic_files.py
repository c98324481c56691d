"""Files written whole or not at all: a new file beside the old one, synced, then renamed."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from glob import escape
from pathlib import Path

from boxis_gateway.errors import StoreError


@contextmanager
def replacement_file(path: Path) -> Iterator[Path]:
    """A new file in the same folder that is closed to other users; it is gone at the end, unless it
    was renamed by then."""
    with translate_os_errors(f"{path} cannot be made"):
        handle, name = tempfile.mkstemp(".part", f".{path.name}.", path.parent)
        os.close(handle)
        part = Path(name)
        try:
            yield part
        finally:
            for file in path.parent.glob(f"{escape(part.name)}*"):
                file.unlink(missing_ok=True)


def sync(path: Path) -> None:
    """What was written to the file, or the names in the folder, survives a power cut."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def is_same_file(one: Path, other: Path) -> bool:
    """Whether both are names of one file."""
    with suppress(OSError):
        return one.samefile(other)
    return one.absolute() == other.absolute()


@contextmanager
def translate_os_errors(what: str) -> Iterator[None]:
    """Translates errors of the operating system into a StoreError that begins so."""
    try:
        yield
    except OSError as problem:
        reason = problem.strerror or type(problem).__name__
        raise StoreError(f"{what}: {reason}. Check the path and its permissions.") from None
