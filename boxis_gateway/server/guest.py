"""The guest of a server process: a WSGI application, and callbacks for the rest of its life."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication, WSGIEnvironment

Refuse = Callable[[str, str], tuple[str, bytes]]
"""(what is wrong, query string) -> content type and body of a 400 or 500."""


def refuse_in_plain_text(description: str, query: str) -> tuple[str, bytes]:
    """The default body of a 400 or 500."""
    return "text/plain", f"{description}\n".encode()


def _ignore(*_: object) -> None:
    pass


@dataclass(frozen=True)
class Guest:
    """An application alone is enough. `side_app` answers on the second address. `malformed(reason)`
    is called for bytes that are no HTTP request, `broken_off(environ, reason)` when the server cuts
    a streamed answer short, `heartbeat(connections, is_stopping)` every second or so."""

    app: WSGIApplication
    refuse: Refuse = refuse_in_plain_text
    malformed: Callable[[str], object] = _ignore
    broken_off: Callable[[WSGIEnvironment, str], object] = _ignore
    side_app: WSGIApplication | None = None
    heartbeat: Callable[[int, bool], object] = _ignore


class Address(NamedTuple):
    """An address to listen on; `option` names the command line's options, `announcement` is
    printed once with the URL in place of `{}`."""

    host: str
    port: int
    option: str = "--port or --host"
    announcement: str = "boxis-gateway listens on {}"

    def url(self, port: int) -> str:
        """The root URL at the port that was bound."""
        return f"http://{self.bracketed_host}:{port}/"

    @property
    def bracketed_host(self) -> str:
        """The host as it stands in a URL (RFC 3986, 3.2.2)."""
        return f"[{self.host}]" if ":" in self.host else self.host

    def __str__(self) -> str:
        return f"{self.bracketed_host}:{self.port}"
