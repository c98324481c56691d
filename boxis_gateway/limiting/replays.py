"""Replay protection: each signed request is answered once.

The authcode signs the timestamp alone (protocol page, section 3), so an eavesdropper can use it
until the clock window closes. It is an option, as documented clients may repeat a request within a
second.
"""

from __future__ import annotations

import logging
from collections.abc import Hashable
from datetime import datetime
from hashlib import sha256

from boxis_gateway.errors import Replayed
from boxis_gateway.limiting.shared_counters import SharedCounters
from boxis_gateway.settings import Settings

log = logging.getLogger(__name__)


class ReplayProtection:
    """Remembers requests for as long as their timestamps are valid."""

    def __init__(self, counters: SharedCounters) -> None:
        self._requests, self._started_at = counters.replays, counters.created_at

    def check(
        self,
        settings: Settings,
        account_id: int,
        timestamp: str,
        request: Hashable,
        now: datetime,
    ) -> None:
        """Count a valid request: `request` is its section, action and parameters, as texts in
        tuples.

        With `replay=warn` a repeated request is logged. With `replay=enforce` it raises Replayed;
        so does one that may have been answered before the server started."""
        window = settings.timestamp_window_seconds
        seconds_left = int(timestamp) + window - now.timestamp() + 1
        words = repr((account_id, timestamp, request))  # one text for each, however they nest
        key = sha256(words.encode()).hexdigest()[:32]
        repeated = self._requests.incr(key, int(max(1, seconds_left))) > 1
        if settings.replay == "warn" and repeated:
            log.warning("account=%d repeated a request", account_id)
        elif settings.replay == "enforce" and (repeated or int(timestamp) < int(self._started_at)):
            raise Replayed
