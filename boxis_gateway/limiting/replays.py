"""Requests that come again: the memory of those that were answered (protocol page, section 3).

The signature is of the timestamp alone, so whoever listens on the way can use it until the window
closes. Documented clients may repeat a request within a second, which is why this is an option.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import datetime
from hashlib import sha256

from boxis_gateway.errors import Replayed
from boxis_gateway.limiting.shared_counters import SharedCounters
from boxis_gateway.settings import Settings

log = logging.getLogger(__name__)


class ReplayProtection:
    """Remembers requests for as long as their timestamps are good."""

    def __init__(self, tables: SharedCounters) -> None:
        self._used, self._born = tables.replays, tables.born

    def check(
        self,
        settings: Settings,
        account_id: int,
        timestamp: str,
        asked: Iterable[str],
        now: datetime,
    ) -> None:
        """A request of the account, valid otherwise; `asked` are section, action and parameters.

        Raises Replayed for one that came before, or that may have come before the server began, if
        the account's `replay` is `enforce`; if it is `warn`, that is logged."""
        window = settings.timestamp_window_seconds
        left = int(timestamp) + window - now.timestamp() + 1
        words = (str(account_id), timestamp, *asked)
        key = sha256("\0".join(words).encode("utf-8", "surrogatepass")).hexdigest()[:32]
        again = self._used.incr(key, int(max(1, left))) > 1
        if settings.replay == "warn" and again:
            log.warning("account=%d sent a request again", account_id)
        elif settings.replay == "enforce" and (again or int(timestamp) < int(self._born)):
            raise Replayed
