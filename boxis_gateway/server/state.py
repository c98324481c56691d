"""State of a server process: what its connections share, and an answer under way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from boxis_gateway.server.guest import Guest
from boxis_gateway.server.turns import Turns
from boxis_gateway.settings import Settings

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment


class Client(Protocol):
    """A connection, as the process sees it."""

    def sweep(self, now: float) -> None:
        """Close if a deadline has passed; `now` is monotonic."""

    def give_way(self) -> None:
        """Close for another client."""

    def stop(self) -> None:
        """Take no more requests."""

    def break_off(self, reason: str) -> None:
        """Reset the connection."""


@dataclass
class ServerState:
    """State that the connections to one address share."""

    guest: Guest
    settings: Settings
    turns: Turns
    stopping: bool = False
    connections: set[Client] = field(default_factory=set)
    waiting: dict[Client, None] = field(default_factory=dict)
    """Connections that wait for their client, the longest first."""


@dataclass
class Stream:
    """An answer under way."""

    pieces: Iterator[bytes]
    close: Callable[[], object]
    chunked: bool
    keep_alive: bool
    deadline: float
    environ: WSGIEnvironment
