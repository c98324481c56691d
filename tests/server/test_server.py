"""`serve` as a process: real clients, long answers, faults, the end."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest
import requests
from lxml import etree

from boxis_gateway.model import Account
from boxis_gateway.store import Store
from tests.support.example_account import MANY, USER_KEY, USERNAME, add_messages, signed_now
from tests.support.paths import PROJECT
from tests.support.running_server import Gateway, RunningServer, Serve
from tests.support.waiting import LIMIT_SECONDS, until


@pytest.fixture
def server(serve: Serve, store: Store, account: Account) -> RunningServer:
    add_messages(
        store,
        account,
        {"date": "2012-05-09 10:28:00", "type": "scheduled", "sender": "Zażółć <&>"},
        {"date": "2012-05-09 10:20:00", "recipient": "48717609573"},
    )
    return serve(store)


ROWS = [
    ("2012-05-09 10:28:00", "Zażółć <&>", "48514151563", "1", "scheduled"),
    ("2012-05-09 10:20:00", "boxis.net", "48717609573", "1", "sent"),
]


def curl(server: RunningServer, option: str, **form: str) -> bytes:
    fields = [word for item in signed_now(**form).items() for word in (option, "=".join(item))]
    words = ["curl", "-sS", *fields, server.url]
    return subprocess.run(words, capture_output=True, check=True).stdout


def test_curl_posts_a_form(server: RunningServer) -> None:
    tree = etree.fromstring(curl(server, "--data-urlencode"))
    assert tree.findtext("history/sms2/reciptient") == "48717609573"


def test_curl_posts_multipart(server: RunningServer) -> None:
    answer = json.loads(curl(server, "-F", returntype="json"))
    assert list(answer["params"]["senders"]) == ["sms1", "sms2"]


def test_requests_posts_a_form_on_a_connection_that_stays(server: RunningServer) -> None:
    with requests.Session() as session:
        for _ in range(3):
            answer = session.post(server.url, data=signed_now(returntype="json"), timeout=60)
            assert answer.json()["params"]["senders"]["sms1"]["sender"] == "Zażółć <&>"


@pytest.mark.parametrize("returntype", ["xml", "json"])
def test_php_reads_both_formats(server: RunningServer, returntype: str) -> None:
    """PHP's curl, SimpleXML and json_decode, as in examples/client.php."""
    words = ["php", PROJECT / "examples/client.php", server.url, USERNAME, USER_KEY, returntype]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    for row in ROWS:
        assert all(cell in done.stdout for cell in row)
    assert done.stdout.index(ROWS[0][0]) < done.stdout.index(ROWS[1][0])


def test_the_python_example_reads_a_history(server: RunningServer) -> None:
    words = ["python3", PROJECT / "examples/client.py", server.url, USERNAME, USER_KEY]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for row in ROWS:
        assert all(cell in done.stdout for cell in row)


def test_a_client_of_http_1_0_reads_to_the_end(server: RunningServer) -> None:
    body = urlencode(signed_now()).encode()
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        head = f"POST / HTTP/1.0\r\nContent-Length: {len(body)}\r\n"
        head += "Content-Type: application/x-www-form-urlencoded\r\n\r\n"
        connection.sendall(head.encode() + body)
        answer = b"".join(iter(lambda: connection.recv(4096), b""))
    assert answer.endswith(b"</return>")


def test_answers_without_a_body_end_with_their_head(server: RunningServer) -> None:
    tag = requests.get(f"{server.url}openapi.json", timeout=60).headers["ETag"]
    asked = f"GET /openapi.json HTTP/1.1\r\nHost: x\r\nIf-None-Match: {tag}\r\n\r\n"
    asked += "OPTIONS /sms HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.sendall(asked.encode())
        answer = b"".join(iter(lambda: connection.recv(4096), b""))
    assert b"chunked" not in answer
    not_modified, nothing, rest = answer.split(b"\r\n\r\n")
    assert not_modified.startswith(b"HTTP/1.1 304")
    assert nothing.startswith(b"HTTP/1.1 204")
    assert rest == b""


