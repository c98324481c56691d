"""Atomic files: written beside the old one, synced, renamed over it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from glob import escape
from pathlib import Path

from boxis_gateway.errors import StoreError


@contextmanager
def replacement_file(path: Path, failure: str = "cannot be made") -> Iterator[Path]:
    """A new file in the same folder, closed to other users. It is removed at the end, unless it was
    renamed. Raises StoreError, beginning with the path and `failure`."""
    with translate_os_errors(f"{path} {failure}"):
        handle, name = tempfile.mkstemp(".part", f".{path.name}.", path.parent)
        os.close(handle)
        part = Path(name)
        try:
            yield part
        finally:
            for file in path.parent.glob(f"{escape(part.name)}*"):
                file.unlink(missing_ok=True)


def fsync(path: Path) -> None:
    """Write the file, or the folder's names, to disk: it survives a power cut from now on."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def is_same_file(path: Path, other: Path) -> bool:
    """True if both paths name one file."""
    with suppress(OSError):
        return path.samefile(other)
    return path.absolute() == other.absolute()


@contextmanager
def translate_os_errors(prefix: str) -> Iterator[None]:
    """Raise StoreError, beginning with the prefix, for errors of the operating system."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise StoreError(f"{prefix}: {reason}. Check the path and its permissions.") from None
