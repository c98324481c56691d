"""SQLite engine: creates, checks, migrates and wipes a store's file."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from boxis_gateway.errors import StoreError
from boxis_gateway.store.engines.base import Engine
from boxis_gateway.store.engines.errors import translate_errors
from boxis_gateway.store.engines.schema_version import VERSION, is_current
from boxis_gateway.store.engines.sqlite.database import (
    NEW_FILE_PRAGMAS,
    SqliteDatabase,
    sqlite_path,
)
from boxis_gateway.store.engines.sqlite.file_identity import sidecar_files
from boxis_gateway.store.engines.sqlite.health import SqliteHealth
from boxis_gateway.store.engines.sqlite.maintenance import SqliteMaintenance
from boxis_gateway.store.target_files import require_no_part

WIPE_SECONDS = 15  # wait for readers before the checkpoint


class SqliteEngine(Engine):
    """A store in a file."""

    database: SqliteDatabase

    def __init__(self, url: str, lock_seconds: float) -> None:
        self.path = self.file = sqlite_path(url)
        self.name = str(self.path)
        self.database = SqliteDatabase(self.path, lock_seconds)
        self.health = SqliteHealth(self.database, self.path)
        self.maintenance = SqliteMaintenance(self.database)

    def create(self) -> None:
        """Create an empty file that only its owner can read, if there is none. Raises
        StoreError."""
        self._require_no_sidecars()
        require_no_part(self.path)
        try:
            self.path.parent.mkdir(0o700, parents=True, exist_ok=True)
            os.close(os.open(self.path, os.O_CREAT | os.O_RDWR, 0o600))
        except OSError as error:
            raise StoreError(
                f"The store {self.path} cannot be made: {error.strerror}. Choose another path "
                "with BOXIS_GATEWAY_DATABASE_URL."
            ) from None
        if not self.path.stat().st_size:
            empty = SqliteDatabase(self.path, pragmas=NEW_FILE_PRAGMAS)
            with translate_errors(), empty.connection_context():
                pass

    def _require_no_sidecars(self) -> None:
        """Raise StoreError for sidecars of a missing file: they hold its last changes."""
        sidecars = [file for file in sidecar_files(self.path) if file.exists()]
        if sidecars and not self.path.exists():
            raise StoreError(
                f"There is no store at {self.path}, but {sidecars[0]} of a previous one. Stop the "
                "server and move that file to its store."
            )

    def require_own_database(self) -> None:
        """Raise StoreError if there is no file, or another program's: opening that one with our
        pragmas would change it."""
        try:
            self.path.stat()
        except FileNotFoundError:
            raise StoreError(
                f"There is no store at {self.path}. Run 'boxis-gateway init'."
            ) from None
        except OSError as error:
            raise StoreError(
                f"The store {self.path} cannot be reached: {error.strerror}. Run this as its owner."
            ) from None
        plain = SqliteDatabase(self.path, pragmas={})
        with translate_errors(), plain.connection_context():
            tables = plain.get_tables()
        if tables and "schema_migration" not in tables:
            raise StoreError(f"{self.path} is not a store of boxis-gateway. Choose another file.")

    @contextmanager
    def migration_transaction(self, seal: Callable[[str], str]) -> Iterator[None]:
        """A transaction in which SQL has `seal` as the function `sealed`. Raises StoreError."""
        with translate_errors(), self.database.atomic():
            self.database.connection().create_scalar_function("sealed", seal, 1)
            yield

    def apply_migrations(self, runner: Any) -> list[str]:
        applied: list[str] = runner.up()
        self.database.set_version(VERSION)
        return applied

    def wipe(self) -> None:
        if self.needs_wipe():
            self.maintenance.vacuum_full()
            if self.maintenance.checkpoint_wal(WIPE_SECONDS):
                with translate_errors():
                    self.database.execute_sql("DELETE FROM secret WHERE name = 'to_wipe'")

    def needs_wipe(self) -> bool:
        with translate_errors():
            sql = "SELECT EXISTS (SELECT 1 FROM secret WHERE name = 'to_wipe')"
            return bool(self.database.scalar(sql))

    def require_current_schema(self) -> None:
        plain = SqliteDatabase(self.path, pragmas={})  # which would write
        with plain.connection_context():
            current = is_current(plain)
        if not current:
            raise StoreError(
                f"{self.path} is not a store of this version. Run 'boxis-gateway doctor'."
            )

    def find_damage(self) -> str:
        with translate_errors():
            result = str(self.database.scalar("PRAGMA quick_check(1)"))
        return "" if result == "ok" else result
