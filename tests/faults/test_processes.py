"""Processes that stop or die under load, clients that vanish, descriptors that run out."""

from __future__ import annotations

import contextlib
import itertools
import os
import resource
import signal
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest
import requests

from tests.support.example_account import signed
from tests.support.running_server import RunningServer
from tests.support.shop import BROKEN_OFF, WHOLE, Shop
from tests.support.stores import Stores
from tests.support.waiting import until

ESTABLISHED = ("01", "08")  # or closed by the client alone


@pytest.fixture
def shop(
    stores: Stores, template: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[Shop]:
    """Served by so many processes."""
    store = stores.copy(template, tmp_path / "store.db")
    with (tmp_path / "log").open("w") as log:
        server = RunningServer(store, "--workers", str(request.param), log=log)
        shop = Shop(store, server, tmp_path / "log")
        until(lambda: len(shop.server.workers) == request.param)
        requests.get(f"{server.url}openapi.json", timeout=60)  # which opens no store
        until(lambda: connections(server.port) == 0)
        yield shop
        server.stop()
    store.close()


def connections(port: int) -> int:
    """Number of connections that the server has not closed yet."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()]
    is_ours = (row[1].endswith(f":{port:04X}") and row[3] in ESTABLISHED for row in rows)
    return sum(is_ours)


def descriptors(process: int) -> int:
    return len(os.listdir(f"/proc/{process}/fd"))


def resident(process: int) -> int:
    """Octets of memory that are the process's own."""
    lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    return 1024 * sum(int(line.split()[1]) for line in lines if line.startswith("Anonymous:"))


def begin(shop: Shop) -> socket.socket:
    """A client that has asked for the history, and has read its beginning."""
    body = urlencode(signed(int(time.time()), {}))
    client = socket.create_connection(("127.0.0.1", shop.server.port), timeout=60)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.sendall(f"POST / HTTP/1.1\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())
    assert client.recv(100).startswith(b"HTTP/1.1 200 OK")
    return client


def vanish(shop: Shop, at_once: int = 5) -> None:
    """Clients that are gone in mid-answer; and one that stays to the end."""
    clients = [begin(shop) for _ in range(at_once)]
    for client in clients:
        client.close()
    assert shop.history() == WHOLE


@pytest.mark.parametrize("shop", [2], indirect=True)
def test_workers_that_die_under_load_break_answers_off_and_are_replaced(shop: Shop) -> None:
    seen: Counter[str] = Counter()
    done = threading.Event()

    def load() -> None:
        while not done.is_set():
            seen[shop.history("json")] += 1

    clients = [threading.Thread(target=load) for _ in range(3)]
    for client in clients:
        client.start()
    for answered in range(3):
        until(lambda answered=answered: seen[WHOLE] > answered)  # type: ignore[misc]
        killed = shop.server.workers[0]
        os.kill(killed, signal.SIGKILL)
        until(lambda killed=killed: len(set(shop.server.workers) - {killed}) == 2)  # type: ignore[misc]
    done.set()
    for client in clients:
        client.join()
    assert set(seen) <= {WHOLE, BROKEN_OFF}
    assert shop.history() == WHOLE
    assert shop.store.find_damage() == ""


@pytest.mark.parametrize("shop", [2], indirect=True)
def test_others_answer_while_a_worker_is_stopped(shop: Shop) -> None:
    stopped = shop.server.workers[0]
    os.kill(stopped, signal.SIGSTOP)
    assert [shop.history() for _ in range(5)] == [WHOLE] * 5
    assert shop.login() == "token"
    os.kill(stopped, signal.SIGCONT)
    assert shop.history() == WHOLE
    os.kill(stopped, signal.SIGSTOP)
    os.kill(stopped, signal.SIGKILL)  # as the arbiter does after 60 seconds
    until(lambda: stopped not in shop.server.workers and len(shop.server.workers) == 2)
    assert shop.history() == WHOLE


@pytest.mark.parametrize("shop", [1], indirect=True)
def test_clients_that_vanish_in_mid_answer_leave_nothing_behind(shop: Shop) -> None:
    (worker,) = shop.server.workers
    vanish(shop, 12)
    before, memory = descriptors(worker), resident(worker)
    for _ in range(10):
        vanish(shop)
    until(lambda: descriptors(worker) < before + 12)  # SQLite keeps as many as are used at once
    assert resident(worker) - memory < 8_000_000
    assert shop.history() == WHOLE
    assert "Traceback" not in shop.said()


@pytest.mark.parametrize("shop", [1], indirect=True)
def test_a_server_without_descriptors_goes_on_when_it_has_some_again(shop: Shop) -> None:
    (worker,) = shop.server.workers
    assert shop.history() == WHOLE
    _, most = resource.prlimit(worker, resource.RLIMIT_NOFILE)
    until(lambda: descriptors(worker) < 40)
    resource.prlimit(worker, resource.RLIMIT_NOFILE, (descriptors(worker) + 4, most))
    with contextlib.ExitStack() as stack:
        for _ in range(20):
            address = ("127.0.0.1", shop.server.port)
            stack.enter_context(contextlib.closing(socket.create_connection(address)))
        until(lambda: "cannot accept connections for now" in shop.said())
    assert shop.history() == WHOLE  # those who wait are taken as others go
    resource.prlimit(worker, resource.RLIMIT_NOFILE, (most, most))
    assert shop.view()["login"] == "token"
    assert "Traceback" not in shop.said()


@pytest.mark.sqlite_only("what SQLite says without descriptors")
@pytest.mark.parametrize("shop", [1], indirect=True)
def test_a_store_without_descriptors_is_opened_later(shop: Shop) -> None:
    (worker,) = shop.server.workers
    _, most = resource.prlimit(worker, resource.RLIMIT_NOFILE)
    used = {int(name) for name in os.listdir(f"/proc/{worker}/fd")}
    for_the_client = next(number for number in itertools.count() if number not in used)
    resource.prlimit(worker, resource.RLIMIT_NOFILE, (for_the_client + 1, most))
    assert shop.history() == "unavailable"
    assert shop.list() == "unavailable"
    assert "unable to open database file" in shop.said()
    resource.prlimit(worker, resource.RLIMIT_NOFILE, (most, most))
    assert shop.history() == WHOLE
    assert "Traceback" not in shop.said()
