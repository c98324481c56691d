"""A way to a server that can be cut at a word."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from tests.support.waiting import LIMIT_SECONDS


class Proxy:
    """Takes connections for a server at a port. `cut(word)` ends the next one on which a client
    says that, before the server has heard it or behind it; `cut_answer(octets)` ends one when so
    much more has been told to clients."""

    def __init__(self, port: int) -> None:
        self._server = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._word, self._is_heard, self._left = b"", False, 0
        self._answered: threading.Event | None = None
        threading.Thread(target=self._take, daemon=True).start()

    def cut(self, word: str, *, is_heard: bool) -> None:
        self._word, self._is_heard = word.encode(), is_heard

    def cut_answer(self, octets: int) -> None:
        self._left = octets

    @property
    def is_done(self) -> bool:
        """True once the cut is made."""
        return not self._word and not self._left

    def close(self) -> None:
        self._listener.close()

    def _take(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                try:
                    server = socket.create_connection(("127.0.0.1", self._server))
                except OSError:
                    client.close()
                    continue
                for pass_on, pair in ((self._up, (client, server)), (self._down, (server, client))):
                    threading.Thread(target=pass_on, args=pair, daemon=True).start()

    def _up(self, client: socket.socket, server: socket.socket) -> None:
        with client, server, _hanging_up(client, server):
            while said := client.recv(1 << 16):
                if self._word and self._word in said:
                    self._word = b""
                    if self._is_heard:
                        self._answered = answered = threading.Event()
                        server.sendall(said)
                        answered.wait(LIMIT_SECONDS)
                    return
                server.sendall(said)

    def _down(self, server: socket.socket, client: socket.socket) -> None:
        with _hanging_up(client, server):
            while said := server.recv(1 << 16):
                if answered := self._answered:
                    self._answered = None
                    answered.set()
                    return
                if 0 < self._left <= len(said):
                    self._left = 0
                    return
                self._left = max(0, self._left - len(said))
                client.sendall(said)


@contextmanager
def _hanging_up(*connections: socket.socket) -> Iterator[None]:
    """Shut the connections down at the end, which wakes threads that wait for them."""
    with suppress(OSError):
        yield
    for one in connections:
        with suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
