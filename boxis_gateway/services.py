"""What both APIs work with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from boxis_gateway.limiting import Limiter
from boxis_gateway.settings import Settings
from boxis_gateway.store import Store

Clock = Callable[[], datetime]


@dataclass(frozen=True)
class Services:
    """A store, what is set, what limits there are, and what time it is (aware, UTC)."""

    store: Store
    settings: Settings
    limiter: Limiter
    clock: Clock
