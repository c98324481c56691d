"""Read servers: the primary, and replicas that are fresh enough.

A replica is fresh if it has all that the primary had written at some moment within the bound. Both
report their position in the write-ahead log (PostgreSQL's manual, "System administration
functions"), so their clocks don't matter, and an idle primary makes no replica look stale. After an
error the query is retried once, on the primary.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

from boxis_gateway.errors import StoreError
from boxis_gateway.store.engines.base import StoreDatabase
from boxis_gateway.store.engines.errors import (
    STORE_FAULTS,
    UNREACHABLE,
    describe_error,
    fault_reason,
)

T = TypeVar("T")
log = logging.getLogger(__name__)
Clock = Callable[[], float]

STARTED = "CAST(pg_postmaster_start_time() AS text)"
STORE_ID = """
    (SELECT concat(oid, ' ', (SELECT value FROM secret WHERE name = 'key_check'))
     FROM pg_database WHERE datname = current_database())
"""
"""Identity of the store: a standby may belong to another one, or have several databases."""
WRITTEN_SQL = f"SELECT CAST(pg_current_wal_lsn() - '0/0' AS bigint), {STARTED}, {STORE_ID}"
REPLAYED_SQL = f"""
    SELECT CAST(CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn()
        ELSE pg_current_wal_lsn() END - '0/0' AS bigint), pg_is_in_recovery(), {STARTED},
        {STORE_ID}
"""
SAMPLES = 8  # of the primary within the bound
RETRY_SECONDS = 2.0  # after a replica failed


class _Sample(NamedTuple):
    """The primary at a time of our clock: octets of log written, start of the server, store."""

    at: float
    written: int
    started: str
    store_id: str


@dataclass
class Replica:
    """A standby, known to be fresh until `fresh_until` and not asked before `not_before`."""

    database: StoreDatabase
    name: str
    fresh_until: float = 0.0
    not_before: float = 0.0


@dataclass
class ReadServers:
    """The primary and its replicas. `lag_seconds` is the bound; `clock` is monotonic."""

    primary: StoreDatabase
    replicas: Sequence[Replica] = ()
    lag_seconds: float = 5.0
    clock: Clock = time.monotonic
    _samples: deque[_Sample] = field(default_factory=lambda: deque(maxlen=2 * SAMPLES))
    _turn: int = 0

    def read(self, query: Callable[[StoreDatabase], T]) -> T:
        """The result of a function that only reads, on a fresh enough server."""
        replica = self._fresh_replica() if self.replicas else None
        try:
            return query(replica.database if replica else self.primary)
        except STORE_FAULTS as error:
            if replica:
                self._suspend(replica, error)
            elif fault_reason(error) != UNREACHABLE:
                raise
        self.primary.check_connection()
        return query(self.primary)

    def limit_streams(self, seconds: int) -> None:
        """Set StoreDatabase.stream_seconds of all servers."""
        for database in (self.primary, *(replica.database for replica in self.replicas)):
            database.stream_seconds = seconds

    def close(self) -> None:
        """Close this thread's connections to replicas."""
        for replica in self.replicas:
            replica.database.close()

    def problems(self) -> Iterator[tuple[str, str]]:
        """Names of unusable replicas and why."""
        self._sample_primary()
        for replica in self.replicas:
            try:
                *_, store_id = replica.database.execute_sql(REPLAYED_SQL).fetchone()
                self._require_same_store(replica, store_id)
            except STORE_FAULTS as error:
                yield replica.name, describe_error(error)

    def _fresh_replica(self) -> Replica | None:
        """The next fresh replica, in rotation."""
        now = self.clock()
        for _ in self.replicas:
            self._turn += 1
            replica = self.replicas[self._turn % len(self.replicas)]
            if now >= replica.not_before and (now < replica.fresh_until or self._check(replica)):
                return replica
        return None

    def _check(self, replica: Replica) -> bool:
        """True if the replica has what the primary had within the bound. One that is no standby
        must be the promoted primary itself, not the old one."""
        self._sample_primary()
        try:
            replica.database.check_connection()
            row = replica.database.execute_sql(REPLAYED_SQL).fetchone()
            replayed, is_standby, started, store_id = row
            self._require_same_store(replica, store_id)
        except STORE_FAULTS as error:
            self._suspend(replica, error)
            return False
        if not (is_standby or started == self._samples[-1].started):
            replica.not_before = self.clock() + RETRY_SECONDS
            return False
        reached = [sample.at for sample in self._samples if sample.written <= replayed]
        replica.fresh_until = max(reached, default=float("-inf")) + self.lag_seconds
        is_fresh = self.clock() < replica.fresh_until
        if not is_fresh:
            replica.not_before = self.clock() + self.lag_seconds / SAMPLES
        return is_fresh

    def _require_same_store(self, replica: Replica, store_id: str) -> None:
        if store_id != self._samples[-1].store_id:
            raise StoreError(f"{replica.name} has another store.")

    def _sample_primary(self) -> None:
        now = self.clock()
        if not self._samples or now - self._samples[-1].at >= self.lag_seconds / SAMPLES:
            written, started, store_id = self.primary.execute_sql(WRITTEN_SQL).fetchone()
            if self._samples and self._samples[-1].started != started:
                self._samples.clear()  # another server, whose log may have another history
            self._samples.append(_Sample(now, written, started, store_id))

    def _suspend(self, replica: Replica, error: BaseException) -> None:
        reason = fault_reason(error) or type(error).__name__
        log.warning("replica=%s is left out: %s", replica.name, reason)
        replica.fresh_until, replica.not_before = 0.0, self.clock() + RETRY_SECONDS
        try:
            replica.database.close()
        except STORE_FAULTS:
            log.debug("replica=%s could not be closed", replica.name)
