"""Rate limits such as `600/minute`, by the library `limits`."""

from __future__ import annotations

import time
from functools import lru_cache

from limits import RateLimitItem, parse_many
from limits.storage import Storage
from limits.strategies import FixedWindowRateLimiter

from boxis_gateway.errors import LimitReached


class RateLimits:
    """Fixed windows; each begins with its first request."""

    def __init__(self, counters: Storage) -> None:
        self._limiter = FixedWindowRateLimiter(counters)

    def hit(self, rates: str, reason: str, *key: str) -> None:
        """Count a request of a client, named by `key`. Raises LimitReached beyond any rate."""
        for rate in _parsed(rates):
            if not self._limiter.hit(rate, reason, *key):
                reset = self._limiter.get_window_stats(rate, reason, *key).reset_time
                raise LimitReached(reason, whole_seconds(reset - time.time()))


@lru_cache(maxsize=1024)
def _parsed(rates: str) -> tuple[RateLimitItem, ...]:
    return tuple(parse_many(rates))


def whole_seconds(seconds: float) -> int:
    """Round up, to at least one."""
    return max(1, int(-(-seconds // 1)))
