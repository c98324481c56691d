"""Group commit: many writes in one transaction, each within a savepoint of its own."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Generic, TypeVar

from boxis_gateway.store.audit import UNKNOWN, acting_as
from boxis_gateway.store.engines.errors import TransactionLost, as_unavailable
from boxis_gateway.store.store import Store

T = TypeVar("T")
U = TypeVar("U")
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Write(Generic[T]):
    """A change of the store.

    `run` makes it, on the writer thread, inside a transaction; an exception undoes it alone. It may
    be called again if the transaction was lost. `account_id` is the account whose messages it
    changes; None if it changes only other tables. `prepare` is called before, once, for slow work
    without the store, such as hashing: on another thread, one at a time; its exception is the end
    of the write."""

    run: Callable[[], T]
    account_id: int | None = None
    prepare: Callable[[], object] | None = None

    def then(self, convert: Callable[[T], U]) -> Write[U]:
        """The write with its result converted, in the same transaction."""
        return Write(lambda: convert(self.run()), self.account_id, self.prepare)

    def acting_as(self, who: str, origin: str) -> Write[T]:
        """The write, attributed to the user in the audit; the origin may be empty."""

        def run() -> T:
            with acting_as(who, origin or UNKNOWN):
                return self.run()

        return replace(self, run=run)


@dataclass(slots=True)
class QueuedWrite:
    """A write, its future, and how it ended. It waits for other writers until `wait_end`, a time of
    the monotonic clock."""

    write: Write[Any]
    wait_end: float
    future: Future[Any] = field(default_factory=Future)
    result: Any = None
    error: Exception | None = None

    def run(self) -> None:
        """Make the change, and keep its result."""
        self.result, self.error = self.write.run(), None

    def start(self) -> bool:
        """False if the write was cancelled; from now on it cannot be."""
        return self.future.set_running_or_notify_cancel()

    def resolve(self) -> None:
        """Give the future its result. No callback of a client ends the thread."""
        try:
            if self.error is None:
                self.future.set_result(self.result)
            else:
                self.future.set_exception(self.error)
        except BaseException:
            log.exception("a callback of a write failed")

    def fail(self, error: Exception) -> None:
        """Give the future the error, unless it has a result or was cancelled."""
        if not self.future.done() and (self.future.running() or self.start()):
            self.error = error
            self.resolve()

    def seconds_to_wait(self) -> float:
        """Seconds for which it still waits for other writers."""
        return max(0.0, self.wait_end - time.monotonic())


class WriteGroup:
    """Writes that are committed together."""

    def __init__(self, store: Store, writes: Sequence[QueuedWrite]) -> None:
        self._store, self._database, self._writes = store, store.database, writes

    def commit(self) -> None:
        """Run and commit the writes, which keep their results. Raises Unavailable for a fault
        before them, or in the commit: then some may be committed.

        If the transaction is lost, each gets one of its own."""
        if len(self._writes) > 1:
            try:
                self._commit_together()
                return
            except TransactionLost:
                log.info("a transaction of %d writes is lost: one for each", len(self._writes))
        for write in self._writes:
            self._commit_alone(write)

    def _commit_together(self) -> None:
        with self._transaction(self._writes):
            for write in self._writes:
                self._run(write)

    def _run(self, write: QueuedWrite) -> None:
        """Run a write within a savepoint. Raises TransactionLost."""
        try:
            with self._database.savepoint():
                write.run()
        except Exception as error:
            if isinstance(error, TransactionLost) or not self._database.has_transaction():
                raise TransactionLost from error
            write.error = as_unavailable(error)

    def _commit_alone(self, write: QueuedWrite) -> None:
        try:
            with self._transaction([write]):
                write.run()
        except Exception as error:
            write.error = error

    @contextmanager
    def _transaction(self, writes: Sequence[QueuedWrite]) -> Iterator[None]:
        accounts = [queued.write.account_id for queued in writes]
        seconds = writes[0].seconds_to_wait()
        with self._store.serving(), self._database.group_transaction(accounts, seconds):
            yield
