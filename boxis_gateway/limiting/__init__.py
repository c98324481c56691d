"""What holds up abuse: how often may be asked, and how often in vain. No HTTP here.

The APIs ask a Limiter; where it counts is in tables.py.
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
    """The limits of a server."""

    def __init__(self, settings: Settings, tables: SharedCounters) -> None:
        self._settings = settings
        self._rates = RateLimits(tables.requests)
        self.lockouts = Lockouts(tables, settings.free_failures, settings.longest_lockout_seconds)
        self.replays = ReplayProtection(tables)
        self.streams = StreamLimit()

    def admit(self, address: str) -> None:
        """A request from that address, whoever it is of. Raises LimitReached."""
        settings = self._settings
        if settings.address_rate != "off":
            self._rates.count(settings.address_rate, "address", client_network(address))
        if settings.server_rate != "off":
            self._rates.count(settings.server_rate, "server")

    def admit_account(self, settings: Settings, api: str, whose: object) -> None:
        """A request of that account or employee. Raises LimitReached."""
        if settings.account_rate != "off":
            self._rates.count(settings.account_rate, "account", api, str(whose))
