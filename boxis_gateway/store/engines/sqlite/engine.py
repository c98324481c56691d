"""A store in a file of SQLite: how it is made, told from other files, migrated and looked over."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from boxis_gateway.errors import StoreError
from boxis_gateway.store.engines.base import Engine
from boxis_gateway.store.engines.errors import translate_errors
from boxis_gateway.store.engines.schema_version import is_current, set_version
from boxis_gateway.store.engines.sqlite.database import LAYOUT, SqliteDatabase, sqlite_path
from boxis_gateway.store.engines.sqlite.file_identity import sidecar_files
from boxis_gateway.store.engines.sqlite.health import Health
from boxis_gateway.store.engines.sqlite.maintenance import Maintenance

WIPE_SECONDS = 15  # for those who read to let go of the log


class SqliteEngine(Engine):
    """A file, and what stands beside it."""

    database: SqliteDatabase

    def __init__(self, url: str, lock_seconds: float) -> None:
        self.path = self.file = sqlite_path(url)
        self.name = str(self.path)
        self.database = SqliteDatabase(self.path, lock_seconds)
        self.health = Health(self.database, self.path)
        self.maintenance = Maintenance(self.database)

    def create(self) -> None:
        """Make an empty file that only its owner can read, if there is none. Raises StoreError."""
        self._require_nothing_left()
        try:
            self.path.parent.mkdir(0o700, parents=True, exist_ok=True)
            os.close(os.open(self.path, os.O_CREAT | os.O_RDWR, 0o600))
        except OSError as problem:
            raise StoreError(
                f"The store {self.path} cannot be made: {problem.strerror}. Choose another place "
                "with BOXIS_GATEWAY_DATABASE_URL."
            ) from None
        if not self.path.stat().st_size:
            empty = SqliteDatabase(self.path, pragmas=LAYOUT)
            with translate_errors(), empty.connection_context():
                pass

    def _require_nothing_left(self) -> None:
        """What stands beside a file that is gone may be in use, and holds what it was told last."""
        left = (
            []
            if self.path.exists()
            else [file for file in sidecar_files(self.path) if file.exists()]
        )
        if left:
            raise StoreError(
                f"There is no store at {self.path}, but {left[0]} of one that was there. Stop the "
                "server and move it to that store."
            )

    def require_own_database(self) -> None:
        """Raises StoreError if there is no file, or somebody else's: which is not even opened in
        our way, as that would change it."""
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
        plain = SqliteDatabase(self.path, pragmas={})
        with translate_errors(), plain.connection_context():
            tables = plain.get_tables()
        if tables and "schema_migration" not in tables:
            raise StoreError(f"{self.path} is not a store of boxis-gateway. Choose another file.")

    @contextmanager
    def migration_transaction(self, seal: Callable[[str], str]) -> Iterator[None]:
        """A transaction; `sealed` is a function of SQL in it. Raises StoreError."""
        with translate_errors(), self.database.atomic():
            self.database.connection().create_scalar_function("sealed", seal, 1)
            yield

    def apply_migrations(self, runner: Any) -> list[str]:
        """Run the migrations that the file has not seen; their names."""
        applied: list[str] = runner.up()
        set_version(self.database)
        return applied

    def wipe(self) -> None:
        """Remove what older versions wrote in the clear from free pages and from the log."""
        if self.needs_wipe():
            self.maintenance.vacuum_full()
            if self.maintenance.checkpoint_wal(WIPE_SECONDS):
                with translate_errors():
                    self.database.execute_sql("DELETE FROM secret WHERE name = 'to_wipe'")

    def needs_wipe(self) -> bool:
        """Whether the file may still have, in pages that are free, what is encrypted by now."""
        with translate_errors():
            sql = "SELECT EXISTS (SELECT 1 FROM secret WHERE name = 'to_wipe')"
            return bool(self.database.execute_sql(sql).fetchone()[0])

    def require_current_schema(self) -> None:
        """Raises StoreError unless the file is a store of this version; without a write."""
        plain = SqliteDatabase(self.path, pragmas={})
        with plain.connection_context():
            current = is_current(plain)
        if not current:
            raise StoreError(
                f"{self.path} is no store of this version. 'boxis-gateway doctor' looks closer."
            )

    def find_damage(self) -> str:
        """What SQLite says is wrong with the file, or ""."""
        with translate_errors():
            said = str(self.database.execute_sql("PRAGMA quick_check(1)").fetchone()[0])
        return "" if said == "ok" else said


def sqlite_file(engine: Engine) -> Path:
    """The file of a store in SQLite. Raises StoreError for any other."""
    if engine.file is not None:
        return engine.file
    raise StoreError(f"{engine.name} is no file. Name a store in SQLite.")
