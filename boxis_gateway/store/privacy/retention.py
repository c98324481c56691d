"""Retention: deletes messages and texts after some days.

Age counts from the actual or planned time of sending. Short transactions each leave the store
consistent: the next run continues one that was stopped, and two runs share the work.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
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
from boxis_gateway.store.privacy.job import Job
from boxis_gateway.zones import utc_text

OLDEST_SQL = """
    SELECT sent_at, id, submission_id, recipient, status FROM message
    WHERE account_id = ? AND sent_at < ? AND (sent_at, id) > (?, ?) ORDER BY sent_at, id LIMIT ?
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


class _OldMessage(NamedTuple):
    """Row of OLDEST_SQL."""

    sent_at: str
    id: int
    submission_id: int
    recipient: str
    status: str


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
        with_text = f"{these} AND text IS NOT NULL"
        self._texts_sql = f"SELECT count(*) FROM submission WHERE {with_text}"
        self._delete_texts_sql = f"UPDATE submission SET text = NULL WHERE {with_text}"

    def prune(self, account: Account, cutoffs: Cutoffs, *, dry_run: bool = False) -> Pruned:
        """Delete everything older; a dry run counts it. Raises StoreError; finished transactions
        stay."""
        job = Job(self._database, self._maintenance, dry_run=dry_run)
        with job.running():
            messages = sum(self._delete_messages(job, account.id, cutoffs.messages_from))
            texts = sum(
                self._delete_texts(job, account.id, ids)
                for ids in self._old_texts(account.id, cutoffs)
            )
            pruned = Pruned(messages, texts)
            if any(pruned):
                with job.transaction():
                    job.change(self._audit.record, "prune", account.username, **pruned._asdict())
        return pruned

    def prune_reports(self, now: datetime, *, dry_run: bool = False) -> int:
        """Delete the reports that have waited too long for their message, unless this is a dry run;
        how many."""
        before = utc_text(now - MAX_DELAY)
        with translate_errors():
            total = self._delivery_reports.count_waiting(before)
        for _ in range(0, 0 if dry_run else total, BATCH_ROWS):
            with self._maintenance.throttled_transaction(EVERY_ACCOUNT):
                self._delivery_reports.delete_waiting(before, BATCH_ROWS)
        return total

    def _delete_messages(self, job: Job, account_id: int, before: str) -> Iterator[int]:
        """Delete older messages; their number in each transaction."""
        straddling = self._straddling(account_id, before)
        last = _OldMessage("", LEAST_ID, 0, "", "")
        deleted = BATCH_ROWS if before else 0
        while deleted == BATCH_ROWS:
            with job.transaction(account_id):
                query = (account_id, before, last.sent_at, last.id, BATCH_ROWS)
                cursor = self._database.execute_sql(OLDEST_SQL, query)
                rows = [_OldMessage(*row) for row in cursor]
                if rows:
                    last = rows[-1]
                    key = (account_id, last.sent_at, last.id)
                    job.change(self._database.execute_sql, DELETE_MESSAGES_SQL, key)
                    job.change(self._remove_recipients, account_id, rows, straddling)
            deleted = len(rows)
            yield deleted

    def _remove_recipients(
        self, account_id: int, messages: Sequence[_OldMessage], straddling: set[int]
    ) -> None:
        """Remove the messages' recipients from submissions, and delete submissions without other
        messages."""
        gone: dict[int, list[str]] = defaultdict(list)
        for message in messages:
            accepted = message.status != Status.REFUSED.value
            gone[message.submission_id] += [message.recipient] if accepted else []
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
        """Batches of submissions that have a text, and only messages that are too old for it, but
        not too old themselves."""
        if not cutoffs.texts_from:
            return
        first_kept = self._first_id(cutoffs.messages_from)
        kept = self._straddling(account_id, cutoffs.messages_from)
        straddling = self._straddling(account_id, cutoffs.texts_from)
        end = self._first_id(cutoffs.texts_from)
        after = LEAST_ID
        while ids := self._with_text(account_id, after, end):
            yield [
                number
                for number in ids
                if number not in straddling and (number >= first_kept or number in kept)
            ]
            after = ids[-1]

    def _with_text(self, account_id: int, after: int, end: int) -> list[int]:
        query = (account_id, after, end, BATCH_ROWS)
        return [number for (number,) in self._database.execute_sql(TEXTS_SQL, query)]

    def _delete_texts(self, job: Job, account_id: int, submissions: list[int]) -> int:
        if not submissions:
            return 0
        query = (account_id, self._array(submissions))
        with job.transaction(account_id):
            texts = self._database.scalar(self._texts_sql, query)
            job.change(self._database.execute_sql, self._delete_texts_sql, query)
        return int(texts)

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
