"""Clients at their worst, against a real server: others are answered, and memory stays."""

from __future__ import annotations

import fcntl
import os
import resource
import socket
import subprocess
import termios
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import requests

from boxis_gateway.model import Account
from boxis_gateway.store import Store
from tests.support.example_account import signed_now
from tests.support.running_server import GATEWAY, RunningServer, Serve
from tests.support.waiting import until

PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
LARGE = "/docs/swagger-ui-bundle.js"
FILE_REQUEST = f"GET {LARGE} HTTP/1.1\r\nHost: x\r\n\r\n".encode()


@contextmanager
def clients(server: RunningServer, count: int) -> Iterator[list[socket.socket]]:
    """Connections with small buffers, so that the server notices what they do not read."""
    with ExitStack() as end:
        made = []
        for _ in range(count):
            client = end.enter_context(socket.socket())
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.connect(("127.0.0.1", server.port))
            made.append(client)
        yield made


def memory(server: RunningServer) -> int:
    """Resident bytes of the only worker."""
    (worker,) = server.workers
    return int(Path(f"/proc/{worker}/statm").read_text().split()[1]) * PAGE_BYTES


def has_octets(client: socket.socket) -> bool:
    waiting = fcntl.ioctl(client, termios.FIONREAD, bytes(4))
    return any(waiting)


@pytest.fixture
def small_server(
    serve: Serve, store: Store, account: Account, monkeypatch: pytest.MonkeyPatch
) -> RunningServer:
    """One process with 10 connections."""
    monkeypatch.setenv("BOXIS_GATEWAY_MAX_CONNECTIONS", "10")
    server = serve(store, "--workers", "1")
    assert server.post().status_code == 200
    return server


def test_clients_that_read_nothing_keep_nobody_out(small_server: RunningServer) -> None:
    with clients(small_server, 10) as idle:
        for client in idle:
            client.sendall(FILE_REQUEST * 20)
        until(lambda: all(map(has_octets, idle)))
        for _ in range(10):
            assert small_server.post().status_code == 200


def test_a_file_is_sent_as_its_readers_take_it(small_server: RunningServer) -> None:
    expected = requests.get(small_server.url.rstrip("/") + LARGE, timeout=60)
    assert int(expected.headers["Content-Length"]) == len(expected.content) > 1_000_000
    before = memory(small_server)
    with clients(small_server, 6) as readers:
        for reader in readers:
            reader.sendall(FILE_REQUEST)
        until(lambda: all(map(has_octets, readers)))
        assert memory(small_server) - before < 5_000_000
        came = b""
        while len(came.partition(b"\r\n\r\n")[2]) < len(expected.content):
            came += readers[0].recv(65_536)
    assert came.partition(b"\r\n\r\n")[2] == expected.content


def test_a_thousand_upgrades_at_once_are_a_thousand_requests(small_server: RunningServer) -> None:
    request = b"GET /ping HTTP/1.1\r\nHost: x\r\nUpgrade: h2c\r\n\r\n"
    last = b"GET /last HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    with clients(small_server, 1) as (client,):
        client.sendall(request * 1000 + last)
        came = b"".join(iter(lambda: client.recv(65_536), b""))
    assert came.count(b"HTTP/1.1 401") == 1000
    assert came.count(b"HTTP/1.1 404") == 1
    assert "Traceback" not in small_server.log()


@pytest.fixture
def many_files() -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, before[1]), before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_too_few_descriptors_are_said_and_suffice(
    store: Store, account: Account, many_files: None
) -> None:
    few = ("prlimit", "--nofile=1024:1024")
    server = RunningServer(store, "--workers", "1", by=few)
    try:
        assert "max_connections=1000 needs more than 1024 open files" in server.log()
        assert "accepts 776 connections" in server.log()
        with clients(server, 2300):
            assert server.post().status_code == 200
        assert "cannot accept" not in server.log()
    finally:
        server.stop()


def test_a_limit_of_descriptors_that_never_suffices_is_refused(store: Store) -> None:
    command = ["prlimit", "--nofile=200:200", *GATEWAY, "serve", "--port", "0"]
    environ = {**os.environ, "BOXIS_GATEWAY_DATABASE_URL": store.url}
    done = subprocess.run(command, env=environ, capture_output=True, text=True)
    assert done.returncode == 1
    assert "Raise 'ulimit -Hn'" in done.stderr


def test_a_log_that_nobody_reads_stops_nothing(store: Store, account: Account) -> None:
    reading, writing = os.pipe()
    with open(writing, "w") as log, open(reading) as reader:
        server = RunningServer(store, "--workers", "1", log=log)
        try:
            answer_all(server, 600)
            until(lambda: "log_lines_dropped_total 0" not in server.monitoring("/metrics").text)
            os.set_blocking(reading, False)
            assert reader.read().count("outcome=success") > 100
            answer_all(server, 1)
            assert "log lines before this one were dropped" in until(reader.read)
        finally:
            server.process.terminate()
            server.process.communicate()


def answer_all(server: RunningServer, count: int) -> None:
    with requests.Session() as session:
        for _ in range(count):
            answer = session.post(server.url, data=signed_now(), timeout=60)
            assert b"success" in answer.content
