"""The store: the only code that knows peewee. Read database.py, tables.py, then one file a noun."""

from boxis_gateway.store.database import Store
from boxis_gateway.store.filters import Filter, Order
from boxis_gateway.store.followed import Mark
from boxis_gateway.store.ids import from_wire_id, wire_id
from boxis_gateway.store.queries import DATABASE_ERRORS, Row, explained
from boxis_gateway.store.submissions import Position, Submitted, position_of

__all__ = [
    "DATABASE_ERRORS",
    "Filter",
    "Mark",
    "Order",
    "Position",
    "Row",
    "Store",
    "Submitted",
    "explained",
    "from_wire_id",
    "position_of",
    "wire_id",
]
