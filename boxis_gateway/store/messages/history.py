"""History: an account's messages, newest first."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from boxis_gateway.model import Status
from boxis_gateway.store.engines.base import Row, StoreDatabase
from boxis_gateway.store.engines.replicas import ReadServers
from boxis_gateway.store.engines.row_stream import RowStream
from boxis_gateway.zones import EARLIEST, LATEST

REFUSED = Status.REFUSED.value  # a plain text, which is bound at once
HISTORY_COLUMNS = "sender, recipient, sent_at, parts, credit_thousandths, kind"
STATUS_COLUMNS = "id, wire_id, status_changed_at"


class RecentMessage(NamedTuple):
    """A message as `boxis-gateway history` shows it."""

    sent_at: str
    sender: str
    recipient: str
    parts: int
    credit_thousandths: int
    kind: str
    status: str


RECENT_SQL = f"""
    SELECT {", ".join(RecentMessage._fields)} FROM message
    WHERE account_id = ? AND sent_at >= ? AND sent_at < ? ORDER BY sent_at DESC, id DESC LIMIT ?
"""


class History:
    """Histories of accounts."""

    def __init__(self, database: StoreDatabase, servers: ReadServers) -> None:
        self._database, self._servers = database, servers

    def read(
        self, account_id: int, start: str = EARLIEST, end: str = LATEST, *, with_status: bool
    ) -> RowStream[list[Row]]:
        """Rows with start <= sent_at < end, newest first, without refused messages.

        Rows have HISTORY_COLUMNS, then STATUS_COLUMNS if `with_status`. The query has run when
        this returns; iterating reads the rest of that state."""
        parameters = (account_id, start, end, REFUSED)
        return self._servers.read(
            lambda database: database.stream(
                history_sql(database.dialect.history_end, with_status), parameters
            )
        )

    def recent(self, account_id: int, start: str, end: str, limit: int) -> list[RecentMessage]:
        """The newest messages with start <= sent_at < end, refused ones included."""
        rows = self._database.execute_sql(RECENT_SQL, (account_id, start, end, limit))
        return [RecentMessage(*row) for row in rows]


@lru_cache
def history_sql(end: str, with_status: bool) -> str:
    """Query with the condition `Dialect.history_end`."""
    columns = f"{HISTORY_COLUMNS}, {STATUS_COLUMNS}" if with_status else HISTORY_COLUMNS
    return f"""
        SELECT {columns} FROM message
        WHERE account_id = ? AND sent_at >= ? AND {end} AND status <> ?
        ORDER BY sent_at DESC, id DESC
    """
