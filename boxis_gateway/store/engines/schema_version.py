"""Which version the tables of a store have: how many migrations have made them."""

from __future__ import annotations

from pathlib import Path

from boxis_gateway.errors import StoreError
from boxis_gateway.store.engines.base import StoreDatabase

MIGRATIONS = Path(__file__).parents[1] / "migrations"
VERSION = len(list(MIGRATIONS.glob("[0-9]*.py")))


def set_version(database: StoreDatabase) -> None:
    """Write down that the tables are of this version."""
    database.set_version(VERSION)


def is_current(database: StoreDatabase) -> bool:
    """Whether the tables are of this version."""
    return database.version() == VERSION


def require_unmigrated(database: StoreDatabase) -> None:
    """Raises StoreError if somebody has migrated the store since this process began: rows of this
    version would lack what the tables have now. To be called inside a transaction."""
    if not is_current(database):
        raise StoreError("The store was migrated meanwhile. Run this again, with that version.")
