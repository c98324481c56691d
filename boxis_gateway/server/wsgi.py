"""Requests to WSGI environs, and WSGI answers to HTTP (PEP 3333)."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Iterable, Iterator
from email.utils import formatdate
from functools import lru_cache
from itertools import chain
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes

import httptools

from boxis_gateway.server.requests import Request

if TYPE_CHECKING:
    pass

Environ = dict[str, Any]
CACHED_NAME_BYTES = 64  # of a header; strangers choose what is kept
UNPREFIXED = {"CONTENT_TYPE", "CONTENT_LENGTH"}
Answer = tuple[bytes | None, Iterator[bytes], Callable[[], object]]
"""The whole body, or None if it streams, as all do but lists of a known length; its pieces; and the
function that closes it, which is called already for a whole body."""


class StartResponse:
    """Status and headers of an answer, as the application sets them."""

    def __init__(self) -> None:
        self.status = "500 Internal Server Error"
        self.headers: list[tuple[str, str]] = []
        self.written: list[bytes] = []

    def __call__(
        self, status: str, headers: list[tuple[str, str]], exc_info: Any = None, /
    ) -> Callable[[bytes], object]:
        """Set status and headers; the last call counts. Returns WSGI's legacy `write`, whose pieces
        go before those of the body."""
        self.status, self.headers = status, headers
        return self.written.append

    @property
    def has_no_body(self) -> bool:
        """True for a status whose answers have no body (RFC 9112, 6.3)."""
        return self.status[:3] in ("204", "304")

    @property
    def length_is_known(self) -> bool:
        """True if the application has set `Content-Length`."""
        return any(name.lower() == "content-length" for name, _ in self.headers)

    def head(self, now: int, *framing: str) -> bytes:
        """Status line and headers, with `framing` lines of the connection. The server's `Date` (RFC
        9110, 6.6.1) replaces the application's."""
        own = [f"{name}: {value}" for name, value in self.headers if name.lower() != "date"]
        lines = [f"HTTP/1.1 {self.status}", *own, f"Date: {_http_date(now)}", *framing, "\r\n"]
        return "\r\n".join(lines).encode("latin-1")


def base_environ(server: tuple[str, int], client: str) -> Environ:
    """Entries that all requests of a connection share."""
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
    """A request's environ: `base` and its own entries."""
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
        find_key = _environ_key if len(name) <= CACHED_NAME_BYTES else _environ_key.__wrapped__
        key, text = find_key(name), value.decode("latin-1")
        if key in environ:  # a repeated header is one list of values (RFC 9110, 5.3)
            text = f"{environ[key]},{text}"
        if key:
            environ[key] = text
    return environ


def split_target(target: bytes) -> tuple[str, str]:
    """Unquoted path and query of a request target, as Latin-1 texts; also of a target with scheme
    and host. Both are empty for a target that is not a URL (`*`)."""
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
    """A header's key in the environ; "" for a name with `_`, which could pose as another header."""
    if b"_" in name:
        return ""
    key = name.decode("latin-1").upper().replace("-", "_")
    return key if key in UNPREFIXED else f"HTTP_{key}"


@lru_cache(maxsize=2)
def _http_date(now: int) -> str:
    return formatdate(now, usegmt=True)


def read_body(body: Iterable[bytes], environ: Environ, start: StartResponse) -> Answer:
    """Read the application's answer."""
    close = getattr(body, "close", lambda: None)
    pieces = chain(start.written, body)
    if environ["REQUEST_METHOD"] == "HEAD" or start.has_no_body:
        return _joined((), close), pieces, close
    is_whole = start.length_is_known and isinstance(body, list)
    return (_joined(pieces, close) if is_whole else None), pieces, close


def _joined(pieces: Iterable[bytes], close: Callable[[], object]) -> bytes:
    try:
        return b"".join(pieces)
    finally:
        close()
