"""Where the processes of a server keep their metrics, so that each of them can tell of all."""

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
    """A folder for the metrics of this process and those forked from it. It goes at the end, even
    if those that were forked are alone then.

    In memory, if there is such a place: what is written each request is no business of a disk."""
    place = MEMORY if os.access(MEMORY, os.W_OK) else None
    folder, owner = tempfile.mkdtemp(prefix="boxis-gateway-", dir=place), os.getpid()
    os.environ[VARIABLE] = folder
    try:
        yield
    finally:
        if os.getpid() == owner or os.getppid() != owner:  # workers come by here too
            shutil.rmtree(folder, ignore_errors=True)


def forget_process(pid: int) -> None:
    """A worker has ended: what it had under way is nothing any more. What it counted stays."""
    from prometheus_client.multiprocess import mark_process_dead

    mark_process_dead(pid)  # type: ignore[no-untyped-call]
