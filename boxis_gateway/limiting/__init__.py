"""What holds up abuse: how often may be asked, and how often in vain. No HTTP here.

The doors ask a Limiter; where it counts is in tables.py.
"""

from __future__ import annotations

from boxis_gateway.limiting.lockouts import Attempt, Lockouts, attempt_of
from boxis_gateway.limiting.rates import Rates
from boxis_gateway.limiting.replays import Replays
from boxis_gateway.limiting.streams import Streams
from boxis_gateway.limiting.tables import Tables, tables_at
from boxis_gateway.networks import site_of
from boxis_gateway.settings import Settings

__all__ = ["Attempt", "Limiter", "Lockouts", "Tables", "attempt_of", "tables_at"]


class Limiter:
    """The limits of a server."""

    def __init__(self, settings: Settings, tables: Tables) -> None:
        self._settings = settings
        self._rates = Rates(tables.requests)
        self.lockouts = Lockouts(tables, settings.free_failures, settings.longest_lockout_seconds)
        self.replays = Replays(tables)
        self.streams = Streams()

    def admit(self, address: str) -> None:
        """A request from that address, whoever it is of. Raises LimitReached."""
        settings = self._settings
        if settings.address_rate != "off":
            self._rates.count(settings.address_rate, "address", site_of(address))
        if settings.server_rate != "off":
            self._rates.count(settings.server_rate, "server")

    def admit_account(self, settings: Settings, door: str, whose: object) -> None:
        """A request of that account or employee. Raises LimitReached."""
        if settings.account_rate != "off":
            self._rates.count(settings.account_rate, "account", door, str(whose))
