"""Writer thread of a process: runs its writes, and commits what has come together.

Requests are answered by one thread, which must not wait for locks and disks. It submits a `Write`
and gets a future, which has its result only after the commit. The writer thread waits for its turn
to write first, and then takes all writes that have come (write_group.py).
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import TypeVar

from boxis_gateway.errors import StoreError, Unavailable
from boxis_gateway.store.engines.errors import translate_faults
from boxis_gateway.store.shared_processor import SharedProcessor
from boxis_gateway.store.store import Store
from boxis_gateway.store.write_group import QueuedWrite, Write, WriteGroup

T = TypeVar("T")
log = logging.getLogger(__name__)

QUEUE_WRITES = 1_000  # that wait; more are refused, as their clients would give up before
UNPREPARED_WRITES = 100  # of some 20 ms each
GROUP_WRITES = 60  # PostgreSQL caches 64 subtransactions of a transaction; savepoints are some
DROP_SECONDS = 0.5  # in which the thread that asks answers nobody
WAIT_SECONDS = 5.0  # for other writers: it stops no reader, and imports have long transactions


class Writer:
    """The writer thread of a store in this process, started by the first write.

    `wait_seconds` is how long a write waits for other writers."""

    def __init__(self, store: Store, wait_seconds: float = WAIT_SECONDS) -> None:
        self._store, self._database = store, store.database
        self._wait_seconds = wait_seconds
        self._is_closed = False
        self._begin()
        self._database.on_outdated = self._drop_connection

    def _begin(self) -> None:
        self._process = os.getpid()
        self._lock = threading.Lock()  # of the thread's beginning and end
        self._queue: SimpleQueue[QueuedWrite | Future[bool] | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._in_hand: list[QueuedWrite] = []
        self._unprepared = 0
        self._may_share = False
        self._processor = SharedProcessor()
        self._preparer = ThreadPoolExecutor(1, "preparer", self._processor.leave)

    def submit(self, write: Write[T]) -> Future[T]:
        """Queue the write. Its future gets what `run` returns, once that is committed, or what it
        raises; Unavailable for a fault of the store, after which the write may be committed.

        Raises Unavailable if too many writes wait, or if the writer is closed."""
        queued = QueuedWrite(write, time.monotonic() + self._wait_seconds)
        if self._process != os.getpid():
            self._begin()  # a fork has no threads, and the parent runs what was queued
        with self._lock:
            if self._is_closed:
                raise Unavailable("stopping", "The server stops. Send the request again.")
            if write.prepare:
                self._put_unprepared(queued, write.prepare)
            else:
                self._put(queued)
            if self._may_share and self._thread:
                self._processor.share(self._thread)
        return queued.future

    def heartbeat(self) -> None:
        """Let the system choose the processors of a process that writes, about once a second. Call
        it from the thread that submits. Without heartbeats no processor is shared."""
        self._may_share = True
        self._processor.release()

    def _put(self, queued: QueuedWrite) -> None:
        if self._queue.qsize() >= QUEUE_WRITES:
            raise Unavailable(
                "queue",
                f"{QUEUE_WRITES} writes wait for the store already. Check its disk or server, "
                "and whether another process holds it.",
            )
        if self._thread is None:
            self._start()
        self._queue.put(queued)

    def _put_unprepared(self, queued: QueuedWrite, prepare: Callable[[], object]) -> None:
        if self._unprepared >= UNPREPARED_WRITES:
            raise Unavailable("queue", f"{UNPREPARED_WRITES} passwords wait to be checked already.")
        self._unprepared += 1
        try:
            self._preparer.submit(self._prepare, queued, prepare)
        except RuntimeError as error:
            self._unprepared -= 1
            raise _no_thread(error) from None

    def _prepare(self, queued: QueuedWrite, prepare: Callable[[], object]) -> None:
        try:
            prepare()
            queued.wait_end = time.monotonic() + self._wait_seconds
            with self._lock:
                self._put(queued)
        except Exception as error:
            queued.fail(error)
        except BaseException:
            queued.fail(Unavailable("writer", "A write could not be prepared."))
            raise
        finally:
            with self._lock:
                self._unprepared -= 1

    def _drop_connection(self) -> bool:
        """Close the thread's connection, and wait a moment for that: SQLite's connections of a
        process share state, so the next one must not meet it. False if the thread is busy."""
        if self._thread is None or threading.current_thread() is self._thread:
            return True
        dropped: Future[bool] = Future()
        self._queue.put(dropped)
        with suppress(TimeoutError):
            return dropped.result(DROP_SECONDS)
        return False

    def close(self) -> None:
        """Finish the queued writes, and end the thread with its connection to the store."""
        if self._process != os.getpid():
            self._begin()
        with self._lock:
            self._is_closed = True
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
            raise _no_thread(error) from None
        self._thread = thread

    def _run(self) -> None:
        _yield_to_readers()
        try:
            while queued := self._queue.get():
                if isinstance(queued, QueuedWrite):
                    self._write_group(queued)
                else:
                    self._close_connection(queued)
        except BaseException:
            log.critical("the writer thread failed; another one replaces it", exc_info=True)
        finally:
            self._end()

    def _close_connection(self, dropped: Future[bool]) -> None:
        """Close the connection; one to a former file first completes that (check_connection), or
        the next connection would mix the two. False if it cannot."""
        try:
            with suppress(StoreError):
                self._database.check_connection()
                self._store.close()
        finally:
            dropped.set_result(self._database.is_closed())

    def _end(self) -> None:
        """Fail the writes in hand, and start another thread if writes wait."""
        with suppress(Exception):
            self._store.close()
        in_hand, self._in_hand = self._in_hand, []
        _fail(in_hand, Unavailable("writer", "The writer thread failed. The log has the error."))
        try:
            with self._lock:
                self._thread = None
                if not self._queue.empty():
                    self._start()
        except Unavailable as error:
            _fail(self._take(QUEUE_WRITES), error)

    def _write_group(self, first: QueuedWrite) -> None:
        """Write what has come when the turn to write has come."""
        self._in_hand = [first]
        try:
            with translate_faults(), self._database.write_queue(first.seconds_to_wait()):
                self._in_hand += self._take(GROUP_WRITES - 1)
                self._in_hand = [queued for queued in self._in_hand if queued.start()]
                WriteGroup(self._store, self._in_hand).commit()
        except Unavailable as error:
            _fail(self._in_hand, error)
        else:
            for queued in self._in_hand:
                queued.resolve()
        self._in_hand = []

    def _take(self, most: int) -> list[QueuedWrite]:
        """The writes that wait."""
        taken: list[QueuedWrite] = []
        with suppress(Empty):
            while len(taken) < most:
                queued = self._queue.get_nowait()
                if queued is None:
                    self._queue.put(None)  # the end comes after them
                    break
                if isinstance(queued, QueuedWrite):
                    taken.append(queued)
                else:
                    self._close_connection(queued)
        return taken


def _fail(writes: Sequence[QueuedWrite], error: Exception) -> None:
    """Give the error to all writes that have no result yet."""
    for queued in writes:
        queued.fail(error)


def _no_thread(error: RuntimeError) -> Unavailable:
    problem = f"A thread of the writer cannot start: {error}. Raise the limit of processes."
    return Unavailable("thread", problem)


def _yield_to_readers() -> None:
    """Let this thread not interrupt others as it wakes: the one that answers requests would lose
    the processor with Python's lock in its hand, and both would wait (Linux: sched(7),
    SCHED_BATCH)."""
    if hasattr(os, "SCHED_BATCH"):
        with suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
