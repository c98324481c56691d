"""Resources that write: answered after the commit, while others are answered."""

from __future__ import annotations

import json
import socket
from contextlib import suppress
from datetime import datetime, timedelta
from urllib.parse import urlencode

import pytest

from boxis_gateway.levels import Level
from boxis_gateway.model import Employee
from boxis_gateway.passwords import hash_password
from boxis_gateway.rest_api.auth import token_digest
from boxis_gateway.store import Store, Write
from boxis_gateway.store import writer as writer_module
from boxis_gateway.zones import utc_text
from tests.support.example_account import NOW
from tests.support.host import answer_of, everything
from tests.support.running_server import Serve
from tests.support.waiting import LIMIT_SECONDS, until
from tests.support.writing_app import ServeApp, Served, held

PASSWORD = "correct horse"
PASSWORD_HASH = hash_password(PASSWORD)
LOGIN = "/auth/login?" + urlencode({"username": "anna@example.com", "password": PASSWORD})
USED, LASTING = "used-token", "lasting-token"
RENEWED = utc_text(NOW + timedelta(minutes=15, seconds=30))
UNAVAILABLE = {
    "code": 503,
    "message": "unavailable",
    "description": "Service is not available, try again later",
}


@pytest.fixture
def anna(store: Store) -> Employee:
    """An employee with a token to be renewed and one that lasts."""
    customer = store.customers.add("Anna's shop", NOW)
    anna = store.employees.add(
        customer, "anna@example.com", "Anna", Level.OWNER, PASSWORD_HASH, NOW
    )
    for token, expires_at in ((USED, NOW + timedelta(minutes=5)), (LASTING, None)):
        store.tokens.add(anna, token_digest(token), NOW, expires_at=expires_at)
    return anna


@pytest.fixture
def served(serve_app: ServeApp, anna: Employee) -> Served:
    return serve_app()


def expiry(store: Store, token: str) -> str | None:
    session = store.tokens.find(token_digest(token))
    assert session
    return session.expires_at


def finish_writes(served: Served) -> None:
    """Wait for what was submitted before."""
    served.app.writer.submit(Write(bool)).result(LIMIT_SECONDS)


def test_tokens_are_valid_while_a_login_waits(served: Served, store: Store) -> None:
    with held(store):
        login = served.begin_get(LOGIN)
        for token in (USED, LASTING, USED):
            status, _, body = served.get(f"/ping?token={token}")
            assert (status, json.loads(body)) == (200, {"success": True})
        assert served.waiting == 1
        assert expiry(store, USED) < RENEWED
    status, head, body = answer_of(login)
    assert status == 200
    assert "X-Request-Id: " in head
    assert store.tokens.find(token_digest(json.loads(body)["token"]))
    finish_writes(served)
    assert expiry(store, USED) == RENEWED


def test_a_login_waits_no_longer_than_its_time(served: Served, store: Store) -> None:
    served.app.writer._wait_seconds = 0.01
    with held(store):
        status, head, body = served.get(LOGIN)
    assert (status, json.loads(body)) == (503, UNAVAILABLE)
    assert "Retry-After: 2" in head.splitlines()
    assert served.get(LOGIN)[0] == 200


def test_a_full_queue_is_answered_at_once(
    served: Served, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    with held(store):
        logout = served.begin_get(f"/auth/logout?token={USED}")
        monkeypatch.setattr(writer_module, "QUEUE_WRITES", 0)
        status, head, body = served.get(f"/auth/logout?token={LASTING}")
        assert (status, json.loads(body)) == (503, UNAVAILABLE)
        assert "Retry-After: 2" in head.splitlines()
        assert served.get(f"/ping?token={USED}")[0] == 200  # its renewal is refused
    assert answer_of(logout)[0] == 200


def test_a_token_that_is_often_used_waits_only_once_for_its_renewal(
    serve_app: ServeApp, store: Store, anna: Employee
) -> None:
    moments = [NOW]

    def clock() -> datetime:
        return moments[-1]

    served = serve_app(clock=clock)
    with held(store):
        logout = served.begin_get(f"/auth/logout?token={LASTING}")  # occupies the writer
        until(lambda: served.app.writer._queue.empty())
        for _ in range(5):
            assert served.get(f"/ping?token={USED}")[0] == 200
        assert served.app.writer._queue.qsize() == 1
    assert answer_of(logout)[0] == 200
    token = "another-token"
    store.tokens.add(anna, token_digest(token), NOW, expires_at=NOW + timedelta(minutes=5))
    for minutes in (0, 10):  # each use renews it
        moments.append(NOW + timedelta(minutes=minutes))
        assert served.get(f"/ping?token={token}")[0] == 200
        finish_writes(served)
        assert expiry(store, token) == utc_text(clock() + timedelta(minutes=15, seconds=30))


def test_a_failure_of_the_write_is_its_own(served: Served, store: Store, anna: Employee) -> None:
    """The password changes between its check and the commit."""
    with held(store):
        login = served.begin_get(LOGIN)
        store.employees.set_password_hash(anna, hash_password("another"))
    status, _, body = answer_of(login)
    assert (status, json.loads(body)["message"]) == (401, "credentials_invalid")


def test_a_stopping_server_answers_what_waits(store: Store, anna: Employee, serve: Serve) -> None:
    server = serve(store, "--workers", "1", "--shutdown-seconds", "600")
    address = ("127.0.0.1", server.port)
    with socket.create_connection(address) as client:
        client.settimeout(LIMIT_SECONDS)
        with held(store):
            requests = (f"/ping?token={LASTING}", LOGIN)
            client.sendall(
                "".join(f"GET {one} HTTP/1.1\r\nHost: x\r\n\r\n" for one in requests).encode()
            )
            ping = client.recv(4096)  # then the login has begun
            assert ping.endswith(b'{"success":true}')
            server.process.terminate()
            until(lambda: server.monitoring("/readyz").status_code == 503)
        head, _, body = everything(client).decode().partition("\r\n\r\n")
    assert "Connection: close" in head
    if head.startswith("HTTP/1.1 200"):
        assert store.tokens.find(token_digest(json.loads(body)["token"]))
    else:  # a slow machine
        assert json.loads(body) == UNAVAILABLE
    code, errors = server.end()
    assert code == 0
    assert "Traceback" not in errors


def test_a_stop_that_cannot_wait_resets_the_connection(
    store: Store, anna: Employee, serve: Serve
) -> None:
    """No client takes the end of its connection for an answer."""
    server = serve(store, "--workers", "1", "--shutdown-seconds", "1")
    with held(store), socket.create_connection(("127.0.0.1", server.port)) as client:
        client.settimeout(LIMIT_SECONDS)
        client.sendall(
            f"GET /ping?token={LASTING} HTTP/1.1\r\n\r\nGET {LOGIN} HTTP/1.1\r\n\r\n".encode()
        )
        assert client.recv(4096).endswith(b'{"success":true}')
        server.process.terminate()
        with suppress(ConnectionResetError):
            assert everything(client).startswith(b"HTTP/1.1 503")  # on a slow machine
        code, errors = server.end()
    assert code == 0
    assert "Traceback" not in errors
