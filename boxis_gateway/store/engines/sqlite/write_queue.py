"""Queue of the writers of a store's file, over all processes, by flock.

SQLite lets writers poll with pauses, so one may wait for long while others come and go. The kernel
wakes those that wait for a lock in their order. This lock only queues: BEGIN IMMEDIATE excludes
other writers. Without the lock file, in a read-only folder for instance, there is no queue.
"""

from __future__ import annotations

import fcntl
import os
import threading
from contextlib import suppress

import apsw

from boxis_gateway.store.engines.sqlite.file_identity import lock_file

GROUP, TRANSACTION = "group", "transaction"
NO_FILE = -1
OPEN_FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW  # a foreign FIFO or link is no lock file


class WriteQueue:
    """Places of this process's threads in the queue of a store's writers.

    The lock file is opened for each turn: a connection need not be open, a replaced file is
    noticed, and a forked process has no descriptor that keeps the lock."""

    def __init__(self, store: str) -> None:
        self._store, self._path = store, str(lock_file(store))
        self._late: list[_Wait] = []
        self._held = _Held()

    def enter(self, holder: str, seconds: float) -> None:
        """Wait for the turn to write, if this thread doesn't have it. It lasts until each of its
        holders, GROUP and TRANSACTION, has left. Raises apsw.BusyError after so many seconds."""
        if not self._held.by:
            self._held.descriptor = self._acquire(seconds)
        self._held.by.add(holder)

    def leave(self, holder: str) -> None:
        """Let others write, unless this thread has the turn for another holder too."""
        if holder in self._held.by:
            self._held.by.remove(holder)
            if not self._held.by:
                _release(self._held.descriptor)

    def _acquire(self, seconds: float) -> int:
        """A descriptor that holds the lock; NO_FILE if there can be none."""
        descriptor = self._open()
        try:
            if descriptor != NO_FILE:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return self._wait(descriptor, seconds)
        except OSError:  # a file system without locks
            os.close(descriptor)
            return NO_FILE
        return descriptor

    def _open(self) -> int:
        try:
            return os.open(self._path, OPEN_FLAGS)
        except FileNotFoundError:
            return self._make()
        except OSError:
            return NO_FILE

    def _make(self) -> int:
        """Make the lock file with the mode and owner of the store, as SQLite makes its own: root
        may be the first to write."""
        try:
            store = os.stat(self._store)
            descriptor = os.open(self._path, OPEN_FLAGS | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:  # root must not give away what another has put there meanwhile
            return self._open()
        except OSError:
            return NO_FILE
        with suppress(OSError):  # a file system, or a root, that cannot
            if os.geteuid() == 0:
                os.fchown(descriptor, store.st_uid, store.st_gid)
            os.fchmod(descriptor, store.st_mode & 0o666)  # whatever the umask
        return descriptor

    def _wait(self, descriptor: int, seconds: float) -> int:
        wait = self._resume(descriptor) or _Wait(descriptor)
        if wait.descriptor != descriptor:
            os.close(descriptor)
        if wait.join(seconds):
            return wait.descriptor
        self._late.append(wait)
        raise apsw.BusyError("database is locked by the turn of another writer")

    def _resume(self, descriptor: int) -> _Wait | None:
        """A wait that came too late, unless the lock file has been deleted since."""
        with suppress(IndexError):
            wait = self._late.pop()
            if wait.file == os.fstat(descriptor).st_ino and wait.resume():
                return wait
        return None


class _Held(threading.local):
    """The lock as this thread holds it, and by what."""

    descriptor = NO_FILE

    def __init__(self) -> None:
        self.by: set[str] = set()


class _Wait:
    """A thread that waits for the lock: flock has no time-out.

    A lock that comes too late is released at once, unless the wait was resumed. So, however long
    the holder is stopped, there is one such thread for each of ours, and it keeps its place."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor, self.file = descriptor, os.fstat(descriptor).st_ino
        self._guard = threading.Lock()
        self._acquired = threading.Event()
        self._is_wanted, self._is_over = True, False
        threading.Thread(target=self._run, name="write-queue", daemon=True).start()

    def join(self, seconds: float) -> bool:
        """Wait for so long. True if the lock is held now."""
        try:
            self._acquired.wait(seconds)
        finally:
            with self._guard:
                self._is_wanted = self._acquired.is_set()
        return self._is_wanted

    def resume(self) -> bool:
        """Want the lock after all. False if it has come and was released."""
        with self._guard:
            self._is_wanted = not self._is_over
            return self._is_wanted

    def _run(self) -> None:
        fcntl.flock(self.descriptor, fcntl.LOCK_EX)
        with self._guard:
            self._is_over = True
            if self._is_wanted:
                self._acquired.set()
            else:
                _release(self.descriptor)


def _release(descriptor: int) -> None:
    if descriptor != NO_FILE:
        # A process that was forked meanwhile has the descriptor too: closing is not enough.
        fcntl.flock(descriptor, fcntl.LOCK_UN)
        os.close(descriptor)
