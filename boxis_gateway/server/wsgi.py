"""What WSGI makes of a request and of an answer (PEP 3333). No socket here."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from email.utils import formatdate
from functools import lru_cache
from typing import Any
from urllib.parse import unquote_to_bytes

import httptools

from boxis_gateway.server.requests import Request

Environ = dict[str, Any]
UNPREFIXED = {"CONTENT_TYPE", "CONTENT_LENGTH"}


class StartResponse:
    """What the application is given to say status and headers with."""

    def __init__(self) -> None:
        self.status = "500 Internal Server Error"
        self.headers: list[tuple[str, str]] = []
        self.written: list[bytes] = []

    def __call__(
        self, status: str, headers: list[tuple[str, str]], exc_info: Any = None, /
    ) -> Callable[[bytes], object]:
        """The last call counts, as when a fault is noticed late. What is returned takes pieces that
        go before those of the answer: an old way that WSGI still has."""
        self.status, self.headers = status, headers
        return self.written.append

    @property
    def has_no_body(self) -> bool:
        """Whether answers of this status end with their head (RFC 9112, 6.3)."""
        return self.status[:3] in ("204", "304")

    @property
    def length_is_known(self) -> bool:
        """Whether the application said how long its answer is."""
        return any(name.lower() == "content-length" for name, _ in self.headers)

    def head(self, now: int, *framing: str) -> bytes:
        """Status line and headers; `framing` are the lines that belong to the connection. There is
        one date (RFC 9110, 6.6.1), whoever else gave one."""
        own = [f"{name}: {value}" for name, value in self.headers if name.lower() != "date"]
        lines = [f"HTTP/1.1 {self.status}", *own, f"Date: {_http_date(now)}", *framing, "\r\n"]
        return "\r\n".join(lines).encode("latin-1")


def base_environ(server: tuple[str, int], client: str) -> Environ:
    """What all requests of a connection share."""
    return {
        "SCRIPT_NAME": "",
        "SERVER_NAME": server[0],
        "SERVER_PORT": str(server[1]),
        "REMOTE_ADDR": client,
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.errors": sys.stderr,
        "wsgi.input_terminated": True,
        "wsgi.multithread": False,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }


def environ_of(request: Request, base: Environ) -> Environ:
    """The environ of a request; `base` is not changed."""
    path, query = split_target(request.target)
    environ = {
        **base,
        "REQUEST_METHOD": request.method,
        "SERVER_PROTOCOL": f"HTTP/{request.version}",
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "wsgi.input": io.BytesIO(request.body),
    }
    for name, value in request.headers:
        key, text = _environ_key(name), value.decode("latin-1")
        if key in environ:  # sent twice: one list of values (RFC 9110, 5.3)
            text = f"{environ[key]},{text}"
        if key:
            environ[key] = text
    return environ


def split_target(target: bytes) -> tuple[str, str]:
    """Path, unquoted, and query of a request target, each one character a byte; also of the form
    with a scheme and a host. Both are empty if it is no URL at all (`*`)."""
    if not target.startswith(b"/"):
        try:
            url = httptools.parse_url(target)
        except httptools.HttpParserInvalidURLError:
            return "", ""
        target = (url.path or b"") + (b"?" + url.query if url.query else b"")
    path, _, query = target.partition(b"?")
    if b"%" in path:
        path = unquote_to_bytes(path)
    return path.decode("latin-1"), query.decode("latin-1")


@lru_cache(maxsize=512)
def _environ_key(name: bytes) -> str:
    """A header's name in an environ; "" for one with an underscore, which would be taken for
    another header's."""
    if b"_" in name:
        return ""
    key = name.decode("latin-1").upper().replace("-", "_")
    return key if key in UNPREFIXED else f"HTTP_{key}"


@lru_cache(maxsize=2)
def _http_date(now: int) -> str:
    return formatdate(now, usegmt=True)