def test_malformed_http_gets_an_envelope(server: RunningServer) -> None:
    secret = "authcode=0123456789abcdef"
    for request in (f"NOT HTTP {secret}\r\n\r\n", f"GET /?{secret}{'x' * 20_000} HTTP/1.1\r\n\r\n"):
        with socket.create_connection(("127.0.0.1", server.port)) as connection:
            connection.sendall(request.encode())
            answer = b"".join(iter(lambda c=connection: c.recv(4096), b""))
        assert b"error: request is not valid" in answer
        assert answer.startswith(b"HTTP/1.1 400")
    assert secret not in server.stop()[1]


def test_a_body_cut_short_gets_an_envelope_or_nothing(server: RunningServer) -> None:
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.sendall(b"POST /?returntype=json HTTP/1.1\r\nHost: x\r\n")
        connection.sendall(b"Transfer-Encoding: chunked\r\n\r\nZZ\r\nbad")
        connection.shutdown(socket.SHUT_WR)
        answer = b"".join(iter(lambda: connection.recv(4096), b""))
    assert b"request is not valid" in answer
    assert "Traceback" not in server.stop()[1]


def test_it_prints_its_address_in_one_line(serve: Serve, store: Store) -> None:
    server = serve(store, "--host", "127.0.0.1")
    assert server.url == f"http://127.0.0.1:{server.port}/"
    code, errors = server.stop()
    assert (code, errors) == (0, "")


def test_a_taken_port_is_reported_at_once(server: RunningServer, gateway: Gateway) -> None:
    done = gateway("serve", "--port", server.port)
    assert done.returncode == 1
    assert "Address already in use. Choose another --port" in done.stderr
    assert done.stderr.count("\n") == 1


def private_bytes(server: RunningServer) -> int:
    """The memory of a server's processes that no file stands behind."""
    total = 0
    for pid in (server.process.pid, *server.workers):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Anonymous:"):
                total += int(line.split()[1]) * 1024
    return total


def numbers(returntype: str, answer: requests.Response) -> Iterator[int]:
    """The messages of an answer by number, through a real parser that reads as it comes."""
    if returntype == "xml":
        answer.raw.decode_content = True
        for _, element in etree.iterparse(answer.raw):
            if element.tag.startswith("sms"):
                yield int(element.findtext("reciptient")[3:])
                element.getparent().remove(element)
    else:
        rows = answer.json()["params"]["senders"]
        assert list(rows) == [f"sms{n}" for n in range(1, len(rows) + 1)]
        yield from (int(row["reciptient"][3:]) for row in rows.values())


@pytest.mark.parametrize("returntype", ["xml", "json"])
def test_long_histories_are_whole_and_cost_no_memory(
    returntype: str, serve: Serve, long_store: Store
) -> None:
    server = serve(long_store, "--workers", "1")
    server.post(datefrom="2030-01-01 00:00")  # warm
    idle, peak, done = private_bytes(server), 0, threading.Event()

    def watch() -> None:
        nonlocal peak
        while not done.wait(0.03):
            peak = max(peak, private_bytes(server))

    watcher = threading.Thread(target=watch)
    watcher.start()
    answer = server.post(returntype=returntype, stream=True)
    found = list(numbers(returntype, answer))
    done.set()
    watcher.join()
    assert found == list(range(MANY - 1, -1, -1))
    assert peak - idle < 10_000_000


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGINT])
def test_a_stopping_server_finishes_its_answer(end: int, serve: Serve, long_store: Store) -> None:
    server = serve(long_store, "--shutdown-seconds", "600")
    answer = server.post(stream=True)
    pieces = answer.iter_content(65_536)
    start = next(pieces)
    if end == signal.SIGINT:
        os.killpg(server.process.pid, end)  # as a terminal does
    else:
        server.process.send_signal(end)
    until(lambda: server.monitoring("/readyz").status_code == 503)
    rest = b"".join(pieces)
    assert (start + rest).endswith(b"</return>")
    assert (start + rest).count(b"<reciptient>") == MANY
    code, errors = server.end()
    assert code == 0
    assert "Traceback" not in errors


def test_an_answer_cut_off_by_the_stop_does_not_seem_whole(serve: Serve, long_store: Store) -> None:
    """HTTP/1.0 has only the end of the connection to go by."""
    server = serve(long_store, "--shutdown-seconds", "1")
    body = urlencode(signed_now()).encode()
    head = f"POST / HTTP/1.0\r\nContent-Length: {len(body)}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.sendall(head.encode() + body)
        connection.recv(1000)
        server.stop()
        with pytest.raises(ConnectionResetError):
            list(iter(lambda: connection.recv(65_536), b""))


