"""The store: the only code that knows peewee. Read database.py, tables.py, then one file a noun."""

from boxis_gateway.store.audit import UNKNOWN, Entry, acting
from boxis_gateway.store.engines import Replicas
from boxis_gateway.store.engines.base import Row
from boxis_gateway.store.engines.errors import DATABASE_ERRORS, explained, faults_told, is_away
from boxis_gateway.store.engines.sqlite.file_identity import beside
from boxis_gateway.store.ids import from_wire_id, wire_id
from boxis_gateway.store.ingest.log_positions import Mark
from boxis_gateway.store.messages.list_pages import Position, Submitted, position_of
from boxis_gateway.store.messages.listing_sql import Filter, Order
from boxis_gateway.store.privacy.erasing import Found
from boxis_gateway.store.privacy.retention import Limits, Pruned, limits_of
from boxis_gateway.store.store import Store
from boxis_gateway.store.transfer.backup import BackedUp, back_up
from boxis_gateway.store.transfer.copy import Copied, copy
from boxis_gateway.store.transfer.restore import Restored, restore
from boxis_gateway.store.transfer.verify import Verified, verify
from boxis_gateway.store.transfer.verify_rows import verify_rows

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
