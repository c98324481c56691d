"""The served WSGI application, its callbacks, and listen addresses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication, WSGIEnvironment

ErrorBody = Callable[[str, str], tuple[str, bytes]]
"""(description, query string) -> content type and body of a 400 or 500."""


def plain_text_error(description: str, query: str) -> tuple[str, bytes]:
    """The default ErrorBody."""
    return "text/plain", f"{description}\n".encode()


def _ignore(*_: object) -> None:
    pass


@dataclass(frozen=True)
class Guest:
    """A WSGI application and, if wanted, callbacks of the server.

    `side_app` answers on the second address, for monitoring. `on_malformed(reason)` is called for
    bytes that are not an HTTP request, `on_abort(environ, reason)` before the server aborts a
    streamed answer, `on_heartbeat(connections, is_stopping)` about once a second, and `on_stop()`
    after the last answer."""

    app: WSGIApplication
    error_body: ErrorBody = plain_text_error
    on_malformed: Callable[[str], object] = _ignore
    on_abort: Callable[[WSGIEnvironment, str], object] = _ignore
    side_app: WSGIApplication | None = None
    on_heartbeat: Callable[[int, bool], object] = _ignore
    on_stop: Callable[[], object] = _ignore


class ListenAddress(NamedTuple):
    """A host and port to listen on. `options` names the command line's options for error messages;
    `announcement` is printed once, with the URL in place of `{}`."""

    host: str
    port: int
    options: str = "--port or --host"
    announcement: str = "boxis-gateway listens on {}"

    def url(self, port: int) -> str:
        """The root URL at the port that was bound."""
        return f"http://{self.bracketed_host}:{port}/"

    @property
    def bracketed_host(self) -> str:
        """The host as in a URL (RFC 3986, 3.2.2)."""
        return f"[{self.host}]" if ":" in self.host else self.host

    def __str__(self) -> str:
        return f"{self.bracketed_host}:{self.port}"
