"""The whole application, both APIs: a request as HTTP writes it, with bare line feeds.

`@signed` stands for what a form needs to be let in, `@sms` for the id of a message; `owner` and
`admin` are tokens. Every answer is an envelope or a JSON object, and none is a failure of ours.
What a request changes is undone before the next.
"""

from __future__ import annotations

import json
import logging
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any
from unittest.mock import patch
from urllib.parse import urlencode

import apsw
from lxml import etree

from boxis_gateway.app import create_app
from boxis_gateway.levels import Level
from boxis_gateway.rest_api import auth
from boxis_gateway.rest_api.auth import token_digest
from boxis_gateway.rest_api.resources import RESOURCES
from boxis_gateway.server.requests import Request
from boxis_gateway.server.wsgi import StartResponse, base_environ, environ_of, split_target
from boxis_gateway.settings import Settings
from boxis_gateway.store import Store
from tests.support.example_account import NOW, USER_KEY, USERNAME, add_messages, signed
from tests.support.stores import SqliteStores
from tests.test_wire import EXCHANGES, load

PASSWORD = "a password of tests"
SIGNED = urlencode(signed(int(NOW.timestamp()), {})).encode()
BASE = base_environ(("127.0.0.1", 80), "127.0.0.1")
SETTINGS = Settings(
    longest_lockout_seconds=0,  # the clock stands still
    trusted_proxies="127.0.0.1",
    cors_origins="https://app.example.com",
)
REST = {one.path.split("/")[1] for one in RESOURCES}
PAGES = ("openapi.json", "docs")
WORDS = (
    *("@signed", "owner", "admin", "@sms", "POST /", "GET /sms?token=owner", "returntype=json"),
    *{one.path for one in RESOURCES},
    *{name for one in RESOURCES for name in one.params.fields},
    *("datefrom=2012-05-09 10:28", "dateto=", "HEAD", "OPTIONS", "DELETE", "%00", "\n\n"),
    *("Content-Type: application/json\n", "Authorization: Bearer owner\n", "Cookie: token=owner"),
    *("X-Forwarded-For: 192.0.2.1, 2001:db8::7\n", "Origin: https://app.example.com\n"),
)


LOG = logging.getLogger("boxis_gateway")


class Faults(logging.Handler):
    """Keeps what the application says of faults of its own, and from whoever else listens."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """See Handler."""
        if record.exc_info:
            self.found.append(logging.Formatter().format(record))

    @contextmanager
    def heard(self) -> Iterator[None]:
        """Meanwhile, from no fault on."""
        self.found.clear()
        propagate, LOG.propagate = LOG.propagate, False
        LOG.addHandler(self)
        yield
        LOG.removeHandler(self)
        LOG.propagate = propagate


class Gateway:
    """A store with something of everything in it, and the application over it."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory()
        path = Path(self._folder.name) / "store.db"
        self.store = SqliteStores(path.parent).make(path)
        self.sms = fill(self.store)
        self.store.close()
        self._pristine, self._watcher = apsw.Connection(":memory:"), apsw.Connection(str(path))
        self._copy(self._watcher, self._pristine)
        self._version = self._data_version()
        self.app = create_app(self.store, SETTINGS, lambda: NOW)
        self.faults = Faults()

    def answer(self, request: Request) -> tuple[StartResponse, bytes]:
        """What is answered. A password costs no time here, and what is changed is undone."""
        start = StartResponse()
        with self.faults.heard(), patch.object(auth, "verify_password", verify_password):
            answer = self.app(environ_of(request, BASE), start)
            body = b"".join((*start.written, *answer))
            getattr(answer, "close", lambda: None)()
        self._undo()
        assert not self.faults.found, self.faults.found[0]
        return start, body

    def _undo(self) -> None:
        if self._data_version() != self._version:
            self._copy(self._pristine, self._watcher)
            self._version = self._data_version()

    def _data_version(self) -> Any:
        return self._watcher.pragma("data_version")

    @staticmethod
    def _copy(source: apsw.Connection, target: apsw.Connection) -> None:
        with target.backup("main", source, "main") as backup:
            backup.step()


def verify_password(password_hash: str | None, password: str) -> bool:
    """In place of Argon2."""
    return password_hash == "of tests" and password == PASSWORD


