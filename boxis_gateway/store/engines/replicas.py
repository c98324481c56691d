"""Which server a request reads histories and lists from: the primary, or a replica of it that is
fresh enough.

A replica is fresh as long as it has all that the primary had written some time ago, which is at
most the bound. Both say how far they are in the write-ahead log (PostgreSQL's manual, "System
administration functions"), so that no clock of theirs counts, and an idle primary makes no replica
look stale. What goes wrong with a replica is asked of the primary, and that one asked again, once.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

from boxis_gateway.errors import StoreError
from boxis_gateway.store.engines.base import StoreDatabase
from boxis_gateway.store.engines.errors import FAULTS, UNREACHABLE, describe_error, fault_reason

T = TypeVar("T")
log = logging.getLogger(__name__)
Clock = Callable[[], float]

STARTED = "CAST(pg_postmaster_start_time() AS text)"
WHOSE = """
    (SELECT concat(oid, ' ', (SELECT value FROM secret WHERE name = 'key_check'))
     FROM pg_database WHERE datname = current_database())
"""
"""Of which store: a standby may be one of another, or have several databases."""
WRITTEN_SQL = f"SELECT CAST(pg_current_wal_lsn() - '0/0' AS bigint), {STARTED}, {WHOSE}"
REPLAYED_SQL = f"""
    SELECT CAST(CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn()
        ELSE pg_current_wal_lsn() END - '0/0' AS bigint), pg_is_in_recovery(), {STARTED},
        {WHOSE}
"""
LOOKS = 8  # at the primary within the bound
AWAY_SECONDS = 2.0  # before a replica that failed is asked again


class _Look(NamedTuple):
    """How many octets the primary had written at a time of ours, since when it runs, and of which
    store it is."""

    at: float
    written: int
    started: str
    whose: str


@dataclass
class Replica:
    """A server that follows the primary: until when it may be asked, and from when on it may be
    looked at again."""

    database: StoreDatabase
    name: str
    fresh_until: float = 0.0
    not_before: float = 0.0


@dataclass
class ReadServers:
    """The servers of a store. `lag_seconds` is the bound; `clock` is in seconds, and steady."""

    primary: StoreDatabase
    replicas: Sequence[Replica] = ()
    lag_seconds: float = 5.0
    clock: Clock = time.monotonic
    _looks: deque[_Look] = field(default_factory=lambda: deque(maxlen=2 * LOOKS))
    _turn: int = 0
    _here: threading.local = field(default_factory=threading.local)

    def read(self, what: Callable[[StoreDatabase], T]) -> T:
        """What is read by that function, which only reads, from a server that is fresh enough."""
        replica = self._fresh() if self.replicas else None
        database = replica.database if replica else self.primary
        if self.replicas:
            self._here.last = database
        try:
            return what(database)
        except FAULTS as problem:
            if replica:
                self._leave(replica, problem)
            elif fault_reason(problem) != UNREACHABLE:
                raise
        self.forget()
        self.primary.check_connection()
        return what(self.primary)

    def detach_connection(self) -> Callable[[], None]:
        """See StoreDatabase: of the server that was read from last."""
        last: StoreDatabase = getattr(self._here, "last", self.primary)
        return last.detach_connection()

    def forget(self) -> None:
        """A request begins: nothing is read yet but from the primary."""
        if self.replicas:
            self._here.last = self.primary

    def bound_streams(self, seconds: int) -> None:
        """See StoreDatabase.stream_seconds."""
        for database in (self.primary, *(one.database for one in self.replicas)):
            database.stream_seconds = seconds

    def close(self) -> None:
        """Close this thread's connections to replicas."""
        for replica in self.replicas:
            replica.database.close()

    def problems(self) -> Iterator[tuple[str, str]]:
        """Names of replicas that cannot be asked, and why."""
        self._look_at_primary()
        for replica in self.replicas:
            try:
                *_, whose = replica.database.execute_sql(REPLAYED_SQL, ()).fetchone()
                self._require_same(replica, whose)
            except FAULTS as problem:
                told = str(problem) if isinstance(problem, StoreError) else describe_error(problem)
                yield replica.name, told

    def _fresh(self) -> Replica | None:
        """The next replica in turn that may be asked."""
        now = self.clock()
        for _ in self.replicas:
            self._turn += 1
            replica = self.replicas[self._turn % len(self.replicas)]
            if now >= replica.not_before and (now < replica.fresh_until or self._look(replica)):
                return replica
        return None

    def _look(self, replica: Replica) -> bool:
        """Whether the replica has what the primary had within the bound. One that follows nobody
        must be the primary itself: the successor that it has become, not the one of before."""
        self._look_at_primary()
        try:
            replica.database.check_connection()
            replayed, follows, started, whose = replica.database.execute_sql(
                REPLAYED_SQL, ()
            ).fetchone()
            self._require_same(replica, whose)
        except FAULTS as problem:
            self._leave(replica, problem)
            return False
        if not (follows or started == self._looks[-1].started):
            replica.not_before = self.clock() + AWAY_SECONDS
            return False
        known = [look.at for look in self._looks if look.written <= replayed]
        replica.fresh_until = max(known, default=float("-inf")) + self.lag_seconds
        fresh = self.clock() < replica.fresh_until
        if not fresh:
            replica.not_before = self.clock() + self.lag_seconds / LOOKS
        return fresh

    def _require_same(self, replica: Replica, whose: str) -> None:
        if whose != self._looks[-1].whose:
            raise StoreError(f"{replica.name} has another store.")

    def _look_at_primary(self) -> None:
        now = self.clock()
        if not self._looks or now - self._looks[-1].at >= self.lag_seconds / LOOKS:
            written, started, whose = self.primary.execute_sql(WRITTEN_SQL, ()).fetchone()
            if self._looks and self._looks[-1].started != started:
                self._looks.clear()  # another server, whose log may have another past
            self._looks.append(_Look(now, written, started, whose))

    def _leave(self, replica: Replica, problem: BaseException) -> None:
        """Do without it for a while."""
        why = fault_reason(problem) or type(problem).__name__
        log.warning("replica=%s is left out: %s", replica.name, why)
        replica.fresh_until, replica.not_before = 0.0, self.clock() + AWAY_SECONDS
        try:
            replica.database.close()
        except (StoreError, *FAULTS):
            log.debug("replica=%s could not be closed", replica.name)
