"""Free ids of submissions and messages.

New ids come from the upper half of their millisecond; ingest/additions.py counts through the lower
half, from which an id is kept only where it sees that.
"""

from __future__ import annotations

from boxis_gateway.store.engines.base import StoreDatabase
from boxis_gateway.store.ids import IDS_PER_MILLISECOND, UPPER_HALF, first_id

KEYS = {
    "submission": "account_id = :account",
    "message": "account_id = :account AND sent_at = :instant",
}
"""Rows among which an id is unique, by table."""


class FreeIds:
    """Free ids of an account's submissions or messages, each given once.

    It is of use in one transaction, which holds the account and inserts the rows."""

    def __init__(self, database: StoreDatabase, table: str, account_id: int) -> None:
        self._database, self._account_id = database, account_id
        self._find_sql = f"SELECT id FROM {table} WHERE {KEYS[table]} AND id = :first"
        self._newest_sql = (
            f"SELECT max(id) FROM {table} WHERE {KEYS[table]} AND id BETWEEN :first AND :last"
        )
        self._given: set[tuple[str, int]] = set()
        self._newest: dict[str, int] = {}

    def keep(self, number: int, instant: str) -> bool:
        """Give that id to a row of that time, if it is free; true if it is."""
        is_in_upper_half = UPPER_HALF <= number - first_id(instant) < IDS_PER_MILLISECOND
        if is_in_upper_half and number > self._newest_id(instant):
            self._newest[instant] = number
        elif (instant, number) in self._given or self._read(self._find_sql, instant, number):
            return False
        self._given.add((instant, number))
        return True

    def new(self, instant: str) -> int:
        """Give a row of that time the id after the newest one."""
        number = self._newest[instant] = self._newest_id(instant) + 1
        self._given.add((instant, number))
        return number

    def _newest_id(self, instant: str) -> int:
        if instant not in self._newest:
            first = first_id(instant) + UPPER_HALF
            last = first + UPPER_HALF - 1
            self._newest[instant] = self._read(self._newest_sql, instant, first, last) or first - 1
        return self._newest[instant]

    def _read(self, sql: str, instant: str, first: int, last: int = 0) -> int | None:
        key = {"account": self._account_id, "instant": instant, "first": first, "last": last}
        number: int | None = self._database.scalar(sql, key)
        return number
