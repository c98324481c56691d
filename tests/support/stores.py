"""Stores of tests: each is named by a path, whatever its engine makes of it."""

from __future__ import annotations

import shutil
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext, suppress
from pathlib import Path
from typing import Any

import apsw

from boxis_gateway.opening import key_source
from boxis_gateway.settings import load_settings
from boxis_gateway.store import Store


def store_at(url: str, **options: Any) -> Store:
    """The store with that URL and the keys of this environment, as commands open it."""
    return Store(url, keys=key_source(load_settings()), **options)


def create_store(url: str) -> Store:
    """A store of this version, made as `boxis-gateway init` makes it."""
    store = store_at(url)
    store.create()
    store.migrate()
    return store


class Stores(ABC):
    """Stores of one engine."""

    name: str
    error: type[Exception]
    """Raised by a foreign connection."""
    _template: Path

    @abstractmethod
    def url(self, path: Path) -> str:
        """URL of the store with that name, existing or not."""

    @abstractmethod
    def copy(self, path: Path, copy: Path) -> Store:
        """Copy of a store that nobody uses, with its key."""

    @abstractmethod
    def foreign_connection(self, path: Path) -> Any:
        """Connection of the driver alone, as another program opens it."""

    @abstractmethod
    def has_reader(self, store: Store) -> bool:
        """True if somebody still reads a state older than the last write."""

    @abstractmethod
    def paths_in(self, folder: Path) -> Iterator[Path]:
        """Names of the stores in that folder."""

    @abstractmethod
    def disable_fsync(self, store: Store) -> None:
        """Trade durability for speed."""

    def test_scope(self) -> AbstractContextManager[None]:
        """Context around each test; the next test finds none of its stores."""
        return nullcontext()

    def open(self, path: Path) -> Store:
        """The store with that name, untouched."""
        return store_at(self.url(path))

    def create(self, path: Path) -> Store:
        """A new store with that name; slower than `make`."""
        return create_store(self.url(path))

    def make(self, path: Path) -> Store:
        """A new store, as a copy of an empty template: it has the same secrets as all others."""
        return self.copy(self._template, path)


class SqliteStores(Stores):
    """A store is the file at its path."""

    name = "sqlite"
    error = apsw.Error

    def __init__(self, folder: Path) -> None:
        self._template = folder / "template.db"
        self.create(self._template).close()

    def url(self, path: Path) -> str:
        return f"sqlite:///{path}"

    def copy(self, path: Path, copy: Path) -> Store:
        shutil.copy(path, copy)
        with suppress(FileNotFoundError):
            shutil.copy(f"{path}.key", f"{copy}.key")
        return self.open(copy)

    def foreign_connection(self, path: Path) -> apsw.Connection:
        return apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)

    def has_reader(self, store: Store) -> bool:
        other = store_at(store.url, lock_seconds=0)
        checkpoint = other.database.execute_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        is_busy = bool(checkpoint.fetchone()[0])
        other.close()
        return is_busy

    def paths_in(self, folder: Path) -> Iterator[Path]:
        return folder.glob("*.db")

    def disable_fsync(self, store: Store) -> None:
        store.database.execute_sql("PRAGMA synchronous = off")
