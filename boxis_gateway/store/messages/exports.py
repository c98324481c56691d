"""Exports: every column of messages, oldest first, in batches.

Each account has an open scan of one snapshot, and the scans are merged. A batch is a fixed number
of scanned messages, matching or not: so the time between two batches is short.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from heapq import merge
from typing import Any

from boxis_gateway.export_columns import EXPORT_COLUMNS
from boxis_gateway.sms.numbers import sender_key
from boxis_gateway.store.engines.base import Row, Snapshot, StoreDatabase
from boxis_gateway.store.engines.dialect import Dialect
from boxis_gateway.store.engines.replicas import ReadServers
from boxis_gateway.store.engines.row_stream import RowStream
from boxis_gateway.store.engines.sql import next_rows
from boxis_gateway.store.ids import id_range_of_months
from boxis_gateway.store.messages.list_query import Criteria

BATCH = 150  # scanned messages, a few milliseconds

_KEY = {
    "sent_at": "m.sent_at",
    "account_id": "m.account_id",
    "id": "m.id",
    "is_found": "s.id IS NOT NULL",
}
"""Columns before the exported ones: the sort key, and whether the SQL conditions hold."""

IS_FOUND, SENDER, TEXT, STATUS = map(
    [*_KEY, *EXPORT_COLUMNS].index, ("is_found", "sender", "text", "status")
)


class Exports:
    """Exports of a store."""

    def __init__(self, database: StoreDatabase, servers: ReadServers) -> None:
        self._database, self._servers = database, servers

    def accounts(self, customer_id: str | None = None) -> dict[int, str]:
        """Ids and user names of all accounts, or of a customer's."""
        sql = "SELECT id, username FROM account WHERE ? OR customer_id = ? ORDER BY id"
        return dict(self._database.execute_sql(sql, (customer_id is None, customer_id or "")))

    def rows(
        self,
        accounts: Mapping[int, str],
        criteria: Criteria,
        statuses: Collection[str] = (),
        hidden: Collection[str] = (),
    ) -> RowStream[list[Row]]:
        """Batches, perhaps empty, of rows with EXPORT_COLUMNS, of accounts given with their names
        and of any status unless some are given. Hidden columns are None, and not searched. Raises
        StoreError, also while it is iterated."""
        sql, matches = _sql(self._database.dialect, hidden), _matcher(criteria, statuses)
        months = id_range_of_months(criteria.first_month, criteria.last_month)
        recipient = (criteria.recipient is None, criteria.recipient or "")
        queries = [(name, number, *months, *recipient) for number, name in accounts.items()]
        snapshot = self._servers.read(lambda database: database.snapshot())
        batches = _batches(snapshot, sql, queries, matches)
        return RowStream(batches, is_long=True, release=snapshot.close, detach=snapshot.detach)


def _batches(
    snapshot: Snapshot,
    sql: str,
    queries: Sequence[Sequence[Any]],
    matches: Callable[[Row], bool],
) -> Iterator[list[Row]]:
    try:
        merged = merge(*[snapshot.query(sql, parameters) for parameters in queries])
        while rows := next_rows(merged, BATCH):
            yield [row[len(_KEY) :] for row in rows if row[IS_FOUND] and matches(row)]
    finally:
        snapshot.close()


def _sql(dialect: Dialect, hidden: Collection[str]) -> str:
    """Query for the messages of an account. Submissions are joined only if months and recipient
    match."""
    expressions = _expressions(dialect)
    shown = ("NULL" if name in hidden else expressions[name] for name in EXPORT_COLUMNS)
    return f"""
        SELECT {", ".join((*_KEY.values(), *shown))}
        FROM message m LEFT JOIN submission s
            ON s.account_id = m.account_id AND s.id = m.submission_id
            AND m.submission_id >= ?3 AND m.submission_id < ?4
            AND (?5 OR m.recipient = ?6)
        WHERE m.account_id = ?2 ORDER BY m.sent_at, m.id
    """


def _expressions(dialect: Dialect) -> Mapping[str, str]:
    return {
        "account": "?1",
        "sms_id": "coalesce(m.wire_id, CAST(m.id AS TEXT))",
        "submission_id": f"coalesce(s.wire_id, {dialect.wire_id('s.id', 's.account_id')})",
        "sender": "m.sender",
        "recipient": "m.recipient",
        "date": "m.sent_at",
        "text": "s.text",
        "parts": "m.parts",
        "credit": "m.credit_thousandths",
        "type": "m.kind",
        "status": "m.status",
        "status_date": "m.status_changed_at",
        "created_at": "s.created_at",
        "scheduled_at": "s.scheduled_at",
        "flash": "s.flash",
        "fast": "s.fast",
        "group_id": "s.group_id",
        "invoiced_at": "s.invoiced_at",
        "price": "s.price",
        "whole_sale": "s.whole_sale",
        "cost": "s.cost",
        "message_place": "CASE WHEN m.wire_id IS NOT NULL THEN CAST(m.id AS TEXT) END",
        "submission_place": "CASE WHEN s.wire_id IS NOT NULL THEN CAST(s.id AS TEXT) END",
    }


def _matcher(criteria: Criteria, statuses: Collection[str]) -> Callable[[Row], bool]:
    key = None if criteria.sender is None else sender_key(criteria.sender)
    folded = None if criteria.text is None else criteria.text.casefold()

    def matches(row: Row) -> bool:
        return (
            (key is None or sender_key(row[SENDER]) == key)
            and (folded is None or folded in (row[TEXT] or "").casefold())
            and (not statuses or row[STATUS] in statuses)
        )

    return matches
