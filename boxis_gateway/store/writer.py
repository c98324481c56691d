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
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import Any, Generic, TypeVar

from boxis_gateway.errors import Unavailable
from boxis_gateway.store.engines.errors import (
    TransactionLost,
    as_unavailable,
    translate_faults,
)
from boxis_gateway.store.store import Store

T = TypeVar("T")
U = TypeVar("U")
log = logging.getLogger(__name__)

QUEUE_WRITES = 1_000  # that wait; more are refused, as their clients would give up before
UNPREPARED_WRITES = 100  # of some 20 ms each
GROUP_WRITES = 60  # PostgreSQL caches 64 subtransactions of a transaction; savepoints are some
WAIT_SECONDS = 5.0  # for other writers: it stops no reader, and imports have long transactions


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


@dataclass(slots=True)
class _Job:
    """A write, when it waits no longer for other writers, its future, and how it ended."""

    write: Write[Any]
    wait_end: float
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


def _fail(jobs: Iterable[_Job], error: Exception) -> None:
    """Give the error to all that have no result yet."""
    for job in jobs:
        future = job.future
        if not future.done() and (future.running() or future.set_running_or_notify_cancel()):
            job.error = error
            job.resolve()


class Writer:
    """The writer thread of a store in this process, started by the first write.

    `wait_seconds` is how long a write waits for other writers."""

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
        self._unprepared = 0
        self._preparer = ThreadPoolExecutor(1, "preparer")  # its thread begins with the first job

    def submit(self, write: Write[T]) -> Future[T]:
        """Queue the write. Its future gets what `run` returns, once that is committed, or what it
        raises; Unavailable for a fault of the store, after which the write may be committed.

        Raises Unavailable if too many writes wait, or if the writer is closed."""
        job = _Job(write, time.monotonic() + self._wait_seconds)
        if self._process != os.getpid():
            self._begin()  # a fork has no threads, and the parent runs what was queued
        with self._lock:
            if self._is_closed:
                raise Unavailable("stopping", "The server stops. Send the request again.")
            if write.prepare:
                self._put_unprepared(job, write.prepare)
            else:
                self._put(job)
        return job.future

    def _put(self, job: _Job) -> None:
        if self._queue.qsize() >= QUEUE_WRITES:
            raise Unavailable(
                "queue",
                f"{QUEUE_WRITES} writes wait for the store already. Check its disk or server, "
                "and whether another process holds it.",
            )
        if self._thread is None:
            self._start()
        self._queue.put(job)

    def _put_unprepared(self, job: _Job, prepare: Callable[[], object]) -> None:
        if self._unprepared >= UNPREPARED_WRITES:
            raise Unavailable("queue", f"{UNPREPARED_WRITES} passwords wait to be checked already.")
        self._unprepared += 1
        self._preparer.submit(self._prepare, job, prepare)

    def _prepare(self, job: _Job, prepare: Callable[[], object]) -> None:
        try:
            prepare()
        except Exception as error:
            job.error = error
        with self._lock:
            self._unprepared -= 1
            if job.error is None:
                try:
                    self._put(job)
                except Unavailable as error:
                    job.error = error
        if job.error:
            job.resolve()

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
            if self._process != os.getpid():
                return
        self._preparer.shutdown()
        self._queue.put(None)
        while thread := self._thread:  # another one may replace it
            thread.join()

    def _start(self) -> None:
        # A daemon: a process that must end does not wait for a disk that hangs.
        thread = threading.Thread(target=self._run, name="writer", daemon=True)
        try:
            thread.start()
        except RuntimeError as error:
            raise Unavailable(
                "thread", f"The writer thread cannot start: {error}. Raise the limit of processes."
            ) from None
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
            self._end()

    def _close_connection(self, closed: threading.Event) -> None:
        try:
            self._store.close()
        finally:
            closed.set()

    def _end(self) -> None:
        """Fail the writes in hand, and start another thread if writes wait."""
        with suppress(Exception):
            self._store.close()
        failed = Unavailable("writer", "The writer thread failed. The log has the error.")
        _fail(self._in_hand, failed)
        with self._lock:
            self._thread = None
            if not self._queue.empty():
                try:
                    self._start()
                except Unavailable as error:
                    _fail(self._take(QUEUE_WRITES), error)

    def _write_group(self, first: _Job) -> None:
        """Write what has come when the turn to write has come."""
        self._in_hand = jobs = [first]
        try:
            with translate_faults(), self._database.write_queue(_seconds_until(first.wait_end)):
                jobs += self._take(GROUP_WRITES - 1)
                jobs[:] = [job for job in jobs if job.future.set_running_or_notify_cancel()]
                self._write(jobs)
        except Unavailable as error:
            _fail(jobs, error)
        else:
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
            except TransactionLost:
                log.info("a transaction of %d writes was lost; each has its own now", len(jobs))
        for job in jobs:
            self._write_alone(job)

    def _write_together(self, jobs: Sequence[_Job]) -> None:
        with self._transaction(jobs):
            for job in jobs:
                self._attempt(job)

    @contextmanager
    def _transaction(self, jobs: Sequence[_Job]) -> Iterator[None]:
        accounts = [job.write.account_id for job in jobs]
        seconds = _seconds_until(jobs[0].wait_end)
        with self._store.serving(), self._database.group_transaction(accounts, seconds):
            yield

    def _attempt(self, job: _Job) -> None:
        """Run a write within a savepoint. Raises TransactionLost."""
        try:
            with self._database.savepoint():
                job.result, job.error = job.write.run(), None
        except Exception as error:
            if not self._database.has_transaction():
                raise TransactionLost from error
            job.error = as_unavailable(error)

    def _write_alone(self, job: _Job) -> None:
        try:
            with self._transaction([job]):
                job.result, job.error = job.write.run(), None
        except Exception as error:
            job.error = error


def _seconds_until(moment: float) -> float:
    return max(0.0, moment - time.monotonic())
