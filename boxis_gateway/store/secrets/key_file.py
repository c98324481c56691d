"""Keys that encrypt a store's secrets, in a file or the environment.

The first key encrypts, each of them decrypts. A key file is replaced atomically, never edited.
"""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from boxis_gateway.errors import ConfigurationError, StoreError
from boxis_gateway.settings import KEYS_VARIABLE, variable
from boxis_gateway.store.atomic_files import fsync, replacement_file, translate_os_errors
from boxis_gateway.store.engines.sqlite.file_identity import store_files
from boxis_gateway.store.target_files import require_not_own

FILE_VARIABLE = variable("secret_key_file")
COMMENT = re.compile("#.*")


@dataclass(frozen=True)
class KeySource:
    """Keys of the environment, separated by commas or blanks; otherwise the path of a key file, by
    default beside the store's file."""

    keys: str = field(default="", repr=False)
    file: str = ""


class Keys:
    """Keys of a store; its file, if it has one, is the default location. The key file is read each
    time."""

    def __init__(self, source: KeySource, store: Path | None) -> None:
        self._source, self._store = source, store

    @property
    def in_environment(self) -> bool:
        """True if the environment has the keys; then no file is read."""
        return bool(self._source.keys.strip())

    @property
    def are_named(self) -> bool:
        """True if the location is known, whether or not keys are there."""
        return bool(self.in_environment or self._source.file or self._store)

    @property
    def path(self) -> Path:
        """The key file, which may be missing. Raises ConfigurationError if none is named."""
        if not self.are_named:
            raise ConfigurationError(
                "The location of the store's secret keys is not set. "
                f"Set {FILE_VARIABLE} to a file, which init makes, or {KEYS_VARIABLE} to the key "
                "(docs/secrets.md)."
            )
        return Path(self._source.file or f"{self._store}.key")

    @property
    def location(self) -> str:
        """Name of the variable or path of the file."""
        return KEYS_VARIABLE if self.in_environment else str(self.path)

    def read(self) -> list[str]:
        """The keys in their order, at least one. Raises StoreError."""
        keys = re.split(r"[,\s]+", self._text().strip())
        if keys == [""]:
            raise StoreError(f"There is no key in {self.location}. {REMEDY}")
        return keys

    def make(self, key: str) -> None:
        """Make the file with that key, unless there are keys already. Raises StoreError."""
        if not self.in_environment:
            with self._lock():
                if not self.path.exists() or not self.path.stat().st_size:
                    self._write([key])

    def put_first(self, key: str) -> None:
        """Insert a key before the others. Raises StoreError."""
        with self._lock():
            self._write([key, *self.read()])

    def keep_first(self) -> None:
        """Remove all keys but the first. Raises StoreError."""
        with self._lock():
            self._write(self.read()[:1])

    def _text(self) -> str:
        if self.in_environment:
            return self._source.keys
        with translate_os_errors(f"The key file {self.path} cannot be read"):
            try:
                return COMMENT.sub("", self.path.read_text("ascii", "replace"))
            except FileNotFoundError:
                raise StoreError(f"There is no key file {self.path}. {REMEDY}") from None

    @contextmanager
    def _lock(self) -> Iterator[None]:
        """Lock that excludes other processes from writing keys into this folder."""
        with translate_os_errors(f"The key file {self.path} cannot be written"):
            handle = os.open(self.path.parent, os.O_RDONLY)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX)
                yield
            finally:
                os.close(handle)

    def _write(self, keys: Sequence[str]) -> None:
        path = self.path
        require_not_own(path, store_files(self._store) if self._store else ())
        if path.is_symlink():
            raise StoreError(f"The key file {path} is a symbolic link. Name the file itself.")
        for leftover in path.parent.glob(f".{path.name}.*.part"):
            leftover.unlink()  # with keys, of a killed process
        with replacement_file(path) as part:
            part.write_text("".join(f"{key}\n" for key in keys))
            like = path if path.exists() else self._store
            if like is not None:
                _copy_owner(like, part)
            fsync(part)
            os.replace(part, path)
        fsync(path.parent)


def _copy_owner(like: Path, file: Path) -> None:
    """Give the file the owner of another: root may work on another user's store."""
    owner = like.stat()
    with suppress(PermissionError):
        os.chown(file, owner.st_uid, owner.st_gid)


REMEDY = (
    "Put the right key there; if it is lost, 'boxis-gateway rotate-secrets --forget-user-keys' "
    "saves all but the user keys."
)
