"""The keys that a store's secrets are encrypted with. They stand apart from the store, in a file or
in the environment: who has the one without the other has nothing.

The first key encrypts, each of them decrypts. A file of keys is never changed in place: it is as it
was, or as it is to be, whenever this process is killed.
"""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from boxis_gateway.errors import ConfigurationError, StoreError
from boxis_gateway.settings import ENVIRONMENT_PREFIX, variable
from boxis_gateway.store.atomic_files import replacement_file, sync, translate_os_errors

VARIABLE = ENVIRONMENT_PREFIX + "SECRET_KEYS"  # no setting: settings are shown
FILE_VARIABLE = variable("secret_key_file")
COMMENT = re.compile("#.*")


class Keys:
    """The keys of the store in that file; one that is in no file has to be told where they are.
    Nothing is remembered: each look is a new one."""

    def __init__(self, store: Path | None) -> None:
        self._store = store

    @property
    def in_environment(self) -> bool:
        """Whether they come from there; then no file is looked at."""
        return bool(os.environ.get(VARIABLE, "").strip())

    @property
    def are_named(self) -> bool:
        """Whether it is known where they are, if they are there."""
        return bool(self.in_environment or os.environ.get(FILE_VARIABLE) or self._store)

    @property
    def path(self) -> Path:
        """The file, whether it is there or not. Raises ConfigurationError if nobody says where."""
        if not self.are_named:
            raise ConfigurationError(
                "Nobody says where the key to the store's secrets is. "
                f"Set {FILE_VARIABLE} to a file, which init makes, or {VARIABLE} to the key "
                "(docs/secrets.md)."
            )
        return Path(os.environ.get(FILE_VARIABLE) or f"{self._store}.key")

    @property
    def location(self) -> str:
        """Where they come from, in a word."""
        return VARIABLE if self.in_environment else str(self.path)

    def read(self) -> list[str]:
        """The keys, at least one, in their order. Raises StoreError."""
        keys = re.split(r"[,\s]+", self._text().strip())
        if keys == [""]:
            raise StoreError(f"There is no key in {self.location}. {REMEDY}")
        return keys

    def make(self, key: str) -> None:
        """The file with that key, if there is none yet, nor a key in the environment. Raises
        StoreError."""
        if not self.in_environment:
            with self._alone():
                if not self.path.exists() or not self.path.stat().st_size:
                    self._write([key])

    def put_first(self, key: str) -> None:
        """That key, and behind it the others. Raises StoreError."""
        with self._alone():
            self._write([key, *self.read()])

    def keep_first(self) -> None:
        """That one alone. Raises StoreError."""
        with self._alone():
            self._write(self.read()[:1])

    def _text(self) -> str:
        if self.in_environment:
            return os.environ[VARIABLE]
        with translate_os_errors(f"The key file {self.path} cannot be read"):
            try:
                return COMMENT.sub("", self.path.read_text("ascii", "replace"))
            except FileNotFoundError:
                raise StoreError(f"There is no key file {self.path}. {REMEDY}") from None

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """No other process writes keys into this folder meanwhile."""
        with translate_os_errors(f"The key file {self.path} cannot be written"):
            handle = os.open(self.path.parent, os.O_RDONLY)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX)
                yield
            finally:
                os.close(handle)

    def _write(self, keys: Sequence[str]) -> None:
        path = self.path.resolve()
        for left in path.parent.glob(f".{path.name}.*.part"):
            left.unlink()  # of one that was killed: it has keys
        with replacement_file(path) as part:
            part.write_text("".join(f"{key}\n" for key in keys))
            like = path if path.exists() else self._store
            if like is not None:
                _give(part, like)
            sync(part)
            os.replace(part, path)
        sync(path.parent)


def _give(file: Path, like: Path) -> None:
    """To who owns the other file: root may work on the store of somebody else."""
    owner = like.stat()
    with suppress(PermissionError):
        os.chown(file, owner.st_uid, owner.st_gid)


REMEDY = (
    "Put the right key there; if it is lost, 'boxis-gateway rotate-secrets --forget-user-keys' "
    "saves all but the user keys."
)
