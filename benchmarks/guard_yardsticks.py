"""Yardsticks of the guard: a bare Flask view, and 100 bare rows of SQLite.

They run in a process of their own, without this project's modules: the classes that are loaded
before decide which lookups collide in the interpreter's caches, and so move a view by up to one
bare row. guard_requests.py has the same loop for the project's requests.
"""

from __future__ import annotations

import gc
import hashlib
import io
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import apsw
from flask import Flask, request

mark = os.ctermid
"""Calls a function of the C library that nothing else calls: valgrind recognizes it by name."""

WARM_UPS, ROUNDS = 20, 9
NOW = datetime(2012, 5, 9, 12, tzinfo=UTC)
USER_KEY = "0123456789abcdefABCDEF01"

Send = Callable[[], bytes]
"""Send a request; the answer."""


def run(requests: Mapping[str, Send]) -> None:
    """Print the names of the requests, and send them in turns, ROUNDS times, each after a mark."""
    print(*requests, sep="\n")
    for send in requests.values():
        for _ in range(WARM_UPS):
            send()
    gc.collect()
    gc.disable()
    for _ in range(ROUNDS):
        for send in requests.values():
            mark()
            send()
    mark()


def bare_view() -> Send:
    """A Flask view that reads the form and answers a word of it."""
    app = Flask("bare")
    app.add_url_rule("/", view_func=lambda: request.form["action"], methods=["POST"])
    return posting(app, signed_form("ten"), b"getHistory")


def bare_rows(count: int) -> Send:
    """The least that Python needs for so many rows of a history."""
    database = apsw.Connection(":memory:")
    database.execute("CREATE TABLE row (id INTEGER PRIMARY KEY, a, b, c, d, e, f)")
    rows = [("boxis.net", f"+485{n:08}", f"{NOW:%F %T}", 1, 1000, "sent") for n in range(count)]
    database.executemany("INSERT INTO row (a, b, c, d, e, f) VALUES (?, ?, ?, ?, ?, ?)", rows)
    template = "<row>" + "".join(f"<{field}>%s</{field}>" for field in "abcdef") + "</row>"

    def send() -> bytes:
        rows = database.execute("SELECT a, b, c, d, e, f FROM row ORDER BY id DESC").fetchall()
        return "".join([template % row for row in rows]).encode()

    return send


def signed_form(username: str, **fields: str) -> bytes:
    """The body of a signed getHistory."""
    timestamp = str(int(NOW.timestamp()))
    signed = {
        "version": "1.0",
        "username": username,
        "timestamp": timestamp,
        "authcode": hashlib.md5((timestamp + USER_KEY).encode()).hexdigest(),
        "section": "sms",
        "action": "getHistory",
    }
    return urlencode(signed | fields).encode()


def posting(app: Callable[..., Iterable[bytes]], body: bytes, expected: bytes) -> Send:
    """POST the body as a WSGI server would. Raises SystemExit if the answer lacks the expected."""
    environ: dict[str, Any] = {
        "REQUEST_METHOD": "POST",
        "SCRIPT_NAME": "",
        "PATH_INFO": "/",
        "QUERY_STRING": "",
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_HOST": "localhost",
        "CONTENT_TYPE": "application/x-www-form-urlencoded",
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.url_scheme": "http",
        "wsgi.errors": sys.stderr,
    }

    def send() -> bytes:
        pieces = app({**environ, "wsgi.input": io.BytesIO(body)}, lambda *_: None)
        answer = b"".join(pieces)
        getattr(pieces, "close", lambda: None)()
        return answer

    answer = send()
    if expected not in answer:
        sys.exit(f"expected {expected!r} in the answer {answer[:500]!r}")
    return send


if __name__ == "__main__":
    run({"bare view": bare_view(), "100 bare rows": bare_rows(100)})
