"""State of a server process: its connections, and streams in progress."""

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

    def check_deadlines(self, now: float) -> None:
        """Close if a deadline has passed; `now` is monotonic."""

    def evict(self) -> None:
        """Close in favour of another client."""

    def shut_down(self) -> None:
        """Close if no request or answer is in progress; called again until it is."""

    def abort(self, reason: str) -> None:
        """Reset the connection."""


@dataclass
class ServerState:
    """State shared by the connections to one address."""

    guest: Guest
    settings: Settings
    turns: Turns
    stopping: bool = False
    connections: set[Client] = field(default_factory=set)
    idle: dict[Client, None] = field(default_factory=dict)
    """Connections that wait for their client, the longest first."""


@dataclass
class Stream:
    """A streamed answer in progress."""

    pieces: Iterator[bytes]
    close: Callable[[], object]
    chunked: bool
    keep_alive: bool
    deadline: float
    environ: WSGIEnvironment
