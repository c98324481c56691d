"""History: an account's messages, newest first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from peewee import SQL, Tuple

from boxis_gateway.model import Status
from boxis_gateway.store.engines.base import Row, StoreDatabase
from boxis_gateway.store.engines.replicas import ReadServers
from boxis_gateway.store.engines.row_stream import RowStream
from boxis_gateway.store.engines.sql import compile_sql, fetch_rows
from boxis_gateway.store.ids import LEAST_ID
from boxis_gateway.store.tables import Message
from boxis_gateway.zones import EARLIEST, LATEST

REFUSED = Status.REFUSED.value  # a plain text, which is bound at once


class RecentMessage(NamedTuple):
    """A message as `boxis-gateway history` shows it."""

    sent_at: str
    sender: str
    recipient: str
    parts: int
    credit_thousandths: int
    kind: str
    status: str


class History:
    """Histories of accounts."""

    def __init__(self, database: StoreDatabase, servers: ReadServers) -> None:
        self._database, self._servers = database, servers
        before = BEFORE if database.merges_ordered_unions else BEFORE_KEY
        with_status = (*HISTORY_COLUMNS, *HISTORY_STATUS_COLUMNS)
        self._history_sql = compile_sql(database, _history(before, HISTORY_COLUMNS))
        self._history_with_status_sql = compile_sql(database, _history(before, with_status))

    def read(
        self, account_id: int, start: str = EARLIEST, end: str = LATEST, *, with_status: bool
    ) -> RowStream[list[Row]]:
        """Rows with start <= sent_at < end, newest first, without refused messages.

        Rows have HISTORY_COLUMNS, then HISTORY_STATUS_COLUMNS if `with_status`. The query has run
        when this returns; iterating reads the rest of that state."""
        sql = self._history_with_status_sql if with_status else self._history_sql
        parameters = (account_id, start, end, REFUSED)
        return self._servers.read(lambda database: database.stream(sql, parameters))

    def recent(self, account_id: int, start: str, end: str, limit: int) -> list[RecentMessage]:
        """The newest messages with start <= sent_at < end, refused ones included."""
        query = (
            Message.select(*(getattr(Message, name) for name in RecentMessage._fields))
            .where(Message.account == account_id, Message.sent_at >= start, Message.sent_at < end)
            .order_by(Message.sent_at.desc(), Message.id.desc())
            .limit(limit)
        )
        return [RecentMessage(*row) for row in fetch_rows(self._database, query)]


HISTORY_COLUMNS = (
    Message.sender,
    Message.recipient,
    Message.sent_at,
    Message.parts,
    Message.credit_thousandths,
    Message.kind,
)
HISTORY_STATUS_COLUMNS = (Message.id, Message.wire_id, Message.status_changed_at)


BEFORE = Message.sent_at < ""
BEFORE_KEY = Tuple(Message.sent_at, Message.id) < Tuple("", SQL(str(LEAST_ID)))
"""The same, for PostgreSQL: from a pair of bounds on one column it estimates so few rows that it
may sort them all instead of scanning the key."""


# Literals such as 0 and "" are placeholders: compile_sql makes each a parameter, in this order.
def _history(before: Any, columns: Sequence[Any]) -> Any:
    return (
        Message.select(*columns)
        .where(
            Message.account == 0,
            Message.sent_at >= "",
            before,
            Message.status != "",
        )
        .order_by(Message.sent_at.desc(), Message.id.desc())
    )
