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
from tests.support.postgresql_server import Room
from tests.support.stores import Stores

STATES_SQL = """
    SELECT 1 FROM pg_stat_activity
    WHERE datname = current_database() AND backend_xmin IS NOT NULL AND pid <> pg_backend_pid()
"""
"""States of this database that are held."""


class PostgresqlStores(Stores):
    """A store has room of its own, which is made when its URL is asked for. All have the secrets of
    one key; each test has a file of its own with it."""

    name = "postgresql"
    error = psycopg.Error

    def __init__(self, folder: Path, room: Room) -> None:
        self._room = room
        self._urls: dict[Path, str] = {}
        self._folder = folder
        self._numbers = count()
        key = folder / "secret.key"
        os.environ[FILE_VARIABLE] = str(key)
        self._template = folder / "template"
        self.new(self._template).close()
        self._secret = key.read_text()

    def url(self, path: Path) -> str:
        return self._urls.get(path) or self._keep(path, self._room.new())

    def make(self, path: Path) -> Store:
        return self.copy(self._template, path)

    def copy(self, path: Path, copy: Path) -> Store:
        self._drop(copy)
        self._keep(copy, self._room.copied(self._urls[path]))
        return self.at(copy)

    def hurry(self, store: Store) -> None:
        """Nothing: the server takes its time for nobody."""

    def another(self, path: Path) -> psycopg.Connection[Any]:
        return psycopg.connect(self._urls[path], autocommit=True)

    def is_read(self, store: Store) -> bool:
        with Store(store.url).database.connection() as connection:
            return bool(connection.execute(STATES_SQL).fetchone())

    def within(self, folder: Path) -> Iterator[Path]:
        return (path for path in self._urls if path.parent == folder)

    @contextmanager
    def during_a_test(self) -> Iterator[None]:
        before = set(self._urls)
        key = self._folder / f"{next(self._numbers)}.key"
        key.touch(0o600)
        key.write_text(self._secret)
        with pytest.MonkeyPatch.context() as patched:
            patched.setenv(FILE_VARIABLE, str(key))
            yield
        for path in set(self._urls) - before:
            self._drop(path)

    def _keep(self, path: Path, url: str) -> str:
        self._urls[path] = url
        return url

    def _drop(self, path: Path) -> None:
        if path in self._urls:
            self._room.drop(self._urls.pop(path))
