"""Parser of HTTP requests: the same in whatever pieces they arrive."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise
from random import Random
from zlib import crc32

from boxis_gateway.server.requests import Request, RequestReader
from boxis_gateway.server.wsgi import base_environ, environ_of
from tests.test_wire import EXCHANGES, to_send

WORDS = (
    "GET / HTTP/1.1\r\n",
    "POST /xmlapi.php HTTP/1.0\r\n",
    "Content-Length: ",
    "Transfer-Encoding: chunked\r\n",
    "Expect: 100-continue\r\n",
    "Connection: close\r\n",
    "Connection: Upgrade\r\nUpgrade: h2c\r\n",
    "\r\n\r\n",
    "0\r\n\r\n",
    "a_b: c\r\n",
    "\x00",
)
MOST_BODY = 64
BASE = base_environ(("127.0.0.1", 80), "127.0.0.1")


def seeds() -> Iterator[bytes]:
    """Yield the requests of tests/wire, whole and chunked, and one of an old client."""
    yield b"\r\nGET /?content=\xb3\xf3d\xbc HTTP/1.0\r\nHost: \xb3\r\n\r\n"
    for name in EXCHANGES:
        method, path, headers, body = to_send(name, "xml", 1336564800)
        first = f"{method} {path} HTTP/1.1\r\n".replace("@example.com", "").encode()
        kind = f"Content-Type: {headers.get('Content-Type', '')}\r\n".encode()
        yield first + kind + b"Content-Length: %d\r\n\r\n%b" % (len(body[:60]), body[:60])
        yield first + kind + b"Transfer-Encoding: chunked\r\n\r\n4\r\na=bc\r\n0\r\n\r\n"


def check(octets: bytes) -> None:
    """Check the properties above."""
    whole = read([octets])
    for request in whole:
        assert len(request.body) <= MOST_BODY + 1
        if not request.fault:
            environ_of(request, BASE)
    if octets.isascii() or len(whole) < 2:  # see RequestReader._quoted_line
        assert read(octets[at : at + 1] for at in range(len(octets))) == whole
        random = Random(crc32(octets))
        cuts = sorted(random.randrange(len(octets) + 1) for _ in range(3))
        assert read(octets[a:b] for a, b in pairwise([0, *cuts, len(octets)])) == whole


def read(pieces: Iterable[bytes]) -> list[Request]:
    """Parse the pieces and the end of input. Of a faulty request only the fault is returned, since
    the rest depends on the pieces."""
    reader, requests = RequestReader(MOST_BODY), []
    for piece in pieces:
        if piece and not reader.ended:
            requests += reader.feed(piece)
    requests += reader.end_of_input()
    return [Request(fault=each.fault) if each.fault else each for each in requests]
