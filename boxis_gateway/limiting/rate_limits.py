"""How often may be asked: rates such as `600/minute`, by the library `limits`."""

from __future__ import annotations

import time
from functools import lru_cache

from limits import RateLimitItem, parse_many
from limits.storage import Storage
from limits.strategies import FixedWindowRateLimiter

from boxis_gateway.errors import LimitReached


class RateLimits:
    """Counts requests in windows that begin with the first of them."""

    def __init__(self, counters: Storage) -> None:
        self._counters = counters
        self._windows = FixedWindowRateLimiter(counters)

    def count(self, rates: str, reason: str, *whose: str) -> None:
        """A request more. Raises LimitReached if that is too many for one of the rates."""
        for rate in rates_of(rates):
            if not self._windows.hit(rate, reason, *whose):
                ends = self._windows.get_window_stats(rate, reason, *whose).reset_time
                raise LimitReached(reason, whole_seconds(ends - time.time()))


@lru_cache(maxsize=1024)
def rates_of(text: str) -> tuple[RateLimitItem, ...]:
    """RateLimits with semicolons between them: `20/second;600/minute`; none if it is `off`."""
    return () if text == "off" else tuple(parse_many(text))


def whole_seconds(seconds: float) -> int:
    """Rounded up; at least one."""
    return max(1, int(-(-seconds // 1)))
