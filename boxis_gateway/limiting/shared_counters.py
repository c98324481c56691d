"""Where is counted: in this machine's memory, or in a Redis server that several machines share."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar, cast

from limits.errors import ConfigurationError as LacksPackage
from limits.errors import StorageError
from limits.storage import Storage, storage_from_string

from boxis_gateway.errors import ConfigurationError
from boxis_gateway.limiting.memory_counters import Counters, MemoryCounters

MEMORY = "memory"
REPLAY_BUCKETS = 32_768
REDIS_SECONDS = 0.25  # that a request waits for it
WITHOUT_REDIS_SECONDS = 10  # before it is tried again
PREFIX = "boxis-gateway"

log = logging.getLogger(__name__)
T = TypeVar("T")


@dataclass
class SharedCounters:
    """Counters by what they count. Make them before the server's processes are forked. `born` is
    when that was (Unix seconds): what was used before is not known."""

    requests: Counters = field(default_factory=MemoryCounters)
    failures: Counters = field(default_factory=MemoryCounters)
    locks: Counters = field(default_factory=MemoryCounters)
    rights: Counters = field(default_factory=MemoryCounters)
    replays: Counters = field(default_factory=lambda: MemoryCounters(buckets=REPLAY_BUCKETS))
    born: float = field(default_factory=time.time)


def shared_counters(place: str) -> SharedCounters:
    """Those of `memory`, or of a server (`redis://…`). Raises ConfigurationError."""
    if place == MEMORY:
        return SharedCounters()
    names = ("requests", "failures", "locks", "rights", "replays")
    return SharedCounters(**{name: RedisCounters(place, name) for name in names}, born=0.0)


class RedisCounters(Counters):
    """Counters on a Redis server. While that does not answer, which is logged, this machine counts
    by itself: nobody is let in or kept out for it."""

    STORAGE_SCHEME = None  # made by us alone, not by a URI

    def __init__(self, uri: str, name: str) -> None:
        super().__init__()
        waits = {"socket_timeout": REDIS_SECONDS, "socket_connect_timeout": REDIS_SECONDS}
        options = {**waits, "key_prefix": f"{PREFIX}/{name}", "wrap_exceptions": True}
        try:
            self._server = cast(Storage, storage_from_string(uri, **options))  # type: ignore[arg-type]
        except LacksPackage:
            wanted = "Install what they need: pip install 'boxis-gateway[redis]'"
            raise ConfigurationError(f"The counters on a server cannot be used. {wanted}") from None
        self._here = MemoryCounters()
        self._again = 0.0

    @property
    def base_exceptions(self) -> type[Exception]:
        """Part of the library's interface."""
        return StorageError

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Count, and tell the sum. `expiry` is in how many seconds a new counter ends."""
        return self._asked(lambda at: at.incr(key, expiry, amount))

    def get(self, key: str) -> int:
        """The count; 0 if there is none."""
        return self._asked(lambda at: at.get(key))

    def get_expiry(self, key: str) -> float:
        """When the counter ends, on the machine's clock; now if there is none."""
        return self._asked(lambda at: at.get_expiry(key))

    def clear(self, key: str) -> None:
        """Forget the counter."""
        self._asked(lambda at: at.clear(key))

    def is_idle(self) -> bool:
        """Nobody knows."""
        return False

    def check(self) -> bool:
        """Whether the server answers."""
        return bool(self._server.check())

    def reset(self) -> int | None:
        """Forget all counters."""
        return self._asked(lambda at: at.reset())

    def _asked(self, ask: Callable[[Storage], T]) -> T:
        if time.monotonic() >= self._again:
            try:
                return ask(self._server)
            except StorageError as problem:
                self._again = time.monotonic() + WITHOUT_REDIS_SECONDS
                kind = type(problem.storage_error).__name__
                log.warning("the counters' server does not answer: %s", kind)
        return ask(self._here)
