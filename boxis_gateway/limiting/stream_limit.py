"""Limit of concurrent streams, each of which holds a database snapshot."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable
from threading import Lock

from boxis_gateway.errors import LimitReached

RETRY_SECONDS = 1


class StreamLimit:
    """Streams in progress by account, in this process."""

    def __init__(self) -> None:
        self._streams: Counter[Hashable] = Counter()
        self._lock = Lock()  # for servers with threads

    def acquire(self, account: Hashable, limit: int) -> Callable[[], None]:
        """Count one more stream. Returns what releases it; raises LimitReached beyond `limit`."""
        with self._lock:
            if self._streams[account] >= limit:
                raise LimitReached("streams", RETRY_SECONDS)
            self._streams[account] += 1
        return lambda: self._release(account)

    def _release(self, account: Hashable) -> None:
        with self._lock:
            self._streams[account] -= 1
            if not self._streams[account]:
                del self._streams[account]
