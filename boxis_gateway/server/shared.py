"""What the connections of a process have in common, and what one is in the midst of."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from boxis_gateway.server.turns import Turns
from boxis_gateway.settings import Settings
from boxis_gateway.watching import Seen

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

    from boxis_gateway.server.connection import Connection

Refusal = Callable[[str, str], tuple[str, bytes]]
"""(what is wrong, query string) -> content type and body of the answer."""


@dataclass
class Shared:
    """What the connections of a process have in common."""

    app: WSGIApplication
    refusal: Refusal
    settings: Settings
    turns: Turns
    tell_fault: Callable[[str], object] = lambda fault: None  # of bytes that are no request
    stopping: bool = False
    connections: set[Connection] = field(default_factory=set)
    waiting: dict[Connection, None] = field(default_factory=dict)
    """Those that wait for their client, the longest first."""


@dataclass
class Stream:
    """An answer under way."""

    pieces: Iterator[bytes]
    close: Callable[[], object]
    chunked: bool
    keep_alive: bool
    deadline: float
    seen: Seen | None
