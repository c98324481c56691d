"""Version of a store's tables: the number of migrations that made them."""

from __future__ import annotations

from pathlib import Path

from boxis_gateway.errors import StoreError
from boxis_gateway.store.engines.base import StoreDatabase

MIGRATIONS = Path(__file__).parents[1] / "migrations"
VERSION = len(list(MIGRATIONS.glob("[0-9]*.py")))


def is_current(database: StoreDatabase) -> bool:
    """True if the tables are of this version."""
    return database.version() == VERSION


def require_unmigrated(database: StoreDatabase) -> None:
    """Raise StoreError if the store was migrated since this process began: rows of this version
    would lack new columns. Call it in the transaction that writes."""
    if not is_current(database):
        raise StoreError("The store was migrated meanwhile. Run this again with the new version.")
