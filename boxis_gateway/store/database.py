"""Opening a store: its URL, the database behind it, and the version of its tables."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from peewee import SqliteDatabase
from playhouse.migrations import Runner

from boxis_gateway.errors import ConfigurationError, StoreError
from boxis_gateway.store.accounts import Accounts
from boxis_gateway.store.messages import Messages
from boxis_gateway.store.queries import errors_explained

MIGRATIONS = Path(__file__).parent / "migrations"
LOCK_SECONDS = 15  # how long a writer waits for another; imports write in short transactions
CACHE_KIB = 2048  # of pages that a connection keeps
ASIDE_CACHE_KIB = 128  # who reads from one end to the other sees each page once
PRAGMAS = {
    "cache_size": -CACHE_KIB,
    "journal_mode": "wal",  # readers and the one writer don't wait for each other
    "synchronous": "full",  # what was acknowledged survives a power cut
    "foreign_keys": 1,
}


class Store:
    """A message store. Connections are per thread, opened by use; `close()` ends this thread's.

    >>> store = Store("sqlite:///gateway.db").require_current()
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.path = sqlite_path(url)
        self.database = SqliteDatabase(
            str(self.path),
            pragmas=PRAGMAS,
            lock_type="IMMEDIATE",
            check_same_thread=False,
            timeout=LOCK_SECONDS,
        )
        self.accounts = Accounts(self.database)
        self.messages = Messages(self.database)

    def create(self) -> None:
        """Make an empty file that only its owner can read, if there is none.

        Raises StoreError if that cannot be done."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            os.close(os.open(self.path, os.O_CREAT | os.O_RDWR, 0o600))
        except OSError as problem:
            raise StoreError(
                f"The store {self.path} cannot be made: {problem.strerror}. Choose another place "
                "with BOXIS_GATEWAY_DATABASE_URL."
            ) from None

    def migrate(self) -> list[str]:
        """Bring the tables to this version; the names of the migrations that were applied.

        Safe beside others who do the same. Raises StoreError if the store is missing or newer."""
        self._require_file()
        with errors_explained(self.database), self.database.atomic():
            self._require_not_newer()
            applied: list[str] = self._runner().up()
            return applied

    def require_current(self) -> Store:
        """The store itself, if its tables are of this version; else StoreError with the remedy."""
        self._require_file()
        with errors_explained(self.database):
            self._require_not_newer()
            pending = self.pending_migrations()
        if pending:
            raise StoreError(
                f"The store {self.path} is of an older version. Run 'boxis-gateway migrate'."
            )
        return self

    def pending_migrations(self) -> list[str]:
        """Names of the migrations that the store has not seen."""
        return [row.name for row in self._runner().status() if not row.applied]

    def find_damage(self) -> str:
        """What the database says is wrong with its file, or ""."""
        with errors_explained(self.database):
            said = str(self.database.execute_sql("PRAGMA quick_check(1)").fetchone()[0])
        return "" if said == "ok" else said

    def close(self) -> None:
        """Close this thread's connection."""
        self.database.close()

    def set_connection_aside(self) -> Any:
        """Take this thread's connection out of use: what is being read from it is read on from the
        state that it sees, while whoever asks next has a connection of their own and sees the
        newest. Give it back with `take_connection_back`."""
        connection = self.database.connection()
        connection.execute(f"PRAGMA cache_size = -{ASIDE_CACHE_KIB}")
        self._current().reset()
        return connection

    def take_connection_back(self, connection: Any) -> None:
        """Use a connection again that was set aside, or close it if this thread has another."""
        if self.database.is_closed():
            connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
            self._current().set_connection(connection)
        else:
            connection.close()

    def _current(self) -> Any:
        """What peewee keeps of this thread's connection."""
        return self.database._state  # type: ignore[attr-defined]

    def _runner(self) -> Runner:
        return Runner(self.database, str(MIGRATIONS))

    def _require_file(self) -> None:
        try:
            self.path.stat()
        except FileNotFoundError:
            raise StoreError(
                f"There is no store at {self.path}. Run 'boxis-gateway init'."
            ) from None
        except OSError as problem:
            raise StoreError(
                f"The store {self.path} cannot be reached: {problem.strerror}. "
                "Run this as its owner."
            ) from None
        self._require_ours()

    def _require_ours(self) -> None:
        """Somebody else's database is not even opened in our way, which would change it."""
        plain = SqliteDatabase(str(self.path), timeout=LOCK_SECONDS)
        with errors_explained(plain), plain.connection_context():
            tables = plain.get_tables()
        if tables and "schema_migration" not in tables:
            raise StoreError(f"{self.path} is not a store of boxis-gateway. Choose another file.")

    def _require_not_newer(self) -> None:
        unknown = [row.name for row in self._runner().status() if row.path is None]
        if unknown:
            raise StoreError(
                f"The store {self.path} was made by a newer version of boxis-gateway "
                f"(it has {unknown[-1]}). Install that version."
            )


def sqlite_path(url: str) -> Path:
    """The file of `sqlite:///PATH`. Raises ConfigurationError for any other URL."""
    if not url.startswith("sqlite:///"):
        scheme = url.split("://", 1)[0]
        raise ConfigurationError(f"A store is sqlite:///PATH; {scheme!r} is not supported.")
    path = url.removeprefix("sqlite:///")
    if path in ("", ":memory:"):
        raise ConfigurationError("A store needs a file: sqlite:///PATH.")
    return Path(path)
