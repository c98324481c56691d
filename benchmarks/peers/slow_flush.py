"""A disk whose flushes are slow: a VFS of SQLite that waits before each xSync."""

from __future__ import annotations

import time
from typing import Any

import apsw

REAL = "unix"


class SlowFlush(apsw.VFS):
    """The default VFS of this process, for as long as this object lives."""

    def __init__(self, seconds: float) -> None:
        super().__init__("slow-flush", REAL, makedefault=True)
        self._seconds = seconds

    def xOpen(self, name: Any, flags: Any) -> SlowFile:
        """Open a file of the real VFS."""
        return SlowFile(name, flags, self._seconds)


class SlowFile(apsw.VFSFile):
    """A file of the real VFS but for its flushes."""

    def __init__(self, name: Any, flags: Any, seconds: float) -> None:
        super().__init__(REAL, name, flags)
        self._seconds = seconds

    def xSync(self, flags: int) -> None:
        """Wait, then flush."""
        time.sleep(self._seconds)
        super().xSync(flags)
