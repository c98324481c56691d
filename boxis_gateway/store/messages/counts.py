"""Counts of listed submissions, by account, month and sender."""

from __future__ import annotations

from collections import Counter
from itertools import chain
from typing import NamedTuple

from boxis_gateway.sms.numbers import sender_key
from boxis_gateway.store.engines.base import StoreDatabase
from boxis_gateway.store.engines.sql import chunks, insert_sql
from boxis_gateway.store.messages.list_query import Criteria
from boxis_gateway.store.tables import SubmissionCount

LAST_MONTH = "9999-12"

IN_MONTHS = "FROM submission_count WHERE account_id = ? AND month BETWEEN ? AND ? AND listed > 0"
TOTAL_SQL = f"SELECT sum(listed) {IN_MONTHS}"
MONTHS_SQL = f"SELECT month, sum(listed) {IN_MONTHS} AND (? OR sender_key = ?) GROUP BY month"
SENDERS_SQL = f"""
    SELECT sender, min(month), max(month), sum(listed) {IN_MONTHS} AND sender_key = ?
    GROUP BY sender
"""
OR_ADD_SQL = """
    ON CONFLICT (account_id, sender_key, month, sender)
    DO UPDATE SET listed = submission_count.listed + excluded.listed
"""
DELETE_ZEROS_SQL = "DELETE FROM submission_count WHERE account_id = ? AND listed = 0"


class Spelling(NamedTuple):
    """Spelling of a sender: its first and last month, and the number of its submissions."""

    sender: str
    first_month: str
    last_month: str
    listed: int


class Counts:
    """The counts of a store."""

    def __init__(self, database: StoreDatabase) -> None:
        self._database = database

    def change(self, account_id: int, counted: Counter[tuple[str, str]]) -> None:
        """Add to the counts, by (sender, month); negative to subtract."""
        rows = [
            (account_id, sender_key(sender), month, sender, count)
            for (sender, month), count in counted.items()
        ]
        for chunk in chunks(rows):
            sql = insert_sql(SubmissionCount, len(chunk)) + OR_ADD_SQL
            self._database.execute_sql(sql, list(chain.from_iterable(chunk)))

    def delete_zeros(self, account_id: int) -> None:
        """Delete counts of 0, and with them the names of their senders."""
        self._database.execute_sql(DELETE_ZEROS_SQL, (account_id,))

    def total(self, account_id: int, criteria: Criteria) -> int:
        """Number of submissions by months and sender; other criteria are ignored."""
        if criteria.sender is not None:
            return sum(spelling.listed for spelling in self.spellings(account_id, criteria))
        return self._database.scalar(TOTAL_SQL, (account_id, *_months(criteria))) or 0

    def by_month(self, account_id: int, criteria: Criteria) -> Counter[str]:
        """Number of submissions by month, of that sender if given."""
        anybody, key = criteria.sender is None, sender_key(criteria.sender or "")
        rows = self._database.execute_sql(
            MONTHS_SQL, (account_id, *_months(criteria), anybody, key)
        )
        return Counter(dict(rows))

    def spellings(self, account_id: int, criteria: Criteria) -> list[Spelling]:
        """Spellings of the sender in those months."""
        key = sender_key(criteria.sender or "")
        rows = self._database.execute_sql(SENDERS_SQL, (account_id, *_months(criteria), key))
        return [Spelling(*row) for row in rows]


def _months(criteria: Criteria) -> tuple[str, str]:
    return criteria.first_month, criteria.last_month or LAST_MONTH
