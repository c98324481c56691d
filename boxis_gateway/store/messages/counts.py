"""Counts of what lists show, by account, month and sender."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from peewee import EXCLUDED

from boxis_gateway.sms.numbers import sender_key
from boxis_gateway.store.engines.base import StoreDatabase
from boxis_gateway.store.messages.listing_sql import Criteria
from boxis_gateway.store.tables import SubmissionCount

ROWS_AT_ONCE = 5_000
END_OF_TIME = "9999-12"
KEY = ("account_id", "sender_key", "month", "sender")

IN_MONTHS = "FROM submission_count WHERE account_id = ? AND month BETWEEN ? AND ? AND listed > 0"
TOTAL_SQL = f"SELECT sum(listed) {IN_MONTHS}"
MONTHS_SQL = f"SELECT month, sum(listed) {IN_MONTHS} AND (? OR sender_key = ?) GROUP BY month"
SENDERS_SQL = f"""
    SELECT sender, min(month), max(month), sum(listed) {IN_MONTHS} AND sender_key = ?
    GROUP BY sender
"""

FORGET_SQL = "DELETE FROM submission_count WHERE account_id = ? AND listed = 0"


class Spelling(NamedTuple):
    """A sender as it is written in some submissions, the months that have it, and how many."""

    sender: str
    first_month: str
    last_month: str
    listed: int


class Counts:
    """The counts of a store."""

    def __init__(self, database: StoreDatabase) -> None:
        self._database = database

    def change(self, account_id: int, counted: Counter[tuple[str, str]]) -> None:
        """Count so many more submissions, or less, by sender and month."""
        rows = [
            (account_id, sender_key(sender), month, sender, count)
            for (sender, month), count in counted.items()
        ]
        more = {SubmissionCount.listed: SubmissionCount.listed + EXCLUDED.listed}
        for first in range(0, len(rows), ROWS_AT_ONCE):
            query = SubmissionCount.insert_many(
                rows[first : first + ROWS_AT_ONCE], SubmissionCount._meta.sorted_fields
            )
            query.on_conflict(conflict_target=KEY, update=more).execute(self._database)

    def forget_none(self, account_id: int) -> None:
        """Drop the counts that have come to nothing, and so the names of their senders."""
        self._database.execute_sql(FORGET_SQL, (account_id,))

    def total(self, account_id: int, which: Criteria) -> int:
        """How many submissions there are, of those months and that sender."""
        if which.sender is not None:
            return sum(one.listed for one in self.spellings(account_id, which))
        row = self._database.execute_sql(TOTAL_SQL, (account_id, *_months(which))).fetchone()
        return row[0] or 0

    def by_month(self, account_id: int, which: Criteria) -> Counter[str]:
        """The same for each month."""
        anybody, key = which.sender is None, sender_key(which.sender or "")
        rows = self._database.execute_sql(MONTHS_SQL, (account_id, *_months(which), anybody, key))
        return Counter(dict(rows))

    def spellings(self, account_id: int, which: Criteria) -> list[Spelling]:
        """How the sender is written in those months."""
        key = sender_key(which.sender or "")
        rows = self._database.execute_sql(SENDERS_SQL, (account_id, *_months(which), key))
        return [Spelling(*row) for row in rows]


def _months(which: Criteria) -> tuple[str, str]:
    return which.first_month, which.last_month or END_OF_TIME
