"""Retention: what an account keeps for some days only, and how it goes.

Age counts from the time that a message was, or is to be, sent. Work goes on in short transactions,
each of which leaves the store right: one that is stopped is taken up by the next run, and two runs
at once share the work.
"""

from __future__ import annotations

import json
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
SOME = "account_id = ? AND id IN (SELECT value + 0 FROM json_each(?))"
SUBMISSIONS_SQL = f"SELECT id, sender, created_at, recipients FROM submission WHERE {SOME}"
DELETE_SUBMISSIONS_SQL = f"DELETE FROM submission WHERE {SOME}"
LIST_SQL = "UPDATE submission SET recipients = ? WHERE account_id = ? AND id = ?"
TEXTS_SQL = """
    SELECT id FROM submission
    WHERE account_id = ? AND id > ? AND id < ? AND text IS NOT NULL ORDER BY id LIMIT ?
"""
DELETE_TEXTS_SQL = f"UPDATE submission SET text = NULL WHERE {SOME} AND text IS NOT NULL"


class Cutoffs(NamedTuple):
    """From when on an account keeps messages, and their texts: texts of the store, "" if it keeps
    all of them."""

    messages_from: str
    texts_from: str


class Pruned(NamedTuple):
    """What has gone of an account: messages, and texts of others that stay."""

    messages: int
    texts: int


def cutoffs_of(settings: Settings, account: Account, now: datetime) -> Cutoffs:
    """By `keep_messages_days` and `keep_texts_days`. Raises ConfigurationError."""
    days = (
        account_value(settings, account.options, name)
        for name in ("keep_messages_days", "keep_texts_days")
    )
    return Cutoffs(*(utc_text(now - timedelta(days=some)) if some else "" for some in days))


class Retention:
    """What makes a store forget."""

    def __init__(self, database: StoreDatabase, maintenance: Maintenance) -> None:
        self._database, self._maintenance = database, maintenance
        self._audit = Audit(database)
        self._counts = Counts(database)
        self._delivery_reports = DeliveryReports(database)

    def prune(self, account: Account, limits: Cutoffs) -> Pruned:
        """Remove what the account does not keep. Raises StoreError; what went before stays so."""
        self._maintenance.enable_secure_delete()
        removed = sum(self._remove_messages(account.id, limits.messages_from))
        texts = sum(
            self._remove_texts(account.id, ids) for ids in self._old_texts(account.id, limits)
        )
        pruned = Pruned(removed, texts)
        if any(pruned):
            with self._maintenance.throttled_transaction():
                self._audit.record("prune", account.username, **pruned._asdict())
        return pruned

    def would_prune(self, account: Account, limits: Cutoffs) -> Pruned:
        """What `prune` would remove."""
        with translate_errors(), self._database.read_transaction():
            query = (account.id, limits.messages_from)
            messages = self._database.execute_sql(COUNT_SQL, query).fetchone()[0]
            gone_before = self._first_id(limits.messages_from)
            straddling = self._straddling(account.id, limits.messages_from)
            texts = sum(
                submission >= gone_before or submission in straddling
                for ids in self._old_texts(account.id, limits)
                for submission in ids
            )
        return Pruned(messages, texts)

    def prune_reports(self, now: datetime) -> int:
        """Forget the delivery reports whose message will not come any more; how many."""
        forgotten = 0
        while True:
            with self._maintenance.throttled_transaction(EVERY_ACCOUNT):
                some = self._delivery_reports.delete_waiting(utc_text(now - MAX_DELAY), BATCH_ROWS)
            forgotten += some
            if some < BATCH_ROWS:
                return forgotten

    def would_prune_reports(self, now: datetime) -> int:
        """How many `prune_reports` would forget."""
        return self._delivery_reports.count_waiting(utc_text(now - MAX_DELAY))

    def _remove_messages(self, account_id: int, before: str) -> Iterator[int]:
        """How many in each transaction."""
        straddling = self._straddling(account_id, before)
        removed = BATCH_ROWS if before else 0
        while removed == BATCH_ROWS:
            with self._maintenance.throttled_transaction(account_id):
                removed = self._remove_oldest(account_id, before, straddling)
            yield removed

    def _remove_oldest(self, account_id: int, before: str, straddling: set[int]) -> int:
        query = (account_id, before, BATCH_ROWS)
        rows = self._database.execute_sql(OLDEST_SQL, query).fetchall()
        gone: dict[int, list[str]] = defaultdict(list)
        for _, _, submission_id, recipient, status in rows:
            gone[submission_id] += [recipient] if status != Status.REFUSED.value else []
        if rows:
            self._database.execute_sql(DELETE_MESSAGES_SQL, (account_id, *rows[-1][:2]))
            self._take_off(account_id, gone, straddling)
        return len(rows)

    def _take_off(self, account_id: int, gone: dict[int, list[str]], straddling: set[int]) -> None:
        """The submissions lose these recipients; those without any other message go."""
        counted: Counter[tuple[str, str]] = Counter()
        empty: list[int] = []
        query = (account_id, json.dumps(list(gone)))
        for number, sender, created_at, listed in self._database.execute_sql(
            SUBMISSIONS_SQL, query
        ).fetchall():
            recipients = _without(listed or "", gone[number])
            if listed and not recipients:
                counted[sender, created_at[:7]] -= 1
            if recipients or number in straddling:
                self._database.execute_sql(LIST_SQL, (recipients, account_id, number))
            else:
                empty.append(number)
        self._database.execute_sql(DELETE_SUBMISSIONS_SQL, (account_id, json.dumps(empty)))
        self._counts.change(account_id, counted)
        self._counts.delete_zeros(account_id)

    def _old_texts(self, account_id: int, limits: Cutoffs) -> Iterator[list[int]]:
        """Submissions whose messages are all too old to have a text, and which have one."""
        if not limits.texts_from:
            return
        straddling = self._straddling(account_id, limits.texts_from)
        place, end = LEAST_ID, self._first_id(limits.texts_from)
        query = (account_id, place, end, BATCH_ROWS)
        while rows := self._database.execute_sql(TEXTS_SQL, query).fetchall():
            if old := [number for (number,) in rows if number not in straddling]:
                yield old
            query = (account_id, rows[-1][0], end, BATCH_ROWS)

    def _remove_texts(self, account_id: int, submissions: list[int]) -> int:
        with self._maintenance.throttled_transaction(account_id):
            query = (account_id, json.dumps(submissions))
            cursor = self._database.execute_sql(DELETE_TEXTS_SQL, query)
            return int(self._database.rows_affected(cursor))

    def _straddling(self, account_id: int, moment: str) -> set[int]:
        """Submissions that were made before a moment and have messages of a later time: those that
        wait, and the last of many recipients. Few."""
        if not moment:
            return set()
        query = (account_id, moment, self._first_id(moment))
        return {number for (number,) in self._database.execute_sql(STRADDLING_SQL, query)}

    @staticmethod
    def _first_id(moment: str) -> int:
        return first_id(moment) if moment else LEAST_ID


def _without(listed: str, gone: list[str]) -> str | None:
    recipients = listed.split("\n")
    for recipient in gone:
        if recipient in recipients:
            recipients.remove(recipient)
    return "\n".join(recipients) or None
