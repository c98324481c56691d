"""An application with nothing in it, to compare servers; on the gateway's server with `-m`.

    PORT=8123 python -m benchmarks.peers.plain

`POST /` answers two kilobytes; `GET /long` some gigabytes; `GET /cut` raises in mid-answer.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from flask import Flask, Response

from benchmarks.peers.own_server import serve
from boxis_gateway.settings import Settings

app = Flask(__name__)


@app.post("/")
def short() -> Response:
    """An answer of the size of ten rows."""
    return Response(b"x" * 2000, content_type="text/xml")


@app.get("/long")
def long() -> Iterator[bytes]:
    """An answer that nobody reads to its end."""
    return (b"x" * 65_536 for _ in range(50_000))


@app.get("/cut")
def cut() -> Iterator[bytes]:
    """An answer that fails half-way."""
    for number in range(20):
        if number == 10:
            raise RuntimeError("on purpose")
        yield b"x" * 65_536


if __name__ == "__main__":
    serve(Settings(port=int(os.environ["PORT"]), workers=1), lambda: app)
