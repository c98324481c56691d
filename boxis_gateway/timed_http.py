"""HTTP requests that end: a whole answer has a limit of time, and errors show no secrets.

The time-outs of sockets hold for each octet alone, so a server that sends one now and then would
keep a client for ever.
"""

from __future__ import annotations

import socket
import ssl
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from http.client import HTTPConnection, HTTPSConnection
from threading import Timer
from typing import Any
from urllib.parse import urlsplit, urlunsplit


class Deadline:
    """A time after which sockets are shut down, in a thread of its own; then `is_over`."""

    def __init__(self, seconds: float) -> None:
        self.is_over = False
        self._sockets: list[socket.socket] = []
        self._timer = Timer(seconds, self._end)
        self._timer.daemon = True

    def __enter__(self) -> Deadline:
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()

    def watch(self, connected: socket.socket) -> None:
        """Shut this socket down, too."""
        self._sockets.append(connected)
        if self.is_over:
            self._end()

    def _end(self) -> None:
        self.is_over = True
        for connected in self._sockets:
            with suppress(OSError):  # it may be closed
                socket.socket.shutdown(connected, socket.SHUT_RDWR)


@contextmanager
def open_timed(
    request: urllib.request.Request, octet_seconds: float, deadline: Deadline, *, redirects: bool
) -> Iterator[Any]:
    """The response. Raises what urllib.request does, which means the deadline if it `is_over`."""
    handlers: list[Any] = [_Http(deadline), _Https(deadline)]
    if not redirects:
        handlers.append(_NoRedirects())
    with urllib.request.build_opener(*handlers).open(request, timeout=octet_seconds) as response:
        yield response


def shown_url(url: str) -> str:
    """The URL without user, password and query, for error messages."""
    try:
        parts = urlsplit(url)
        netloc = parts.netloc.rpartition("@")[2]
        if not netloc:
            return "The address"
        return urlunsplit((parts.scheme, netloc, parts.path, "", ""))
    except ValueError:
        return "The address"


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Returns a redirect as the response that it is."""

    def redirect_request(self, *arguments: Any) -> None:
        """None, which HTTPRedirectHandler takes for "do not follow"."""


class _Http(urllib.request.HTTPHandler):
    def __init__(self, deadline: Deadline) -> None:
        super().__init__()
        self._connect = partial(_watched, HTTPConnection, deadline)

    def http_open(self, req: urllib.request.Request) -> Any:
        return self.do_open(self._connect, req)


class _Https(urllib.request.HTTPSHandler):
    def __init__(self, deadline: Deadline) -> None:
        context = ssl.create_default_context()
        super().__init__(context=context)
        self._connect = partial(_watched, HTTPSConnection, deadline, context=context)

    def https_open(self, req: urllib.request.Request) -> Any:
        return self.do_open(self._connect, req)


def _watched(
    kind: Callable[..., HTTPConnection], deadline: Deadline, *args: Any, **options: Any
) -> HTTPConnection:
    """A connection whose socket the deadline watches from its first octet."""
    connection = kind(*args, **options)
    connect = connection._create_connection  # type: ignore[attr-defined]

    def create(*where: Any, **how: Any) -> socket.socket:
        made: socket.socket = connect(*where, **how)
        deadline.watch(made)
        return made

    connection._create_connection = create  # type: ignore[attr-defined]
    return connection
