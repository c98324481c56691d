"""Retention: deletes messages and texts after some days.

Age counts from the actual or planned time of sending. Short transactions each leave the store
consistent: the next run continues one that was stopped, and two runs share the work.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import NamedTuple

from boxis_gateway.model import Account, Status
from boxis_gateway.settings import Settings, account_value
from boxis_gateway.sms.dlr import MAX_DELAY
from boxis_gateway.store.audit import Audit
from boxis_gateway.store.engines.base import BATCH_ROWS, EVERY_ACCOUNT, Maintenance, StoreDatabase
from boxis_gateway.store.engines.errors import translate_errors
from boxis_gateway.store.ids import LEAST_ID, first_id
from boxis_gateway.store.messages.counts import Counts
from boxis_gateway.store.messages.delivery_reports import DeliveryReports
from boxis_gateway.store.messages.statuses import without_recipients
from boxis_gateway.zones import utc_text

COUNT_SQL = "SELECT count(*) FROM message WHERE account_id = ? AND sent_at < ?"
OLDEST_SQL = """
    SELECT sent_at, id, submission_id, recipient, status FROM message
    WHERE account_id = ? AND sent_at < ? ORDER BY sent_at, id LIMIT ?
"""
DELETE_MESSAGES_SQL = "DELETE FROM message WHERE account_id = ? AND (sent_at, id) <= (?, ?)"
STRADDLING_SQL = """
    SELECT DISTINCT submission_id FROM message
    WHERE account_id = ? AND sent_at >= ? AND submission_id < ?
"""
LIST_SQL = "UPDATE submission SET recipients = ? WHERE account_id = ? AND id = ?"
TEXTS_SQL = """
    SELECT id FROM submission
    WHERE account_id = ? AND id > ? AND id < ? AND text IS NOT NULL ORDER BY id LIMIT ?
