"""Who guesses has to wait: longer each time, and without anybody else being kept out.

What is counted is a name *from one address*: wrong codes from another address keep nobody out. Who
tries many names from one address waits as well, but for names that were right from there not long
ago. A new key or password begins anew.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256

from boxis_gateway.bounded_cache import BoundedCache
from boxis_gateway.errors import LimitReached
from boxis_gateway.limiting.rate_limits import whole_seconds
from boxis_gateway.limiting.shared_counters import SharedCounters
from boxis_gateway.networks import client_network

REMEMBERED_SECONDS = 86_400  # failures, and what was right
FREE_NAMES = 30  # that may be wrong from one address
RIGHT_KEPT = 10_000  # that a process remembers to have noted
REASON = "failures"


@dataclass(frozen=True)
class Attempt:
    """A name with one key or password, tried from an address; kept as digests alone."""

    pair: str
    address: str


@lru_cache(maxsize=4096)
def attempt_of(api: str, address: str, name: str, secret: str) -> Attempt:
    """What is counted. `secret` is what the store keeps of the name's key or password: encrypted or
    hashed, for others may see what is counted (tables.py)."""
    site = client_network(address)
    return Attempt(_digest(api, site, name.casefold(), secret), _digest(api, site))


def _digest(*parts: str) -> str:
    joined = "\0".join(parts).encode("utf-8", "surrogatepass")
    return sha256(joined).hexdigest()[:32]


class Lockouts:
    """After `free` failures in a row the next attempt has to wait for a second, then for two, four
    and so on, up to `longest` seconds; 0 is for never."""

    def __init__(self, tables: SharedCounters, free: int, longest: int) -> None:
        self._failures, self._locks, self._rights = tables.failures, tables.locks, tables.rights
        self._free, self._longest = free, longest
        self._right = BoundedCache(self._note_right, max_size=RIGHT_KEPT)

    def check(self, attempt: Attempt) -> None:
        """Raises LimitReached for who has to wait, whether the code is right or wrong."""
        if self._locks.is_idle():
            return
        if self._locks.get(attempt.pair):
            self._refuse(attempt.pair)
        if self._locks.get(attempt.address) and not self._rights.get(attempt.pair):
            self._refuse(attempt.address)

    def failed(self, attempt: Attempt) -> None:
        """It was wrong."""
        if not self._longest:
            return
        count = self._failures.incr(attempt.pair, REMEMBERED_SECONDS)
        if count == 1:
            names = self._failures.incr(attempt.address, REMEMBERED_SECONDS)
            self._lock(attempt.address, names - FREE_NAMES)
        self._lock(attempt.pair, count - self._free)

    def succeeded(self, attempt: Attempt) -> None:
        """It was right."""
        if self._longest:
            self._right[attempt.pair]
            if not self._failures.is_idle() and self._failures.get(attempt.pair):
                self._failures.clear(attempt.pair)

    def _note_right(self, pair: str) -> None:
        self._rights.incr(pair, REMEMBERED_SECONDS)

    def _lock(self, key: str, beyond: int) -> None:
        if beyond >= 0:
            self._locks.incr(key, min(2 ** min(beyond, 30), self._longest))

    def _refuse(self, key: str) -> None:
        raise LimitReached(REASON, whole_seconds(self._locks.get_expiry(key) - time.time()))