def fill(store: Store) -> str:
    """Messages, an employee with a password, two with tokens (their names); the id of a message."""
    account = store.accounts.add(USERNAME, USER_KEY, NOW)
    rows = [one for name in EXCHANGES for one in load(name).get("messages", [])]
    add_messages(store, account, *rows)
    customer = store.customers.get(USERNAME)
    owner = store.employees.add(customer, "owner", "Owner", Level.OWNER, "of tests", NOW)
    admin = store.employees.add(customer, "admin", "Admin", Level.ADMIN, None, NOW)
    for one in (owner, admin):
        store.tokens.add(one, token_digest(one.username), NOW)
    ask = create_app(store, Settings(), lambda: NOW).test_client()
    answer: Any = ask.get("/sms", query_string={"token": "owner", "limit": "1"}).json
    return str(answer["messages"][0]["_id"])


@lru_cache(maxsize=1)
def gateway() -> Gateway:
    """There is one."""
    return Gateway()


def seeds() -> Iterator[bytes]:
    """The requests of tests/wire, and one to each address of the REST API."""
    for name in EXCHANGES:
        form = urlencode({k: v for k, v in load(name).get("form", {}).items() if v}).encode()
        yield b"POST /\n\n@signed&returntype=json&" + form
        yield b"GET /xmlapi.php?@signed&" + form + b"\n\n"
    for one in RESOURCES:
        path = one.path.replace("<employee_id>", "1").replace("<message_id>", "@sms")
        yield f"{one.method} {path}?token=owner\n\n".encode()
        names = dict.fromkeys(one.params.fields, "1") | {"username": "owner", "password": PASSWORD}
        yield f"{one.method} {path}?{urlencode(names)}&token=owner\n\n".encode()
        head = f"POST {path}\nContent-Type: application/json\nAuthorization: Bearer owner\n\n"
        yield (head + json.dumps(names)).encode()
        yield f"{one.method} {path}?token=admin\n\n".encode()
    yield b"GET /openapi.json\n\n"
    yield b"GET /ping?token=owner\nX-Forwarded-For: 192.0.2.1\nOrigin: https://app.example.com\n\n"


def check(octets: bytes) -> None:
    """See above."""
    request = request_of(octets)
    start, body = gateway().answer(request)
    assert USER_KEY.encode() not in body
    assert not any({"\r", "\n"} & {*name, *value} for name, value in start.headers)
    status, headers = int(start.status[:3]), dict(start.headers)
    first = split_target(request.target)[0].lstrip("/").partition("/")[0]
    if first in REST:
        check_rest(request, status, headers, body)
    elif first not in PAGES:
        check_form(request, status, headers, body)


def request_of(octets: bytes) -> Request:
    """The request that these describe."""
    octets = octets.replace(b"@signed", SIGNED).replace(b"@sms", gateway().sms.encode())
    head, _, body = octets.partition(b"\n\n")
    first, *lines = head.split(b"\n")
    method, _, target = first.partition(b" ")
    headers = [(name, value.strip()) for name, _, value in (line.partition(b":") for line in lines)]
    return Request(method.decode("latin-1"), target, "1.1", headers, body)


def check_form(request: Request, status: int, headers: dict[str, str], body: bytes) -> None:
    """An envelope; 404 for an address that nothing is at, else 200."""
    assert status in (200, 404), status
    if request.method == "HEAD":
        assert not body
    elif headers["Content-Type"] == "application/json":
        answer = json.loads(body)
        assert list(answer)[:2] == ["result", "resulttxt"]
        assert list(answer)[-1] == "timestamp"
        assert (answer["result"], answer["resulttxt"] == "success") in (("1", True), ("0", False))
        assert "internal error" not in answer["resulttxt"]
    else:
        tree = etree.fromstring(body)
        assert tree.tag == "return"
        assert tree.findtext("resulttxt") != "error: internal error"
        assert tree.findtext("timestamp") == str(int(NOW.timestamp()))


def check_rest(request: Request, status: int, headers: dict[str, str], body: bytes) -> None:
    """A JSON object, of a failure with the status in it; or nothing, or a file."""
    assert status < 500, status
    if status >= 400 and request.method != "HEAD" and body:
        answer = json.loads(body)
        assert answer["code"] == status
        assert answer["message"]
        assert answer["description"]
    elif headers.get("Content-Type") == "application/json" and request.method != "HEAD":
        assert isinstance(json.loads(body), dict)
