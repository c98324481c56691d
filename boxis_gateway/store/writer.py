"""Group commit: one thread of a process runs its writes, many in one transaction.

Requests are answered by one thread, which must not wait for locks and disks. It submits a `Write`
and gets a future. The writer thread waits for its turn to write, takes all writes that have come
meanwhile, runs each within a savepoint of its own, and commits them together. A future has its
result only after the commit.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import Any, Generic, TypeVar

from boxis_gateway.errors import Unavailable
from boxis_gateway.store.engines.errors import (
    STORE_FAULTS,
    as_unavailable,
    translate_faults,
)
from boxis_gateway.store.store import Store

T = TypeVar("T")
U = TypeVar("U")
log = logging.getLogger(__name__)

QUEUE_WRITES = 1_000  # that wait; more are refused, as their clients would give up before
GROUP_WRITES = 60  # PostgreSQL caches 64 subtransactions of a transaction; savepoints are some
WAIT_SECONDS = 5.0  # for other writers: it stops no reader, and imports have long transactions


@dataclass(frozen=True)
class Write(Generic[T]):
    """A change of the store.

    `run` makes it, on the writer thread, inside a transaction; an exception undoes it alone. It may
    be called again if the transaction was lost. `account_id` is the account whose messages it
    changes; None if it changes only other tables."""

    run: Callable[[], T]
    account_id: int | None = None

    def then(self, convert: Callable[[T], U]) -> Write[U]:
        """The write with its result converted, in the same transaction."""
        return Write(lambda: convert(self.run()), self.account_id)


@dataclass(slots=True)
class _Job:
    """A write, its future, and how it ended."""

    write: Write[Any]
    future: Future[Any] = field(default_factory=Future)
    result: Any = None
    error: Exception | None = None

    def resolve(self) -> None:
        """Give the future its result. No callback of a client ends the writer."""
        try:
            if self.error is None:
                self.future.set_result(self.result)
            else:
                self.future.set_exception(self.error)
        except BaseException:
            log.exception("a callback of a write failed")


class _TransactionLost(Exception):
    """Transaction that the database has ended by itself. Nothing of it is committed."""


class Writer:
    """The writer thread of a store in this process, started by the first write.

    `wait_seconds` is how long a group of writes waits for other writers."""

    def __init__(self, store: Store, wait_seconds: float = WAIT_SECONDS) -> None:
        self._store, self._database = store, store.database
        self._wait_seconds = wait_seconds
        self._lock = threading.Lock()
        self._is_closed = False
        self._begin()
        self._database.on_outdated = self._drop_connection

    def _begin(self) -> None:
        self._process = os.getpid()
        self._queue: SimpleQueue[_Job | threading.Event | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._in_hand: Sequence[_Job] = ()

    def submit(self, write: Write[T]) -> Future[T]:
        """Queue the write. Its future gets what `run` returns, once that is committed, or what it
        raises; Unavailable for a fault of the store, after which the write may be committed.

        Raises Unavailable if too many writes wait, or if the writer is closed."""
        job = _Job(write)
        if self._process != os.getpid():
            self._begin()  # a fork has no threads, and the parent runs what was queued
        with self._lock:
            if self._is_closed:
                raise Unavailable("stopping", "The server stops. Send the request again.")
            if self._queue.qsize() >= QUEUE_WRITES:
                raise Unavailable(
                    "queue",
                    f"{QUEUE_WRITES} writes wait for the store already. Check its disk or server, "
                    "and whether another process holds it.",
                )
            if self._thread is None:
                self._start()
            self._queue.put(job)
        return job.future

    def _drop_connection(self) -> None:
        """Close the thread's connection, and wait for that: SQLite's connections of a process share
        state, so the next one must not meet it."""
        if self._thread and threading.current_thread() is not self._thread:
            dropped = threading.Event()
            self._queue.put(dropped)
            dropped.wait(self._wait_seconds)

    def close(self) -> None:
        """Finish the queued writes, and end the thread with its connection to the store."""
        with self._lock:
            self._is_closed = True
            thread = self._thread
            if thread and self._process == os.getpid():
                self._queue.put(None)
        if thread and self._process == os.getpid():
            thread.join()

    def _start(self) -> None:
        # A daemon: a process that must end does not wait for a disk that hangs.
        thread = threading.Thread(target=self._run, name="writer", daemon=True)
        try:
            thread.start()
        except RuntimeError as error:
            raise Unavailable("thread", f"No thread for writes: {error}. Raise limits.") from None
        self._thread = thread

    def _run(self) -> None:
        try:
            while job := self._queue.get():
                if isinstance(job, _Job):
                    self._write_group(job)
                else:
                    self._close_connection(job)
        except BaseException:
            log.critical("the writer thread failed; another one replaces it", exc_info=True)
        finally:
            with suppress(*STORE_FAULTS):
                self._store.close()
            self._end()

    def _close_connection(self, closed: threading.Event) -> None:
        try:
            self._store.close()
        finally:
            closed.set()

    def _end(self) -> None:
        """Fail the writes in hand, and start another thread if writes wait."""
        failed = Unavailable("writer", "The writer thread failed: the log has the error above.")
        self._fail(self._in_hand, failed)
        with self._lock:
            self._thread = None
            if not self._queue.empty():
                try:
                    self._start()
                except Unavailable as error:
                    self._fail(self._take(QUEUE_WRITES), error)

    def _fail(self, jobs: Sequence[_Job], error: Exception) -> None:
        for job in jobs:
            if not job.future.done():
                job.error = error
                job.resolve()

    def _write_group(self, first: _Job) -> None:
        """Write what has come until the turn to write has come."""
        self._in_hand = jobs = [first]
        try:
            with translate_faults(), self._database.write_queue(self._wait_seconds):
                jobs += self._take(GROUP_WRITES - 1)
                jobs[:] = [job for job in jobs if job.future.set_running_or_notify_cancel()]
                self._write(jobs)
        except Unavailable as error:
            for job in jobs:
                job.error = error
        for job in jobs:
            job.resolve()
        self._in_hand = ()

    def _take(self, most: int) -> list[_Job]:
        jobs: list[_Job] = []
        with suppress(Empty):
            while len(jobs) < most:
                job = self._queue.get_nowait()
                if job is None:
                    self._queue.put(None)  # the end comes after them
                    break
                if isinstance(job, _Job):
                    jobs.append(job)
                else:
                    self._close_connection(job)
        return jobs

    def _write(self, jobs: Sequence[_Job]) -> None:
        if len(jobs) > 1:
            try:
                self._write_together(jobs)
                return
            except _TransactionLost:
                log.info("a transaction of %d writes was lost; each has its own now", len(jobs))
        for job in jobs:
            self._write_alone(job)

    def _write_together(self, jobs: Sequence[_Job]) -> None:
        accounts = [job.write.account_id for job in jobs]
        with self._store.serving(), self._database.group_transaction(accounts):
            for job in jobs:
                self._attempt(job)

    def _attempt(self, job: _Job) -> None:
        """Run a write within a savepoint. Raises _TransactionLost."""
        try:
            with self._database.savepoint():
                job.result, job.error = job.write.run(), None
        except Exception as error:
            if not self._database.has_transaction():
                raise _TransactionLost from error
            job.error = as_unavailable(error)

    def _write_alone(self, job: _Job) -> None:
        try:
            with (
                self._store.serving(),
                self._database.group_transaction([job.write.account_id]),
            ):
                job.result, job.error = job.write.run(), None
        except Exception as error:
            job.error = error
