"""Rate limits, lockouts, replay protection, stream limit; no HTTP.

The APIs call a Limiter; shared_counters.py has what it counts in.
"""

from __future__ import annotations

from boxis_gateway.limiting.lockouts import Attempt, Lockouts, attempt_of
from boxis_gateway.limiting.rate_limits import RateLimits
from boxis_gateway.limiting.replays import ReplayProtection
from boxis_gateway.limiting.shared_counters import SharedCounters, shared_counters
from boxis_gateway.limiting.stream_limit import StreamLimit
from boxis_gateway.networks import client_network
from boxis_gateway.settings import Settings

__all__ = ["Attempt", "Limiter", "Lockouts", "SharedCounters", "attempt_of", "shared_counters"]


class Limiter:
    """All limits of a server."""

    def __init__(self, settings: Settings, counters: SharedCounters) -> None:
        self._settings = settings
        self._rates = RateLimits(counters.requests)
        self.lockouts = Lockouts(counters, settings.free_failures, settings.longest_lockout_seconds)
        self.replays = ReplayProtection(counters)
        half = settings.max_connections // 2  # streams are not evicted: others need room
        self.streams = StreamLimit(min(settings.max_process_streams, half))

    def admit(self, address: str) -> None:
        """Count a request from a client address. Raises LimitReached."""
        settings = self._settings
        if settings.address_rate != "off":
            self._rates.hit(settings.address_rate, "address", client_network(address))
        if settings.server_rate != "off":
            self._rates.hit(settings.server_rate, "server")

    def admit_account(self, settings: Settings, api: str, user_id: object) -> None:
        """Count a request of an account or employee. Raises LimitReached."""
        if settings.account_rate != "off":
            self._rates.hit(settings.account_rate, "account", api, str(user_id))
