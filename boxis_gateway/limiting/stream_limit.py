"""Limit of concurrent streams, each of which holds a database snapshot."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable
from threading import Lock

from boxis_gateway.errors import LimitReached

RETRY_SECONDS = 1


class StreamLimit:
    """Streams in progress by account or employee, in this process, `most` in all."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._streams: Counter[Hashable] = Counter()
        self._lock = Lock()  # for servers with threads

    def acquire(self, user: Hashable, limit: int) -> Callable[[], None]:
        """Count one more stream of an account or employee. Returns what releases it; raises
        LimitReached beyond `limit`, or beyond that of the process."""
        with self._lock:
            if self._streams[user] >= limit or self._streams.total() >= self._most:
                raise LimitReached("streams", RETRY_SECONDS)
            self._streams[user] += 1
        return lambda: self._release(user)

    def _release(self, user: Hashable) -> None:
        with self._lock:
            self._streams[user] -= 1
            if not self._streams[user]:
                del self._streams[user]
