"""Metrics shared by server processes (Prometheus multiprocess mode)."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"  # read by prometheus_client when it is imported
MEMORY = "/dev/shm"


@contextmanager
def metrics_folder() -> Iterator[None]:
    """Create the folder for this process and its forks, and remove it at the end, even if only
    forks are left then. It is in memory if possible, as each request writes to it."""
    parent = MEMORY if os.access(MEMORY, os.W_OK) else None
    folder, owner = tempfile.mkdtemp(prefix="boxis-gateway-", dir=parent), os.getpid()
    os.environ[VARIABLE] = folder
    try:
        yield
    finally:
        if os.getpid() == owner or os.getppid() != owner:  # workers leave the context, too
            shutil.rmtree(folder, ignore_errors=True)


def worker_ended(pid: int) -> None:
    """Drop the gauges of a worker that has ended; its counters stay."""
    from prometheus_client.multiprocess import mark_process_dead

    mark_process_dead(pid)  # type: ignore[no-untyped-call]
