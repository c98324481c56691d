"""Connections of the project's server over an application of a test's own."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import urlencode

from boxis_gateway.server.connection import Connection
from boxis_gateway.server.guest import Guest
from boxis_gateway.server.state import ServerState
from boxis_gateway.server.turns import Turns
from boxis_gateway.settings import Settings
from tests.support.waiting import LIMIT_SECONDS, until

App = Callable[[dict[str, Any], Any], Iterable[bytes]]
Address = tuple[str, int]
MOST = 1000
CLIENT_SECONDS = 60


class Host:
    """Connections over an application, in a loop of its own."""

    def __init__(self, app: App) -> None:
        self.loop = asyncio.new_event_loop()
        settings = Settings(max_body_bytes=MOST, client_seconds=CLIENT_SECONDS)
        self.shared: ServerState = ServerState(Guest(app, refusal), settings, Turns(self.loop))
        made = self.loop.create_server(lambda: Connection(self.shared), "127.0.0.1", 0)
        self.server = self.loop.run_until_complete(made)
        self.address: Address = self.server.sockets[0].getsockname()
        self.thread = threading.Thread(target=self.loop.run_forever)
        self.thread.start()

    def connect(self) -> socket.socket:
        client = socket.create_connection(self.address)
        client.settimeout(LIMIT_SECONDS)
        return client

    @property
    def connection(self) -> Connection:
        """The connection of the only client."""
        until(lambda: len(self.shared.connections) == 1)
        (connection,) = self.shared.connections
        return connection

    def ask(self, request: bytes) -> bytes:
        """The whole answer, until the server closes."""
        with self.connect() as client:
            client.sendall(request)
            return everything(client)

    def do(self, what: Callable[[], object]) -> None:
        """Run in the loop's own thread, and wait."""
        done = threading.Event()
        self.loop.call_soon_threadsafe(lambda: (what(), done.set()))
        assert done.wait(LIMIT_SECONDS)

    def stop(self) -> None:
        def end() -> None:
            for connection in tuple(self.shared.connections):
                connection._transport.abort()
            self.server.close()
            self.loop.call_soon(self.loop.stop)

        self.loop.call_soon_threadsafe(end)
        self.thread.join()
        self.loop.close()


MakeHost = Callable[[App], Host]


def refusal(description: str, query: str) -> tuple[str, bytes]:
    return "text/plain", f"{description} {query}".encode()


def everything(client: socket.socket) -> bytes:
    return b"".join(iter(lambda: client.recv(65_536), b""))


def send_get(address: Address, target: str) -> socket.socket:
    """GET a target; the server closes after its answer."""
    return _send(address, f"GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")


def send_form(address: Address, form: Mapping[str, str]) -> socket.socket:
    """POST a form; the server closes after its answer."""
    body = urlencode(form)
    head = f"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\nConnection: close\r\n"
    return _send(address, f"{head}Content-Type: application/x-www-form-urlencoded\r\n\r\n{body}")


def _send(address: Address, request: str) -> socket.socket:
    client = socket.create_connection(address)
    client.settimeout(LIMIT_SECONDS)
    client.sendall(request.encode())
    return client


def answer_of(client: socket.socket) -> tuple[int, str, str]:
    """Status, head and body of the answer to a client."""
    with client:
        head, _, body = everything(client).decode().partition("\r\n\r\n")
    return int(head.split()[1]), head, body


def body_of(client: socket.socket) -> str:
    """The body of an answer with status 200."""
    status, _, body = answer_of(client)
    assert status == 200
    return body
