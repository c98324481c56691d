"""Counters shared by processes, or through Redis by machines."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from boxis_gateway.limiting.memory_counters import Counters, MemoryCounters
from boxis_gateway.limiting.redis_counters import RedisCounters

MEMORY = "memory"
REPLAY_BUCKETS = 32_768


@dataclass
class SharedCounters:
    """Counters by purpose. Make them before the server forks its processes.

    `created_at` is in Unix seconds: replays of requests before that cannot be detected."""

    requests: Counters = field(default_factory=MemoryCounters)
    failures: Counters = field(default_factory=MemoryCounters)
    locks: Counters = field(default_factory=MemoryCounters)
    successes: Counters = field(default_factory=MemoryCounters)
    replays: Counters = field(default_factory=lambda: MemoryCounters(buckets=REPLAY_BUCKETS))
    created_at: float = field(default_factory=time.time)


def shared_counters(location: str) -> SharedCounters:
    """Counters in `memory` or on a Redis server (`redis://…`). Raises ConfigurationError."""
    if location == MEMORY:
        return SharedCounters()
    names = ("requests", "failures", "locks", "successes", "replays")
    return SharedCounters(**{name: RedisCounters(location, name) for name in names}, created_at=0.0)
