"""Metrics shared by server processes (Prometheus multiprocess mode)."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"  # read by prometheus_client when it is imported
MEMORY = "/dev/shm"
PREFIX = "boxis-gateway-"
LOCK = "owner.lock"
UNLOCKED_SECONDS = 86_400


@contextmanager
def metrics_folder() -> Iterator[None]:
    """Create the folder for this process and its forks, and remove it at the end, even if only
    forks are left then. It is in memory if possible, as each request writes to it. Folders of
    servers that were killed are removed."""
    parent = MEMORY if os.access(MEMORY, os.W_OK) else tempfile.gettempdir()
    _remove_abandoned(Path(parent))
    folder, owner = tempfile.mkdtemp(prefix=PREFIX, dir=parent), os.getpid()
    lock = _lock(Path(folder))
    os.environ[VARIABLE] = folder
    try:
        yield
    finally:
        if os.getpid() == owner or os.getppid() != owner:  # workers leave the context, too
            shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def _remove_abandoned(parent: Path) -> None:
    """Remove folders whose lock no process holds. One without a lock file may be about to get it,
    or is of an older version: that is left for a day."""
    for folder in parent.glob(f"{PREFIX}*"):
        with suppress(OSError):  # another user's, or another server removes it, too
            if (folder / LOCK).exists():
                os.close(_lock(folder))
            elif time.time() - folder.stat().st_mtime < UNLOCKED_SECONDS:
                continue
            shutil.rmtree(folder)


def _lock(folder: Path) -> int:
    """A descriptor that holds the lock until all processes with it have ended. Raises OSError if
    another server holds it."""
    descriptor = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def worker_ended(pid: int) -> None:
    """Drop the gauges of a worker that has ended; its counters stay."""
    from prometheus_client.multiprocess import mark_process_dead

    mark_process_dead(pid)  # type: ignore[no-untyped-call]
