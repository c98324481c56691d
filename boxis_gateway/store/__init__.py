"""The store: the only code that knows peewee. Read database.py, tables.py, then one file a noun."""

from boxis_gateway.store.additions import first_id
from boxis_gateway.store.database import Store
from boxis_gateway.store.queries import DATABASE_ERRORS, Row, explained
from boxis_gateway.store.submissions import (
    GREATEST_ID,
    LEAST_ID,
    Filter,
    Order,
    Position,
    Submitted,
    from_wire_id,
    position_of,
    wire_id,
)

__all__ = [
    "DATABASE_ERRORS",
    "GREATEST_ID",
    "LEAST_ID",
    "Filter",
    "Order",
    "Position",
    "Row",
    "Store",
    "Submitted",
    "explained",
    "first_id",
    "from_wire_id",
    "position_of",
    "wire_id",
]
