"""The store: the only code that knows peewee. Read database.py, tables.py, then one file a noun."""

from boxis_gateway.store.audit import UNKNOWN, Entry, acting
from boxis_gateway.store.backup import BackedUp, back_up
from boxis_gateway.store.copying import Copied, copy
from boxis_gateway.store.database import Store
from boxis_gateway.store.engine import Row
from boxis_gateway.store.engines import Replicas
from boxis_gateway.store.erasing import Found
from boxis_gateway.store.faults import faults_told, is_away
from boxis_gateway.store.filters import Filter, Order
from boxis_gateway.store.followed import Mark
from boxis_gateway.store.ids import from_wire_id, wire_id
from boxis_gateway.store.lists import Position, Submitted, position_of
from boxis_gateway.store.place import beside
from boxis_gateway.store.postgresql_verifying import verify_rows
from boxis_gateway.store.queries import DATABASE_ERRORS, explained
from boxis_gateway.store.restoring import Restored, restore
from boxis_gateway.store.retention import Limits, Pruned, limits_of
from boxis_gateway.store.verifying import Verified, verify

__all__ = [
    "DATABASE_ERRORS",
    "UNKNOWN",
    "BackedUp",
    "Copied",
    "Entry",
    "Filter",
    "Found",
    "Limits",
    "Mark",
    "Order",
    "Position",
    "Pruned",
    "Replicas",
    "Restored",
    "Row",
    "Store",
    "Submitted",
    "Verified",
    "acting",
    "back_up",
    "beside",
    "copy",
    "explained",
    "faults_told",
    "from_wire_id",
    "is_away",
    "limits_of",
    "position_of",
    "restore",
    "verify",
    "verify_rows",
    "wire_id",
]
