"""Delivery reports: applied to their message, or kept until it arrives."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from boxis_gateway.model import Status
from boxis_gateway.sms.dlr import DeliveryReport, message_window
from boxis_gateway.store.engines.base import Row, StoreDatabase
from boxis_gateway.store.engines.errors import translate_errors
from boxis_gateway.store.engines.schema_version import require_unmigrated
from boxis_gateway.store.messages.recipient_index import day_prefixes
from boxis_gateway.store.messages.statuses import COLUMNS, Statuses, StoredMessage

IN_TEXTS = "IN (SELECT value FROM json_each(?))"
IN_NUMBERS = "IN (SELECT value + 0 FROM json_each(?))"
FIND_SQL = f"""
    SELECT {COLUMNS} FROM message
    WHERE substr(sent_at, 1, 9) {IN_TEXTS} AND reference {IN_NUMBERS}
        AND sent_at BETWEEN ? AND ? AND (? = 0 OR account_id = ?)
    ORDER BY sent_at DESC, id DESC LIMIT 1
"""
KEEP_SQL = "INSERT INTO delivery_report VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
HAS_WAITING_SQL = "SELECT EXISTS (SELECT 1 FROM delivery_report)"
WAITING_SQL = f"""
    SELECT reference, account_id, changed_at, status FROM delivery_report
    WHERE reference {IN_NUMBERS} AND account_id IN (0, ?)
"""
DELETE_SQL = """
    DELETE FROM delivery_report
    WHERE reference = ? AND account_id = ? AND changed_at = ? AND status = ?
"""
DELETE_OLD_SQL = """
    DELETE FROM delivery_report WHERE (reference, account_id, changed_at, status) IN (
        SELECT reference, account_id, changed_at, status FROM delivery_report
        WHERE received_at < ? LIMIT ?
    )
"""


class Applied(NamedTuple):
    """Number of reports that changed their message, and of those that wait for it."""

    changed: int
    waiting: int


class DeliveryReports:
    """The delivery reports of a store."""

    def __init__(self, database: StoreDatabase) -> None:
        self._database = database
        self._statuses = Statuses(database)

    def apply(
        self, reports: Sequence[DeliveryReport], account_id: int, received_at: str
    ) -> Applied:
        """Change the reports' messages in one transaction: those of an account, or (0) of any. A
        report whose message is not stored waits for it."""
        changed, waiting = 0, 0
        with translate_errors(), self._database.write_transaction(account_id):
            require_unmigrated(self._database)
            for report in reports:
                message = self._find(report, account_id)
                if message:
                    changed += self._statuses.change(message, report.status, report.changed_at)
                    continue
                waiting += 1
                for reference in report.references:
                    row = (account_id, reference, report.status.value, report.changed_at)
                    self._database.execute_sql(KEEP_SQL, (*row, received_at))
        return Applied(changed, waiting)

    def find(self, reports: Sequence[DeliveryReport], account_id: int) -> int:
        """Number of the reports whose message is stored."""
        with translate_errors():
            return sum(self._find(report, account_id) is not None for report in reports)

    def apply_waiting(self, rows: Sequence[Row]) -> None:
        """Apply the reports that came before these new messages of one account, given as rows of
        their table. Called inside a transaction."""
        messages = [
            (row[-1], StoredMessage(row[0], row[1], row[2], row[3], row[9], row[10]))
            for row in rows
            if row[-1] is not None
        ]
        if not messages or not self._database.execute_sql(HAS_WAITING_SQL).fetchone()[0]:
            return
        references = json.dumps([reference for reference, _ in messages])
        parameters = (references, messages[0][1].account_id)
        waiting: dict[int, list[tuple[Any, ...]]] = {}
        for row in self._database.execute_sql(WAITING_SQL, parameters).fetchall():
            waiting.setdefault(row[0], []).append(row)
        for reference, message in messages:
            for row in waiting.get(reference, ()):
                first, last = message_window(row[2])
                if first <= message.sent_at <= last:
                    self._statuses.change(message, Status(row[3]), row[2])
                    message = self._reread(message)
                    self._database.execute_sql(DELETE_SQL, row)

    def delete_waiting(self, before: str, limit: int) -> int:
        """Delete up to `limit` reports that were received before that time; how many."""
        cursor = self._database.execute_sql(DELETE_OLD_SQL, (before, limit))
        return int(self._database.rows_affected(cursor))

    def count_waiting(self, before: str) -> int:
        """Number of waiting reports that were received before that time."""
        sql = "SELECT count(*) FROM delivery_report WHERE received_at < ?"
        return int(self._database.execute_sql(sql, (before,)).fetchone()[0])

    def _find(self, report: DeliveryReport, account_id: int) -> StoredMessage | None:
        first, last = message_window(report.changed_at)
        prefixes, references = day_prefixes(first[:10], last[:10]), json.dumps(report.references)
        parameters = (prefixes, references, first, last, account_id, account_id)
        row = self._database.execute_sql(FIND_SQL, parameters).fetchone()
        return StoredMessage(*row) if row else None

    def _reread(self, message: StoredMessage) -> StoredMessage:
        sql = f"SELECT {COLUMNS} FROM message WHERE account_id = ? AND sent_at = ? AND id = ?"
        key = (message.account_id, message.sent_at, message.id)
        return StoredMessage(*self._database.execute_sql(sql, key).fetchone())
