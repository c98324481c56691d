"""Counters in shared memory: a storage for the library `limits`.

A hash table of fixed size, so that no client can make it grow: a full bucket evicts its lowest
counter.
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

SLOTS_PER_BUCKET = 8
BUCKETS = 8_192
SLOT = struct.Struct("=16sdQ")  # digest of the key, expiry on our clock, count
HEADER = struct.Struct("=d")  # latest expiry of all counters
BUCKET_BYTES = SLOT.size * SLOTS_PER_BUCKET
FREE_SLOT = bytes(16)


class Counters(Storage):
    """A storage of `limits` that may know cheaply that it is empty."""

    @abstractmethod
    def is_idle(self) -> bool:
        """True if all counters are known to have expired."""


class MemoryCounters(Counters):
    """65,536 counters in 2 MB, safe between threads and processes, even if a process is killed.

    `clock` is monotonic, in seconds, so that a change of the system clock has no effect."""

    STORAGE_SCHEME = None  # not made from a URI by the library

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, *, buckets: int = BUCKETS
    ) -> None:
        super().__init__()
        self._clock = clock
        self._buckets = buckets
        self._size = HEADER.size + buckets * BUCKET_BYTES
        self._secret = secrets.token_bytes(16)  # so that no client can aim at a bucket
        self._file = _anonymous_file("boxis-gateway-counters")
        weakref.finalize(self, os.close, self._file)
        os.ftruncate(self._file, self._size)
        self._table = mmap.mmap(self._file, self._size)
        self._threads = threading.Lock()

    @property
    def base_exceptions(self) -> type[Exception]:
        """Part of the library's interface."""
        return OSError

    def incr(self, key: str, expiry: float, amount: int = 1) -> int:
        """Add to the counter and return its count. A new counter expires in `expiry` seconds."""
        digest, now = self._digest(key), self._clock()
        with self._locked():
            offset = self._find(digest)
            _, expires_at, count = (
                SLOT.unpack_from(self._table, offset) if offset else (digest, 0.0, 0)
            )
            if expires_at <= now:
                offset, expires_at, count = offset or self._evict(digest, now), now + expiry, 0
                HEADER.pack_into(self._table, 0, max(expires_at, *HEADER.unpack_from(self._table)))
            SLOT.pack_into(self._table, offset, digest, expires_at, count + amount)
        return int(count + amount)

    def get(self, key: str) -> int:
        """The count; 0 if there is no counter."""
        live = self._expiry_and_count(key)
        return live[1] if live else 0

    def get_expiry(self, key: str) -> float:
        """Expiry time in Unix seconds; now if there is no counter."""
        live = self._expiry_and_count(key)
        return time.time() + (live[0] - self._clock() if live else 0)

    def clear(self, key: str) -> None:
        """Remove the counter."""
        digest = self._digest(key)
        with self._locked():
            offset = self._find(digest)
            if offset:
                SLOT.pack_into(self._table, offset, FREE_SLOT, 0, 0)

    def is_idle(self) -> bool:
        """True if all counters have expired: the usual state of failures."""
        expires_at: float = HEADER.unpack_from(self._table)[0]
        return expires_at <= self._clock()

    def check(self) -> bool:
        """Part of the library's interface."""
        return True

    def reset(self) -> None:
        """Remove all counters."""
        with self._locked():
            self._table[:] = bytes(self._size)

    def _expiry_and_count(self, key: str) -> tuple[float, int] | None:
        """Expiry and count. Reads take no lock: at worst they see the state of a moment ago."""
        if self.is_idle():
            return None
        now = self._clock()
        offset = self._find(self._digest(key))
        _, expires_at, count = SLOT.unpack_from(self._table, offset) if offset else (b"", now, 0)
        return (expires_at, count) if expires_at > now else None

    def _find(self, digest: bytes) -> int:
        """Offset of the counter, expired or not; 0 if absent."""
        first = self._bucket(digest)
        offset = self._table.find(digest, first, first + BUCKET_BYTES)
        return 0 if offset < 0 or (offset - first) % SLOT.size else offset

    def _evict(self, digest: bytes, now: float) -> int:
        """Offset of the slot to reuse: of an expired counter, or the lowest."""
        first = self._bucket(digest)
        bucket = SLOT.iter_unpack(self._table[first : first + BUCKET_BYTES])
        order = [
            (expires_at > now, count, expires_at, at)
            for at, (_, expires_at, count) in enumerate(bucket)
        ]
        return first + min(order)[-1] * SLOT.size

    def _bucket(self, digest: bytes) -> int:
        return HEADER.size + int.from_bytes(digest[:4]) % self._buckets * BUCKET_BYTES

    def _digest(self, key: str) -> bytes:
        data = key.encode("utf-8", "surrogatepass")
        return blake2b(data, digest_size=16, key=self._secret).digest()

    @contextmanager
    def _locked(self) -> Iterator[None]:
        # The system releases this lock when its process ends. It belongs to the process, so threads
        # need another one.
        with self._threads:
            fcntl.lockf(self._file, fcntl.LOCK_EX)
            try:
                yield
            finally:
                fcntl.lockf(self._file, fcntl.LOCK_UN)


def _anonymous_file(name: str) -> int:
    """An anonymous file in memory, or on disk where the system has no memfd."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create(name)
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())
