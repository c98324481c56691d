"""The store: the only code that knows peewee. Read database.py, tables.py, then one file a noun."""

from boxis_gateway.store.database import Store
from boxis_gateway.store.queries import DATABASE_ERRORS, Row, explained

__all__ = ["DATABASE_ERRORS", "Row", "Store", "explained"]
