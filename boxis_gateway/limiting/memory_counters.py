"""Counters that the server processes of a machine share: a storage for the library `limits`.

The processes are forked from the one that makes the table, and use the same pages of memory. Its
size is fixed, whoever sends what: a bucket that is full gives up the counter that is the least.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import secrets
import struct
import tempfile
import threading
import time
import weakref
from abc import abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import blake2b

from limits.storage import Storage

PLACES_IN_BUCKET = 8
BUCKETS = 8_192
PLACE = struct.Struct("=16sdQ")  # digest of the key, when it ends on our clock, the count
HEAD = struct.Struct("=d")  # when the last of all ends
BUCKET_OCTETS = PLACE.size * PLACES_IN_BUCKET
FREE = bytes(16)


class Counters(Storage):
    """A storage that may know at once that it holds nothing."""

    @abstractmethod
    def is_idle(self) -> bool:
        """Whether nothing is counted at the moment, if that can be told cheaply; else False."""


class MemoryCounters(Counters):
    """65,536 counters in 2 MB. `clock` is monotonic, in seconds: setting the machine's clock
    neither ends nor prolongs anything.

    Safe between threads and processes; a process that is killed leaves no lock behind."""

    STORAGE_SCHEME = None  # made by us alone, not by a URI

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, *, buckets: int = BUCKETS
    ) -> None:
        super().__init__()
        self._clock = clock
        self._buckets = buckets
        self._octets = HEAD.size + buckets * BUCKET_OCTETS
        self._secret = secrets.token_bytes(16)  # so that nobody aims at a bucket
        self._file = _memory("boxis-gateway-counters")
        weakref.finalize(self, os.close, self._file)
        os.ftruncate(self._file, self._octets)
        self._table = mmap.mmap(self._file, self._octets)
        self._threads = threading.Lock()

    @property
    def base_exceptions(self) -> type[Exception]:
        """Part of the library's interface."""
        return OSError

    def incr(self, key: str, expiry: float, amount: int = 1) -> int:
        """Count, and tell the sum. `expiry` is in how many seconds a new counter ends."""
        digest, now = self._digest(key), self._clock()
        with self._locked():
            place = self._find(digest)
            _, ends, count = PLACE.unpack_from(self._table, place) if place else (digest, 0.0, 0)
            if ends <= now:
                place, ends, count = place or self._vacate(digest, now), now + expiry, 0
                HEAD.pack_into(self._table, 0, max(ends, *HEAD.unpack_from(self._table)))
            PLACE.pack_into(self._table, place, digest, ends, count + amount)
        return int(count + amount)

    def get(self, key: str) -> int:
        """The count; 0 if there is none."""
        found = self._live(key)
        return found[1] if found else 0

    def get_expiry(self, key: str) -> float:
        """When the counter ends, on the machine's clock; now if there is none."""
        found = self._live(key)
        return time.time() + (found[0] - self._clock() if found else 0)

    def clear(self, key: str) -> None:
        """Forget the counter."""
        digest = self._digest(key)
        with self._locked():
            place = self._find(digest)
            if place:
                PLACE.pack_into(self._table, place, FREE, 0, 0)

    def is_idle(self) -> bool:
        """Whether all counters have ended, as mostly those of failures have."""
        ends: float = HEAD.unpack_from(self._table)[0]
        return ends <= self._clock()

    def check(self) -> bool:
        """Part of the library's interface."""
        return True

    def reset(self) -> None:
        """Forget all counters."""
        with self._locked():
            self._table[:] = bytes(self._octets)

    def _live(self, key: str) -> tuple[float, int] | None:
        """When it ends, and the count. Without a lock, like all that only looks: at worst it is as
        if asked a moment before."""
        if self.is_idle():
            return None
        now = self._clock()
        place = self._find(self._digest(key))
        _, ends, count = PLACE.unpack_from(self._table, place) if place else (b"", now, 0)
        return (ends, count) if ends > now else None

    def _find(self, digest: bytes) -> int:
        """Where the counter is, ended or not; 0 if nowhere."""
        first = self._bucket(digest)
        place = self._table.find(digest, first, first + BUCKET_OCTETS)
        return 0 if place < 0 or (place - first) % PLACE.size else place

    def _vacate(self, digest: bytes, now: float) -> int:
        """The place of the bucket that may go first: of a counter that has ended, or the least."""
        first = self._bucket(digest)
        bucket = PLACE.iter_unpack(self._table[first : first + BUCKET_OCTETS])
        order = [(ends > now, count, ends, at) for at, (_, ends, count) in enumerate(bucket)]
        return first + min(order)[-1] * PLACE.size

    def _bucket(self, digest: bytes) -> int:
        return HEAD.size + int.from_bytes(digest[:4]) % self._buckets * BUCKET_OCTETS

    def _digest(self, key: str) -> bytes:
        octets = key.encode("utf-8", "surrogatepass")
        return blake2b(octets, digest_size=16, key=self._secret).digest()

    @contextmanager
    def _locked(self) -> Iterator[None]:
        # The system gives up a lock of this kind when its process ends, however it does. It is the
        # process's, so threads need one of their own.
        with self._threads:
            fcntl.lockf(self._file, fcntl.LOCK_EX)
            try:
                yield
            finally:
                fcntl.lockf(self._file, fcntl.LOCK_UN)


def _memory(name: str) -> int:
    """A file without a place, on a system that has such; else one that nobody else sees."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create(name)
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())
