"""Stores in PostgreSQL."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest

from boxis_gateway.store import Store
from boxis_gateway.store.secrets.key_file import FILE_VARIABLE
from tests.support.postgresql_server import Databases, Schemas
from tests.support.stores import Stores, store_at

SNAPSHOTS_SQL = """
    SELECT 1 FROM pg_stat_activity
    WHERE datname = current_database() AND backend_xmin IS NOT NULL AND pid <> pg_backend_pid()
"""


class PostgresqlStores(Stores):
    """A store is a database or a schema, made when its URL is first needed. All have the secrets of
    one key; each test has a file of its own with it."""

    name = "postgresql"
    error = psycopg.Error

    def __init__(self, folder: Path, databases: Databases | Schemas) -> None:
        self._databases = databases
        self._urls: dict[Path, str] = {}
        self._folder = folder
        self._numbers = count()
        key = folder / "secret.key"
        os.environ[FILE_VARIABLE] = str(key)
        self._template = folder / "template"
        self.create(self._template).close()
        self._secret = key.read_text()

    def url(self, path: Path) -> str:
        if path not in self._urls:
            self._urls[path] = self._databases.new()
        return self._urls[path]

    def copy(self, path: Path, copy: Path) -> Store:
        self._drop(copy)
        self._urls[copy] = self._databases.clone(self._urls[path])
        return self.open(copy)

    def foreign_connection(self, path: Path) -> psycopg.Connection[Any]:
        return psycopg.connect(self._urls[path], autocommit=True)

    def has_reader(self, store: Store) -> bool:
        with store_at(store.url).database.connection() as connection:
            return bool(connection.execute(SNAPSHOTS_SQL).fetchone())

    def paths_in(self, folder: Path) -> Iterator[Path]:
        return (path for path in self._urls if path.parent == folder)

    def disable_fsync(self, store: Store) -> None:
        """No-op: the whole server runs without fsync."""

    @contextmanager
    def test_scope(self) -> Iterator[None]:
        before = set(self._urls)
        key = self._folder / f"{next(self._numbers)}.key"
        key.touch(0o600)
        key.write_text(self._secret)
        with pytest.MonkeyPatch.context() as patched:
            patched.setenv(FILE_VARIABLE, str(key))
            yield
        for path in set(self._urls) - before:
            self._drop(path)

    def _drop(self, path: Path) -> None:
        if path in self._urls:
            self._databases.drop(self._urls.pop(path))
