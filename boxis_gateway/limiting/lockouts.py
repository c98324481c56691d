"""Lockouts against guessing, longer with each failure in a row.

A failure counts for the user name *from one address*, so nobody is locked out by guesses from
elsewhere. An address that fails for many names is locked out too, except for right codes of names
that recently succeeded from it. A new key or password resets the count. Names and secrets are kept
as digests alone.
"""

from __future__ import annotations

import time
from functools import lru_cache
from hashlib import blake2b
from typing import NamedTuple

from boxis_gateway.bounded_cache import BoundedCache
from boxis_gateway.errors import LimitReached
from boxis_gateway.limiting.rate_limits import whole_seconds
from boxis_gateway.limiting.shared_counters import SharedCounters
from boxis_gateway.networks import client_network

MEMORY_SECONDS = 86_400  # for failures and successes
FREE_NAMES = 30  # names that may fail from one address
CACHED_SUCCESSES = 10_000  # per process
REASON = "failures"


class Attempt(NamedTuple):
    """A login attempt as two digests: `pair` of address and name, `address` of the address."""

    pair: str
    address: str


def attempt_of(api: str, address: str, name: str, secret: str) -> Attempt:
    """Make an attempt. `secret` is the encrypted or hashed key or password from the store, never
    plain text, as the digests may be kept on a Redis server."""
    network = client_network(address)
    pair = _digest(api, network, name.casefold(), secret)
    return Attempt(pair, _network_digest(api, network))


@lru_cache(maxsize=4096)
def _network_digest(api: str, network: str) -> str:
    return _digest(api, network)


def _digest(*words: str) -> str:
    joined = "\0".join(words).encode("utf-8", "surrogatepass")
    return blake2b(joined, digest_size=16).hexdigest()


class Lockouts:
    """After `free_failures` in a row the next attempt has to wait one second, then two, four and so
    on up to `longest_seconds`; 0 switches lockouts off."""

    def __init__(self, counters: SharedCounters, free_failures: int, longest_seconds: int) -> None:
        self._failures, self._locks = counters.failures, counters.locks
        self._successes = counters.successes
        self._free_failures, self._longest_seconds = free_failures, longest_seconds
        self._recent_successes = BoundedCache(self._note_success, max_size=CACHED_SUCCESSES)

    def check(self, attempt: Attempt) -> None:
        """Raise LimitReached while the attempt is locked out, right or wrong."""
        if self._locks.is_idle():
            return
        pair_is_locked = self._locks.get(attempt.pair)
        if self._locks.get(attempt.address) and (
            pair_is_locked or not self._successes.get(attempt.pair)
        ):
            self._refuse(attempt.address)
        if pair_is_locked:
            self._refuse(attempt.pair)

    def failed(self, attempt: Attempt) -> None:
        """Count a failure. Raises LimitReached if the address is locked out: a name that `check`
        let pass gets the answer of every other name."""
        if not self._longest_seconds:
            return
        was_locked = self._locks.get(attempt.address)
        count = self._failures.incr(attempt.pair, MEMORY_SECONDS)
        if count == 1:
            names = self._failures.incr(attempt.address, MEMORY_SECONDS)
            self._lock(attempt.address, names - FREE_NAMES)
        self._lock(attempt.pair, count - self._free_failures)
        if was_locked:
            self._refuse(attempt.address)

    def succeeded(self, attempt: Attempt) -> None:
        """Reset the failures."""
        if self._longest_seconds:
            self._recent_successes[attempt.pair]
            if not self._failures.is_idle() and self._failures.get(attempt.pair):
                self._failures.clear(attempt.pair)

    def _note_success(self, pair: str) -> None:
        self._successes.incr(pair, MEMORY_SECONDS)

    def _lock(self, key: str, excess: int) -> None:
        if excess >= 0:
            self._locks.incr(key, min(2 ** min(excess, 30), self._longest_seconds))

    def _refuse(self, key: str) -> None:
        raise LimitReached(REASON, whole_seconds(self._locks.get_expiry(key) - time.time()))