"""


class Cutoffs(NamedTuple):
    """Times, as UTC texts, from which an account keeps messages, and their texts; "" for all."""

    messages_from: str
    texts_from: str


class Pruned(NamedTuple):
    """Number of deleted messages, and of deleted texts of submissions that stay."""

    messages: int
    texts: int


def cutoffs_of(settings: Settings, account: Account, now: datetime) -> Cutoffs:
    """Cutoffs by `keep_messages_days` and `keep_texts_days`. Raises ConfigurationError."""
    days_kept = (
        account_value(settings, account.options, name)
        for name in ("keep_messages_days", "keep_texts_days")
    )
    return Cutoffs(*(utc_text(now - timedelta(days=days)) if days else "" for days in days_kept))


class Retention:
    """Deletion of old data."""

    def __init__(self, database: StoreDatabase, maintenance: Maintenance) -> None:
        self._database, self._maintenance = database, maintenance
        self._audit = Audit(database)
        self._counts = Counts(database)
        self._delivery_reports = DeliveryReports(database)
        self._array = database.dialect.array
        these = f"account_id = ? AND id {database.dialect.in_array()}"
        self._submissions_sql = (
            f"SELECT id, sender, created_at, recipients FROM submission WHERE {these}"
        )
        self._delete_submissions_sql = f"DELETE FROM submission WHERE {these}"
        self._delete_texts_sql = (
            f"UPDATE submission SET text = NULL WHERE {these} AND text IS NOT NULL"
        )

    def prune(self, account: Account, cutoffs: Cutoffs) -> Pruned:
        """Delete everything older. Raises StoreError; finished transactions stay."""
        self._maintenance.enable_secure_delete()
        messages = sum(self._delete_messages(account.id, cutoffs.messages_from))
        texts = sum(
            self._delete_texts(account.id, ids) for ids in self._old_texts(account.id, cutoffs)
        )
        pruned = Pruned(messages, texts)
        if any(pruned):
            with self._maintenance.throttled_transaction():
                self._audit.record("prune", account.username, **pruned._asdict())
        return pruned

    def would_prune(self, account: Account, cutoffs: Cutoffs) -> Pruned:
        """Counts of what `prune` would delete."""
        with translate_errors(), self._database.read_transaction():
            query = (account.id, cutoffs.messages_from)
            messages = self._database.execute_sql(COUNT_SQL, query).fetchone()[0]
            first_kept = self._first_id(cutoffs.messages_from)
            straddling = self._straddling(account.id, cutoffs.messages_from)
            texts = sum(
                submission_id >= first_kept or submission_id in straddling
                for ids in self._old_texts(account.id, cutoffs)
                for submission_id in ids
            )
        return Pruned(messages, texts)

    def prune_reports(self, now: datetime) -> int:
        """Delete the reports that have waited too long for their message; how many."""
        before, total = utc_text(now - MAX_DELAY), 0
        while True:
            with self._maintenance.throttled_transaction(EVERY_ACCOUNT):
                deleted = self._delivery_reports.delete_waiting(before, BATCH_ROWS)
            total += deleted
            if deleted < BATCH_ROWS:
                return total

    def would_prune_reports(self, now: datetime) -> int:
        """Number of reports that `prune_reports` would delete."""
        return self._delivery_reports.count_waiting(utc_text(now - MAX_DELAY))

    def _delete_messages(self, account_id: int, before: str) -> Iterator[int]:
        """Delete older messages; their number in each transaction."""
        straddling = self._straddling(account_id, before)
        deleted = BATCH_ROWS if before else 0
        while deleted == BATCH_ROWS:
            with self._maintenance.throttled_transaction(account_id):
                deleted = self._delete_oldest(account_id, before, straddling)
            yield deleted

    def _delete_oldest(self, account_id: int, before: str, straddling: set[int]) -> int:
        query = (account_id, before, BATCH_ROWS)
        rows = self._database.execute_sql(OLDEST_SQL, query).fetchall()
        gone: dict[int, list[str]] = defaultdict(list)
        for _, _, submission_id, recipient, status in rows:
            gone[submission_id] += [recipient] if status != Status.REFUSED.value else []
        if rows:
            self._database.execute_sql(DELETE_MESSAGES_SQL, (account_id, *rows[-1][:2]))
            self._remove_recipients(account_id, gone, straddling)
        return len(rows)

    def _remove_recipients(
        self, account_id: int, gone: dict[int, list[str]], straddling: set[int]
    ) -> None:
        """Remove recipients from submissions, and delete submissions without other messages."""
        counted: Counter[tuple[str, str]] = Counter()
        empty: list[int] = []
        query = (account_id, self._array(list(gone)))
        for number, sender, created_at, listed in self._database.execute_sql(
            self._submissions_sql, query
        ).fetchall():
            recipients = without_recipients(listed, gone[number])
            if listed and not recipients:
                counted[sender, created_at[:7]] -= 1
            if recipients or number in straddling:
                self._database.execute_sql(LIST_SQL, (recipients, account_id, number))
            else:
                empty.append(number)
        self._database.execute_sql(self._delete_submissions_sql, (account_id, self._array(empty)))
        self._counts.change(account_id, counted)
        self._counts.delete_zeros(account_id)

    def _old_texts(self, account_id: int, cutoffs: Cutoffs) -> Iterator[list[int]]:
        """Batches of submissions that have a text, and only messages that are too old for it."""
        if not cutoffs.texts_from:
            return
        straddling = self._straddling(account_id, cutoffs.texts_from)
        end = self._first_id(cutoffs.texts_from)
        query = (account_id, LEAST_ID, end, BATCH_ROWS)
        while rows := self._database.execute_sql(TEXTS_SQL, query).fetchall():
            if old := [number for (number,) in rows if number not in straddling]:
                yield old
            query = (account_id, rows[-1][0], end, BATCH_ROWS)

    def _delete_texts(self, account_id: int, submissions: list[int]) -> int:
        with self._maintenance.throttled_transaction(account_id):
            query = (account_id, self._array(submissions))
            cursor = self._database.execute_sql(self._delete_texts_sql, query)
            return int(self._database.rows_affected(cursor))

    def _straddling(self, account_id: int, moment: str) -> set[int]:
        """Submissions created before a moment, with messages of a later time: scheduled ones, and
        the last of many recipients. Few."""
        if not moment:
            return set()
        query = (account_id, moment, self._first_id(moment))
        return {number for (number,) in self._database.execute_sql(STRADDLING_SQL, query)}

    @staticmethod
    def _first_id(moment: str) -> int:
        return first_id(moment) if moment else LEAST_ID
