"""`call`: the client side of the protocol, against a real server."""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from boxis_gateway import client
from boxis_gateway.errors import OperatorError
from boxis_gateway.model import Account
from boxis_gateway.store import Store
from tests.support.example_account import USER_KEY, USERNAME, add_messages
from tests.support.running_server import Serve

PARAMS = {"version": "1.0", "section": "sms", "action": "getHistory"}


@pytest.fixture
def url(serve: Serve, store: Store, account: Account) -> str:
    add_messages(store, account, {"date": "2012-05-09 10:28:00"})
    return serve(store, "--workers", "1").url


@pytest.mark.parametrize("returntype", ["xml", "json"])
def test_a_clock_that_is_off_is_mended_with_the_server_s_time(url: str, returntype: str) -> None:
    params = {**PARAMS, "returntype": returntype}
    answer = client.call(url, USERNAME, USER_KEY, params, lambda: int(time.time()) - 80_000)
    assert answer.result == "1"
    assert b"2012-05-09 10:28:00" in answer.body


def test_the_command_shows_the_bytes_and_ends_by_the_result(url: str) -> None:
    words = ["boxis-gateway", "call", url, "--username", USERNAME, "sms", "getHistory"]
    environ = {"BOXIS_GATEWAY_USER_KEY": USER_KEY, "PATH": ""}

    def call(*more: str) -> subprocess.CompletedProcess[bytes]:
        module = [sys.executable, "-m", "boxis_gateway", *words[1:]]
        return subprocess.run([*module, *more], env=environ, capture_output=True, check=False)

    done = call("datefrom=2012-05-09 10:00", "--returntype", "json")
    assert done.returncode == 0
    assert json.loads(done.stdout)["params"]["senders"]["sms1"]["date"] == "2012-05-09 10:28:00"
    failed = call("datefrom=x")
    assert failed.returncode == 1
    assert b"error: 'datefrom' is not valid" in failed.stdout
    assert failed.stdout.endswith(b"</return>")


@pytest.fixture
def stubborn() -> Iterator[tuple[str, list[str]]]:
    """A server whose clock nobody can follow, and what it was asked."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
            body = asked and (
                b"<return><result>0</result><timestamperror>1</timestamperror>"
                b"<timestamp>1335767184</timestamp></return>"
            )
            self.send_response(500 if len(asked) > 1 else 200)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/", asked
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_request_is_repeated_once_and_no_more(stubborn: tuple[str, list[str]]) -> None:
    url, asked = stubborn
    answer = client.call(url, USERNAME, USER_KEY, PARAMS, lambda: 1335700000)
    assert answer.result == "0"
    assert len(asked) == 2
    assert "timestamp=1335700000&" in asked[0]
    assert "timestamp=1335767184&" in asked[1]


def test_a_time_of_another_day_is_not_signed(stubborn: tuple[str, list[str]]) -> None:
    url, asked = stubborn
    with pytest.raises(OperatorError, match="differs from ours by more than a day"):
        client.call(url, USERNAME, USER_KEY, PARAMS, lambda: 1335767184 + 86_401)
    assert len(asked) == 1


@pytest.mark.parametrize("path", ["openapi.json", ""])
def test_a_malformed_envelope_is_reported(path: str, stubborn: tuple[str, list[str]]) -> None:
    params = {**PARAMS, "returntype": "json"}  # and XML comes back
    with pytest.raises(OperatorError, match="did not answer with an envelope"):
        client.call(stubborn[0] + path, USERNAME, USER_KEY, params, lambda: 5)


ODD_ANSWERS = {
    b"SSH-2.0-OpenSSH_9\r\n": "does not answer in HTTP",
    b"": "does not answer",
    b"HTTP/1.1 200 OK\r\nX: " + b"a" * 70_000 + b"\r\n\r\n": "does not answer in HTTP",
    b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n<return>": "broke off",
    b"HTTP/1.1 500 X\r\nContent-Length: 99\r\n\r\n<return>": "broke off",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10\r\nabc": "broke off",
    b"HTTP/1.1 200 OK\r\n\r\n" + b"[" * 200_000: "did not answer with an envelope",
    b"HTTP/1.1 302 F\r\nLocation: file:///etc/passwd\r\nContent-Length: 0\r\n\r\n": "envelope",
    b"HTTP/1.1 200 OK\r\n\r\n\xff\xfe\x00": "did not answer with an envelope",
}


@pytest.mark.parametrize("returntype", ["xml", "json"])
@pytest.mark.parametrize("answer", ODD_ANSWERS, ids=range(len(ODD_ANSWERS)))
def test_no_answer_makes_the_client_fail_in_another_way(answer: bytes, returntype: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve_once() -> None:
            connection, _ = listener.accept()
            with connection, contextlib.suppress(OSError):
                connection.recv(65_536)
                connection.sendall(answer)
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(65_536):
                    pass

        thread = threading.Thread(target=serve_once)
        thread.start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        with pytest.raises(OperatorError, match=ODD_ANSWERS[answer]):
            client.call(url, USERNAME, USER_KEY, {**PARAMS, "returntype": returntype}, lambda: 5)
        thread.join()


def endless(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        connection.sendall(b"x" * 65_536)


def drip(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nX: ")
    while True:
        connection.sendall(b"x")
        time.sleep(0.02)


@pytest.mark.parametrize(
    ("answer", "said"), [(endless, "longer than 0 MB"), (drip, "takes longer than 0.3 seconds")]
)
def test_an_answer_has_a_limit_of_size_and_of_time(
    answer: Callable[[socket.socket], None], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "ANSWER_OCTETS", 500_000)
    monkeypatch.setattr(client, "ANSWER_SECONDS", 0.3 if answer is drip else 60)
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve_once() -> None:
            connection, _ = listener.accept()
            with connection, contextlib.suppress(OSError):
                connection.recv(65_536)
                answer(connection)

        thread = threading.Thread(target=serve_once)
        thread.start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/?token=t0ken"
        with pytest.raises(OperatorError, match=said) as failure:
            client.call(url, USERNAME, USER_KEY, PARAMS, lambda: 5)
        assert "t0ken" not in str(failure.value)
        thread.join()


@pytest.mark.parametrize(
    "url",
    [
        "http://[/anna:p4ssw0rd@",
        "http://anna:p4ssw0rd@x:port/",
        "ftp://anna:p4ssw0rd@x/",
        "anna:p4ssw0rd@x",
        "http://anna:p4ssw0rd@a..b/",
        "http://anna:p4ssw0rd@127.0.0.1:1/?token=p4ssw0rd",
        "http://anna:p4ssw0rd@127.0.0.1/ \x00",
    ],
)
def test_a_url_that_cannot_be_used_is_one_line_without_its_password(url: str) -> None:
    with pytest.raises(OperatorError) as failure:
        client.call(url, USERNAME, USER_KEY, PARAMS, lambda: 5)
    assert "p4ssw0rd" not in str(failure.value)
    assert "\n" not in str(failure.value)
