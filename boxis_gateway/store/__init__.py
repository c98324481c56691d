"""The store: accounts and messages, in SQLite or PostgreSQL.

Read store.py (class Store), tables/messages.py (what a row is), ingest/additions.py (rows in),
messages/history.py (rows out), engines/base.py (what an engine does). No other package uses peewee.
"""

from boxis_gateway.store.audit import UNKNOWN, AuditRecord, acting_as
from boxis_gateway.store.engines import Replicas
from boxis_gateway.store.engines.base import Row
from boxis_gateway.store.engines.errors import (
    DATABASE_ERRORS,
    describe_error,
    is_unreachable,
    translate_faults,
)
from boxis_gateway.store.engines.row_stream import RowStream
from boxis_gateway.store.engines.sqlite.file_identity import lock_file, sidecar_files
from boxis_gateway.store.ids import from_wire_id, wire_id
from boxis_gateway.store.ingest.log_positions import LogPosition
from boxis_gateway.store.messages.list_query import (
    Criteria,
    ListedSubmission,
    ListPosition,
    ListQuery,
    Order,
    position_after,
)
from boxis_gateway.store.privacy.erasure_scan import ErasureCounts
from boxis_gateway.store.privacy.retention import Cutoffs, Pruned, cutoffs_of
from boxis_gateway.store.secrets.key_file import KeySource
from boxis_gateway.store.store import Store
from boxis_gateway.store.target_files import (
    is_stream,
    open_target,
    put,
    require_free,
    require_not_own,
)
from boxis_gateway.store.transfer.backup import BackedUp, back_up
from boxis_gateway.store.transfer.copy import Copied, copy
from boxis_gateway.store.transfer.restore import Restored, restore
from boxis_gateway.store.transfer.verify import Verified, verify, verify_file
from boxis_gateway.store.write_group import Write
from boxis_gateway.store.writer import Writer

__all__ = [
    "DATABASE_ERRORS",
    "UNKNOWN",
    "AuditRecord",
    "BackedUp",
    "Copied",
    "Criteria",
    "Cutoffs",
    "ErasureCounts",
    "KeySource",
    "ListPosition",
    "ListQuery",
    "ListedSubmission",
    "LogPosition",
    "Order",
    "Pruned",
    "Replicas",
    "Restored",
    "Row",
    "RowStream",
    "Store",
    "Verified",
    "Write",
    "Writer",
    "acting_as",
    "back_up",
    "copy",
    "cutoffs_of",
    "describe_error",
    "from_wire_id",
    "is_stream",
    "is_unreachable",
    "lock_file",
    "open_target",
    "position_after",
    "put",
    "require_free",
    "require_not_own",
    "restore",
    "sidecar_files",
    "translate_faults",
    "verify",
    "verify_file",
    "wire_id",
]