def test_a_server_that_is_stopped_while_it_starts_stops_at_once(serve: Serve, store: Store) -> None:
    for workers in range(4):
        server = serve(store, "--workers", "3", "--shutdown-seconds", "600")
        until(lambda server=server, workers=workers: len(server.workers) >= workers)  # type: ignore[misc]
        assert server.stop() == (0, "")


def test_a_slow_reader_does_not_hold_up_others(serve: Serve, long_store: Store) -> None:
    server = serve(long_store, "--workers", "1")
    slow = server.post(stream=True)
    next(slow.iter_content(1000))
    quick = server.post(datefrom="2030-01-01 00:00")
    assert b"<history/>" in quick.content
    slow.close()


def test_an_answer_that_breaks_off_does_not_seem_whole(serve: Serve, long_store: Store) -> None:
    """The worker is killed in mid-answer: the chunked body lacks its end, and the client errs."""
    server = serve(long_store, "--workers", "1")
    answer = server.post(stream=True)
    pieces = answer.iter_content(65_536)
    next(pieces)
    for worker in server.workers:
        os.kill(worker, signal.SIGKILL)
    with pytest.raises((requests.exceptions.ChunkedEncodingError, http.client.IncompleteRead)):
        list(pieces)
    _, said = server.stop()
    assert "was sent SIGKILL" in said
    assert "Logging error" not in said


def test_a_change_of_an_account_counts_at_once(server: RunningServer, gateway: Gateway) -> None:
    def result() -> str:
        answer = server.post(returntype="json")
        return str(answer.json()["result"])

    assert result() == "1"
    gateway("account", "disable", USERNAME)
    assert result() == "0"
    gateway("account", "enable", USERNAME)
    assert result() == "1"
    gateway("account", "rotate-key", USERNAME)
    assert result() == "0"


def test_a_long_answer_keeps_its_view_and_others_see_the_newest(
    serve: Serve, long_store: Store, gateway: Gateway
) -> None:
    server = serve(long_store, "--workers", "1")
    answer = server.post(stream=True)
    pieces = answer.iter_content(65_536)
    start = next(pieces)
    add_messages(long_store, long_store.accounts.get(USERNAME), {"date": "2031-01-01 00:00:00"})
    late = {"datefrom": "2030-01-01 00:00"}
    assert b"<sms1>" in server.post(**late).content
    gateway("account", "disable", USERNAME)
    assert b"<result>0" in server.post(**late).content
    assert (start + b"".join(pieces)).count(b"<reciptient>") == MANY


def test_silent_clients_are_disconnected(store: Store, account: Account, serve: Serve) -> None:
    """Meanwhile others are served; then silent ones are disconnected when their time is up."""
    server = serve(store, "--workers", "1", "--client-seconds", "1")
    head = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n"
    silent = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(4)]
    for connection, request in zip(silent, [head, head[:9], head, head[:40]], strict=True):
        connection.sendall(request)

    def is_served() -> bool:
        with contextlib.suppress(requests.RequestException):  # on a slow machine
            return b"<history/>" in server.post().content
        return False

    until(is_served)
    for connection in silent:
        connection.settimeout(LIMIT_SECONDS)
        with contextlib.suppress(ConnectionResetError):
            assert connection.recv(1) == b""
        connection.close()
    _, errors = server.stop()
    assert "Traceback" not in errors
    assert "too slow" in errors


def test_the_oldest_waiting_client_makes_room(store: Store, account: Account, serve: Serve) -> None:
    """Clients that only hold on cannot keep others out."""
    server = serve(store, "--workers", "1", "--max-connections", "10")
    silent = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(30)]
    for connection in silent:
        connection.sendall(b"POST / HTTP/1.1\r\n")
    assert b"<history/>" in server.post().content
    for connection in silent:
        connection.close()
    until(lambda: "clients were disconnected" in server.log())
    assert "Traceback" not in server.stop()[1]


def test_an_http_fault_is_answered_in_the_requested_format(server: RunningServer) -> None:
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.sendall(
            b"GET /?returntype=json HTTP/1.1\r\nHost: x\r\nContent-Length: z\r\n\r\n"
        )
        answer = b"".join(iter(lambda: connection.recv(4096), b""))
    assert b'"resulttxt":"Error: request is not valid"' in answer
