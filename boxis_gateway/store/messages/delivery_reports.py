"""Delivery reports: applied to their message, or kept until it arrives."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from boxis_gateway.model import Status
from boxis_gateway.sms.dlr import DeliveryReport, message_window
from boxis_gateway.store.engines.base import StoreDatabase
from boxis_gateway.store.engines.errors import translate_errors
from boxis_gateway.store.engines.schema_version import require_unmigrated
from boxis_gateway.store.messages.recipient_index import day_prefixes
from boxis_gateway.store.messages.statuses import COLUMNS, Statuses, StoredMessage
from boxis_gateway.store.tables import MessageRow

KEEP_SQL = "INSERT INTO delivery_report VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
HAS_WAITING_SQL = "SELECT EXISTS (SELECT 1 FROM delivery_report)"
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


class _WaitingReport(NamedTuple):
    """Row of the table `delivery_report`, without the time at which it was received."""

    reference: int
    account_id: int
    changed_at: str
    status: str


class DeliveryReports:
    """The delivery reports of a store."""

    def __init__(self, database: StoreDatabase) -> None:
        self._database = database
        self._statuses = Statuses(database)
        self._array, in_array = database.dialect.array, database.dialect.in_array()
        self._find_sql = f"""
            SELECT {COLUMNS} FROM message
            WHERE substr(sent_at, 1, 9) {in_array} AND reference {in_array}
                AND sent_at BETWEEN ? AND ? AND (? = 0 OR account_id = ?)
            ORDER BY sent_at DESC, id DESC LIMIT 1
        """
        self._waiting_sql = f"""
            SELECT reference, account_id, changed_at, status FROM delivery_report
            WHERE reference {in_array} AND account_id IN (0, ?)
        """

    def apply(
        self,
        reports: Sequence[DeliveryReport],
        account_id: int,
        received_at: str,
        *,
        dry_run: bool = False,
    ) -> Applied:
        """Change the reports' messages in one transaction: those of an account, or (0) of any. A
        report whose message is not stored waits for it. A dry run changes nothing."""
        changed, waiting = 0, []
        after: dict[StoredMessage, StoredMessage] = {}
        with (
            translate_errors(),
            self._database.message_transaction(account_id, dry_run=dry_run),
        ):
            require_unmigrated(self._database)
            for report in reports:
                if message := self._find(report, account_id):
                    before = after.get(message, message)
                    after[message] = before.later(report.status, report.changed_at)
                    changed += after[message] != before
                else:
                    waiting.append(report)
            if not dry_run:
                for message, later in after.items():
                    self._statuses.change(message, later)
                self._keep(waiting, account_id, received_at)
        return Applied(changed, len(waiting))

    def _keep(self, reports: Sequence[DeliveryReport], account_id: int, received_at: str) -> None:
        for report in reports:
            for reference in report.references:
                row = (account_id, reference, report.status.value, report.changed_at)
                self._database.execute_sql(KEEP_SQL, (*row, received_at))

    def apply_waiting(self, account_id: int, rows: Sequence[MessageRow]) -> None:
        """Apply the reports that came before these new messages of the account. Called inside a
        transaction."""
        messages = [row for row in rows if row.reference is not None]
        if not messages or not self._database.scalar(HAS_WAITING_SQL):
            return
        references = self._array([message.reference for message in messages])
        parameters = (references, account_id)
        waiting: dict[int | None, list[_WaitingReport]] = defaultdict(list)
        for row in self._database.execute_sql(self._waiting_sql, parameters).fetchall():
            report = _WaitingReport(*row)
            waiting[report.reference].append(report)
        for message in messages:
            stored = after = StoredMessage.of(message)
            for report in waiting[message.reference]:
                first, last = message_window(report.changed_at)
                if first <= message.sent_at <= last:
                    after = after.later(Status(report.status), report.changed_at)
                    self._database.execute_sql(DELETE_SQL, report)
            self._statuses.change(stored, after)

    def delete_waiting(self, before: str, limit: int) -> int:
        """Delete up to `limit` reports that were received before that time; how many."""
        cursor = self._database.execute_sql(DELETE_OLD_SQL, (before, limit))
        return int(self._database.rows_affected(cursor))

    def count_waiting(self, before: str) -> int:
        """Number of waiting reports that were received before that time."""
        sql = "SELECT count(*) FROM delivery_report WHERE received_at < ?"
        return int(self._database.scalar(sql, (before,)))

    def _find(self, report: DeliveryReport, account_id: int) -> StoredMessage | None:
        first, last = message_window(report.changed_at)
        days, references = day_prefixes(first[:10], last[:10]), report.references
        lists = (self._array(days), self._array(references))
        parameters = (*lists, first, last, account_id, account_id)
        row = self._database.execute_sql(self._find_sql, parameters).fetchone()
        return StoredMessage(*row) if row else None
