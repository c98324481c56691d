"""What the guard counts: some requests in process, with a mark before each.

The guard runs this file under valgrind, in an empty folder; see guard.py. Whatever could make two
runs differ is fixed: data, clock, order of requests, and no garbage collector. The yardsticks use
nothing of this project.
"""

from __future__ import annotations

import gc
import hashlib
import io
import os
import sys
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import apsw
from flask import Flask, request

from boxis_gateway.app import create_app
from boxis_gateway.model import NewMessage
from boxis_gateway.settings import Settings
from boxis_gateway.store import Store

mark = os.ctermid
"""Calls a function of the C library that nothing else calls: valgrind sees it by name."""

WARM_UPS, ROUNDS = 20, 9
NOW = datetime(2012, 5, 9, 12, tzinfo=UTC)
USER_KEY = "0123456789abcdefABCDEF01"
PLAIN, ODD = ("boxis.net", "HQSMS", "Apteka 24"), ("boxis.net", "Żuk & Syn", 'Bar "U Ewy"')
ACCOUNTS = {"ten": (10, PLAIN), "hundred": (100, PLAIN), "odd": (100, ODD)}
"""User name -> (rows, senders)."""

Ask = Callable[[], bytes]


def main() -> None:
    """Print the names of the requests, and ask them in turns, ROUNDS times."""
    asks = {**yardsticks(), **requests(Store("sqlite:///store.db"))}
    print(*asks, sep="\n")
    for ask in asks.values():
        for _ in range(WARM_UPS):
            ask()
    gc.collect()
    gc.disable()
    for _ in range(ROUNDS):
        for ask in asks.values():
            mark()
            ask()
    mark()


def yardsticks() -> dict[str, Ask]:
    """A Flask view that reads the form and says a word, and 100 rows from SQLite into a text."""
    app = Flask("bare")
    app.add_url_rule("/", view_func=lambda: request.form["action"], methods=["POST"])
    return {
        "bare view": asking(app, form("ten"), b"getHistory"),
        "100 bare rows": bare_rows(100),
    }


def bare_rows(count: int) -> Ask:
    """The least that Python needs for so many rows of a history."""
    database = apsw.Connection(":memory:")
    database.execute("CREATE TABLE row (id INTEGER PRIMARY KEY, a, b, c, d, e, f)")
    rows = [("boxis.net", f"+485{n:08}", f"{NOW:%F %T}", 1, 1000, "sent") for n in range(count)]
    database.executemany("INSERT INTO row (a, b, c, d, e, f) VALUES (?, ?, ?, ?, ?, ?)", rows)
    template = "<row>" + "".join(f"<{field}>%s</{field}>" for field in "abcdef") + "</row>"

    def ask() -> bytes:
        found = database.execute("SELECT a, b, c, d, e, f FROM row ORDER BY id DESC").fetchall()
        return "".join([template % row for row in found]).encode()

    return ask


def requests(store: Store) -> dict[str, Ask]:
    """Requests to the application over a store of ACCOUNTS."""
    store.create()
    store.migrate()
    for username, (rows, senders) in ACCOUNTS.items():
        fill(store, username, rows, senders)
    app = create_app(store, Settings(), lambda: NOW)
    guessed = create_app(store, Settings(free_failures=1000), lambda: NOW)  # counts apart
    return {
        "10 rows, XML": asking(app, form("ten"), b"</sms10></history>"),
        "100 rows, XML": asking(app, form("hundred"), b"</sms100></history>"),
        "100 odd rows, XML": asking(app, form("odd"), b"</sms100></history>"),
        "10 rows, JSON": asking(app, form("ten", returntype="json"), b'"sms10":{'),
        "100 rows, JSON": asking(app, form("hundred", returntype="json"), b'"sms100":{'),
        "100 odd rows, JSON": asking(app, form("odd", returntype="json"), b'"sms100":{'),
        "wrong code": asking(guessed, form("ten", authcode="0" * 32), b"'authcode' is not valid"),
    }


def fill(store: Store, username: str, rows: int, senders: tuple[str, ...]) -> None:
    """An account in Warsaw with that many messages; only their times are in order."""
    account = store.accounts.add(username, USER_KEY, NOW, options={"timezone": "Europe/Warsaw"})
    messages = [
        NewMessage(
            recipient=f"+485{n * 48_271 % 99_999_989:08}",
            sender=senders[n % len(senders)],
            sent_at=f"{NOW - timedelta(seconds=37 * n):%Y-%m-%d %H:%M:%S}",
        )
        for n in range(rows)
    ]
    store.additions.add(account.id, list(enumerate(messages)))


def form(username: str, **fields: str) -> bytes:
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


def asking(app: Callable[..., Iterable[bytes]], body: bytes, expected: bytes) -> Ask:
    """POST the body as a WSGI server would. Raises SystemExit if the answer isn't the expected."""
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

    def ask() -> bytes:
        pieces = app({**environ, "wsgi.input": io.BytesIO(body)}, lambda *_: None)
        answer = b"".join(pieces)
        getattr(pieces, "close", lambda: None)()
        return answer

    answer = ask()
    if expected not in answer:
        sys.exit(f"expected {expected!r} in the answer {answer[:500]!r}")
    return ask


if __name__ == "__main__":
    main()
