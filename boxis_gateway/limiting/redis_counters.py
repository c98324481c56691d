"""Counters on a Redis server: a storage for the library `limits`."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TypeVar, cast

from limits.errors import ConfigurationError as LacksPackage
from limits.errors import StorageError
from limits.storage import Storage, storage_from_string

from boxis_gateway.errors import ConfigurationError
from boxis_gateway.limiting.memory_counters import Counters, MemoryCounters

TIMEOUT_SECONDS = 0.25  # of a request's wait for the server
RETRY_SECONDS = 10  # after a failure
PREFIX = "boxis-gateway"

log = logging.getLogger(__name__)
T = TypeVar("T")


class RedisCounters(Counters):
    """Counters on a server. While it fails, which is logged, this machine counts in memory, so that
    no client is let in or refused because of it."""

    STORAGE_SCHEME = None  # not made from a URI by the library

    def __init__(self, uri: str, name: str) -> None:
        super().__init__()
        timeouts = {"socket_timeout": TIMEOUT_SECONDS, "socket_connect_timeout": TIMEOUT_SECONDS}
        options = {**timeouts, "key_prefix": f"{PREFIX}/{name}", "wrap_exceptions": True}
        try:
            self._server = cast(Storage, storage_from_string(uri, **options))  # type: ignore[arg-type]
        except LacksPackage:
            raise ConfigurationError(
                "Counters on a Redis server need a package. "
                "Install it with: pip install 'boxis-gateway[redis]'"
            ) from None
        self._fallback = MemoryCounters()
        self._retry_at = 0.0

    @property
    def base_exceptions(self) -> type[Exception]:
        """Part of the library's interface."""
        return StorageError

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Add to the counter and return its count. A new counter expires in `expiry` seconds."""
        return self._call(lambda storage: storage.incr(key, expiry, amount))

    def get(self, key: str) -> int:
        """The count; 0 if there is no counter."""
        return self._call(lambda storage: storage.get(key))

    def get_expiry(self, key: str) -> float:
        """Expiry time in Unix seconds; now if there is no counter."""
        return self._call(lambda storage: storage.get_expiry(key))

    def clear(self, key: str) -> None:
        """Remove the counter."""
        self._call(lambda storage: storage.clear(key))

    def is_idle(self) -> bool:
        """False, as only the server could tell."""
        return False

    def check(self) -> bool:
        """True if the server answers."""
        return bool(self._server.check())

    def reset(self) -> int | None:
        """Remove all counters."""
        return self._call(lambda storage: storage.reset())

    def _call(self, method: Callable[[Storage], T]) -> T:
        if time.monotonic() >= self._retry_at:
            try:
                return method(self._server)
            except StorageError as problem:
                self._retry_at = time.monotonic() + RETRY_SECONDS
                kind = type(problem.storage_error).__name__
                log.warning("the Redis server of the counters does not answer: %s", kind)
        return method(self._fallback)
