"""Citus: PostgreSQL with the tables of messages spread over workers.

The account is the distribution column. Accounts of one customer share a shard: their ids are
chosen so. A query about one of them, or all of them, asks one worker.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

from boxis_gateway.store.engines.base import Row, StoreDatabase
from boxis_gateway.store.ids import GREATEST_ACCOUNT_ID

DISTRIBUTED_TABLES = ("submission", "submission_count", "message")
"""All other tables stay on the coordinator."""
DISTRIBUTE_SQL = "SELECT create_distributed_table('{}', 'account_id')"
HAS_CITUS_SQL = "SELECT EXISTS (SELECT 1 FROM pg_extension WHERE extname = 'citus')"
IS_DISTRIBUTED_SQL = """
    SELECT EXISTS (SELECT 1 FROM pg_dist_partition WHERE logicalrelid = to_regclass('message'))
"""
SHARD_SQL = "SELECT get_shard_id_for_distribution_column('message', CAST(? AS integer))"
NEIGHBOUR_SQL = "SELECT id FROM account WHERE customer_id = ? ORDER BY id LIMIT 1"
FREE_ID_SQL = f"""
    SELECT free FROM (SELECT generate_series(1, {GREATEST_ACCOUNT_ID}) AS free) AS ids
    WHERE get_shard_id_for_distribution_column('message', free) = ?
        AND NOT EXISTS (SELECT 1 FROM account WHERE id = free)
    LIMIT 1
"""


class ShardMap:
    """Shards of a store's accounts."""

    def __init__(self, database: StoreDatabase) -> None:
        self._database = database
        self._shards: dict[int, int] = {}

    @cached_property
    def is_distributed(self) -> bool:
        """True if the tables of messages are distributed."""
        return has_citus(self._database) and bool(self._database.scalar(IS_DISTRIBUTED_SQL))

    def shard_of(self, account_id: int) -> int:
        """The account's shard; 0 for all if nothing is distributed."""
        if not self.is_distributed:
            return 0
        if account_id not in self._shards:
            self._shards[account_id] = int(self._database.scalar(SHARD_SQL, (account_id,)))
        return self._shards[account_id]

    def colocated_id(self, customer_id: str) -> int | None:
        """The lowest free account id on the shard of the customer's accounts; None if any shard
        will do."""
        neighbour = self._database.scalar(NEIGHBOUR_SQL, (customer_id,))
        if neighbour is None or not self.is_distributed:
            return None
        shard = self.shard_of(neighbour)
        return int(self._database.scalar(FREE_ID_SQL, (shard,)))


class KeysetCursor:
    """Cursor over a history that runs a query for each page: Citus reads a whole result before it
    returns the first row.

    A page ends between two times; the next one has what was sent before. The connection holds one
    state of the store."""

    def __init__(self, connection: Any, sql: str, parameters: Sequence[Any]) -> None:
        self._connection, self._sql = connection, sql
        self._account_id, self._start, self._end, self._hidden_status = parameters
        self._is_over = False

    def fetchmany(self, most: int) -> list[Row]:
        """The next rows, roughly `most`; none at the end."""
        rows: list[Row] = []
        while not rows and not self._is_over:
            parameters = (self._account_id, self._start, self._end, self._hidden_status)
            rows = self._connection.execute(f"{self._sql} LIMIT {most}", parameters).fetchall()
            self._is_over = len(rows) < most
            if not self._is_over:
                latest = _sent_at(rows[-1])
                rows = [row for row in rows if _sent_at(row) != latest]
            most *= 2  # if all rows had one time, the next page must be longer
        if rows:
            self._end = _sent_at(rows[-1])
        return rows

    def close(self) -> None:
        """No-op: no query is open between two pages."""


def _sent_at(history_row: Row) -> str:
    _, _, sent_at, *_ = history_row
    return str(sent_at)


def has_citus(database: StoreDatabase) -> bool:
    """True if the extension is installed in this database."""
    return bool(database.scalar(HAS_CITUS_SQL))
