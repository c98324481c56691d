"""Application with both APIs.

Input: an HTTP request with bare line feeds. `@signed` stands for the signature of a form, `@sms`
for the id of a message; `owner` and `admin` are tokens. Every answer is an envelope or a JSON
object, and none is an internal error. Changes of a request are undone before the next.
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
REST = {resource.path.split("/")[1] for resource in RESOURCES}
PAGES = ("openapi.json", "docs")
WORDS = (
    *("@signed", "owner", "admin", "@sms", "POST /", "GET /sms?token=owner", "returntype=json"),
    *{resource.path for resource in RESOURCES},
    *{name for resource in RESOURCES for name in resource.params.fields},
    *("datefrom=2012-05-09 10:28", "dateto=", "HEAD", "OPTIONS", "DELETE", "%00", "\n\n"),
    *("Content-Type: application/json\n", "Authorization: Bearer owner\n", "Cookie: token=owner"),
    *("X-Forwarded-For: 192.0.2.1, 2001:db8::7\n", "Origin: https://app.example.com\n"),
)


LOG = logging.getLogger("boxis_gateway")


class ErrorLog(logging.Handler):
    """Log handler that keeps the exceptions that the application logs."""

    def __init__(self) -> None:
        super().__init__()
        self.errors: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a record of an exception."""
        if record.exc_info:
            self.errors.append(logging.Formatter().format(record))

    @contextmanager
    def attached(self) -> Iterator[None]:
        """Collect errors inside the context; no other handler gets them."""
        self.errors.clear()
        propagate, LOG.propagate = LOG.propagate, False
        LOG.addHandler(self)
        yield
        LOG.removeHandler(self)
        LOG.propagate = propagate


class Gateway:
    """Application over a store with rows in every table."""

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
        self.log = ErrorLog()

    def answer(self, request: Request) -> tuple[StartResponse, bytes]:
        """Answer a request with a fast password hash, and undo its changes."""
        start = StartResponse()
        with self.log.attached(), patch.object(auth, "verify_password", verify_password):
            answer = self.app(environ_of(request, BASE), start)
            body = b"".join((*start.written, *answer))
            getattr(answer, "close", lambda: None)()
        self._undo()
        assert not self.log.errors, self.log.errors[0]
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
    """Check a password instead of Argon2."""
    return password_hash == "of tests" and password == PASSWORD


def fill(store: Store) -> str:
    """Add messages, and two employees with tokens (their names), one with a password; return the id
    of a message."""
    account = store.accounts.add(USERNAME, USER_KEY, NOW)
    rows = [row for name in EXCHANGES for row in load(name).get("messages", [])]
    add_messages(store, account, *rows)
    customer = store.customers.get(USERNAME)
    owner = store.employees.add(customer, "owner", "Owner", Level.OWNER, "of tests", NOW)
    admin = store.employees.add(customer, "admin", "Admin", Level.ADMIN, None, NOW)
    for employee in (owner, admin):
        store.tokens.add(employee, token_digest(employee.username), NOW)
    ask = create_app(store, Settings(), lambda: NOW).test_client()
    answer: Any = ask.get("/sms", query_string={"token": "owner", "limit": "1"}).json
    return str(answer["messages"][0]["_id"])


@lru_cache(maxsize=1)
def gateway() -> Gateway:
    """Create the gateway once."""
    return Gateway()


def seeds() -> Iterator[bytes]:
    """Yield the requests of tests/wire, and some to each resource of the REST API."""
    for name in EXCHANGES:
        form = urlencode({k: v for k, v in load(name).get("form", {}).items() if v}).encode()
        yield b"POST /\n\n@signed&returntype=json&" + form
        yield b"GET /xmlapi.php?@signed&" + form + b"\n\n"
    for resource in RESOURCES:
        method = resource.method
        path = resource.path.replace("<employee_id>", "1").replace("<message_id>", "@sms")
        yield f"{method} {path}?token=owner\n\n".encode()
        login = {"username": "owner", "password": PASSWORD}
        names = dict.fromkeys(resource.params.fields, "1") | login
        yield f"{method} {path}?{urlencode(names)}&token=owner\n\n".encode()
        head = f"POST {path}\nContent-Type: application/json\nAuthorization: Bearer owner\n\n"
        yield (head + json.dumps(names)).encode()
        yield f"{method} {path}?token=admin\n\n".encode()
    yield b"GET /openapi.json\n\n"
    yield b"GET /ping?token=owner\nX-Forwarded-For: 192.0.2.1\nOrigin: https://app.example.com\n\n"


def check(octets: bytes) -> None:
    """Check the properties above."""
    request = request_of(octets)
    start, body = gateway().answer(request)
    assert USER_KEY.encode() not in body
    assert not any({"\r", "\n"} & {*name, *value} for name, value in start.headers)
    status, headers = int(start.status[:3]), dict(start.headers)
    first = split_target(request.target)[0].removeprefix("/").partition("/")[0]
    if first in REST:
        check_rest(request, status, headers, body)
    elif first not in PAGES:
        check_form(request, status, headers, body)


def request_of(octets: bytes) -> Request:
    """Parse the input into a request."""
    octets = octets.replace(b"@signed", SIGNED).replace(b"@sms", gateway().sms.encode())
    head, _, body = octets.partition(b"\n\n")
    first, *lines = head.split(b"\n")
    method, _, target = first.partition(b" ")
    headers = [(name, value.strip()) for name, _, value in (line.partition(b":") for line in lines)]
    return Request(method.decode("latin-1"), target, "1.1", headers, body)


def check_form(request: Request, status: int, headers: dict[str, str], body: bytes) -> None:
    """Check an answer of the form API: an envelope, with status 404 or 200."""
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
    """Check an answer of the REST API: a JSON object, with the status in an error; nothing; a
    file."""
    assert status < 500, status
    if status >= 400 and request.method != "HEAD" and body:
        answer = json.loads(body)
        assert answer["code"] == status
        assert answer["message"]
        assert answer["description"]
    elif headers.get("Content-Type") == "application/json" and request.method != "HEAD":
        assert isinstance(json.loads(body), dict)
