"""Where the stores of tests are: each has a path for a name, whatever its engine makes of that."""

from __future__ import annotations

import shutil
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext, suppress
from pathlib import Path
from typing import Any

import apsw

from boxis_gateway.store import Store


class Stores(ABC):
    """Stores of one engine."""

    name: str
    error: type[Exception]
    """What `another` raises."""

    @abstractmethod
    def url(self, path: Path) -> str:
        """Of the store with that name, whether it is there or not."""

    @abstractmethod
    def make(self, path: Path) -> Store:
        """As `new`, but in no time: a copy of one that was made before, with the same secrets."""

    @abstractmethod
    def copy(self, path: Path, copy: Path) -> Store:
        """The copy of a store that nobody uses, with the key that it needs."""

    @abstractmethod
    def another(self, path: Path) -> Any:
        """A connection of another program's to what is there, which knows nothing of ours."""

    @abstractmethod
    def is_read(self, store: Store) -> bool:
        """Whether somebody else holds a state of a store that was made newer since."""

    @abstractmethod
    def within(self, folder: Path) -> Iterator[Path]:
        """The names of the stores in that folder."""

    @abstractmethod
    def hurry(self, store: Store) -> None:
        """A power cut may lose what is written from now on."""

    def during_a_test(self) -> AbstractContextManager[None]:
        """Around each test: nothing that it does here is found by the next one."""
        return nullcontext()

    def at(self, path: Path) -> Store:
        """The store with that name; nothing is done to it."""
        return Store(self.url(path))

    def new(self, path: Path) -> Store:
        """A store of this version, made as operators make it."""
        store = self.at(path)
        store.create()
        store.migrate()
        return store


class SqliteStores(Stores):
    """A store is the file at its path."""

    name = "sqlite"
    error = apsw.Error

    def __init__(self, folder: Path) -> None:
        self._template = folder / "template.db"
        self.new(self._template).close()

    def url(self, path: Path) -> str:
        return f"sqlite:///{path}"

    def make(self, path: Path) -> Store:
        return self.copy(self._template, path)

    def hurry(self, store: Store) -> None:
        store.database.execute_sql("PRAGMA synchronous = off")

    def copy(self, path: Path, copy: Path) -> Store:
        shutil.copy(path, copy)
        with suppress(FileNotFoundError):
            shutil.copy(f"{path}.key", f"{copy}.key")
        return self.at(copy)

    def another(self, path: Path) -> apsw.Connection:
        return apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)

    def is_read(self, store: Store) -> bool:
        impatient = Store(store.url, lock_seconds=0)
        emptied = impatient.database.execute_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        is_read = bool(emptied.fetchone()[0])
        impatient.close()
        return is_read

    def within(self, folder: Path) -> Iterator[Path]:
        return folder.glob("*.db")
