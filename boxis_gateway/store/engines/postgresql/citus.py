"""Citus: PostgreSQL whose tables of messages are spread over workers, by account (docs/citus.md).

An account lies on one shard as a whole, and the accounts of a customer lie on the same one: their
ids are chosen so. Whatever asks for one of them, or for all of them, asks one worker.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

from boxis_gateway.store.engines.base import Row, StoreDatabase
from boxis_gateway.store.ids import GREATEST_ACCOUNT_ID

SPREAD = ("submission", "submission_count", "message")
"""The tables that are spread; all others stay where the gateway asks, on the coordinator."""
SPREAD_SQL = "SELECT create_distributed_table('{}', 'account_id')"
HAS_CITUS_SQL = "SELECT EXISTS (SELECT 1 FROM pg_extension WHERE extname = 'citus')"
IS_SPREAD_SQL = """
    SELECT EXISTS (SELECT 1 FROM pg_dist_partition WHERE logicalrelid = to_regclass('message'))
"""
SHARD_SQL = "SELECT get_shard_id_for_distribution_column('message', CAST(? AS integer))"
NEIGHBOUR_SQL = "SELECT id FROM account WHERE customer_id = ? ORDER BY id LIMIT 1"
NEXT_SQL = f"""
    SELECT one FROM (SELECT generate_series(1, {GREATEST_ACCOUNT_ID}) AS one) AS ids
    WHERE get_shard_id_for_distribution_column('message', one) = ?
        AND NOT EXISTS (SELECT 1 FROM account WHERE id = one)
    LIMIT 1
"""
TIME = 2  # the column of a history that tells it
BY_PLACE, BY_TIME = '("t1"."sent_at", "t1"."id") < (?, -9223372036854775808)', '"t1"."sent_at" < ?'
"""End of a history in messages/history.py, and the form from which workers, which plan each query
anew, can prune later months."""


class ShardMap:
    """Where the accounts of a store lie."""

    def __init__(self, database: StoreDatabase) -> None:
        self._database = database
        self._shards: dict[int, int] = {}

    @cached_property
    def is_distributed(self) -> bool:
        """Whether the tables are spread."""
        return has_citus(self._database) and bool(
            self._database.execute_sql(IS_SPREAD_SQL, ()).fetchone()[0]
        )

    def of(self, account_id: int) -> int:
        """A number for the place of that account, the same for all that lie together."""
        if not self.is_distributed:
            return 0
        if account_id not in self._shards:
            row = self._database.execute_sql(SHARD_SQL, (account_id,)).fetchone()
            self._shards[account_id] = int(row[0])
        return self._shards[account_id]

    def near(self, customer_id: str) -> int | None:
        """The least free id for an account that lies where the customer's others do; None if it may
        lie anywhere."""
        other = self._database.execute_sql(NEIGHBOUR_SQL, (customer_id,)).fetchone()
        if not other or not self.is_distributed:
            return None
        return int(self._database.execute_sql(NEXT_SQL, (self.of(other[0]),)).fetchone()[0])


class KeysetCursor:
    """A history, as a cursor that is asked for a piece at a time: Citus reads a whole result before
    it gives away the first row.

    A piece ends between two times, and the next one has what was sent before it. `read` gives the
    rows of a query, all in the same state of the store."""

    def __init__(self, connection: Any, sql: str, parameters: Sequence[Any]) -> None:
        self._connection, self._sql = connection, sql
        self._account_id, self._start, self._end, self._without = parameters
        self._is_over = False

    def fetchmany(self, most: int) -> list[Row]:
        """Some rows, about so many; none at the end."""
        rows: list[Row] = []
        while not rows and not self._is_over:
            place = (self._account_id, self._start, self._end, self._without)
            rows = self._connection.execute(f"{self._sql} LIMIT {most}", place).fetchall()
            self._is_over = len(rows) < most
            if not self._is_over:
                rows = [row for row in rows if row[TIME] != rows[-1][TIME]]
            most *= 2  # there may be as many of one time
        if rows:
            self._end = rows[-1][TIME]
        return rows

    def close(self) -> None:
        """Nothing: no query is open between two pieces."""


def has_citus(database: StoreDatabase) -> bool:
    """Whether the server has it, and this database wants it."""
    return bool(database.execute_sql(HAS_CITUS_SQL, ()).fetchone()[0])
