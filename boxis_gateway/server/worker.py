"""Server process: an event loop that accepts connections.

The application runs in the loop itself: one request, or one piece of a long answer, takes about a
millisecond of Python and SQLite, which threads would only slow down. What would wait, as a commit
does, runs elsewhere: its answer is deferred (deferred.py).
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import socket
import sys
import time
from contextlib import suppress
from typing import Any

from gunicorn.workers.base import Worker

from boxis_gateway.server.connection import Connection
from boxis_gateway.server.guest import Guest
from boxis_gateway.server.state import Client, ServerState
from boxis_gateway.server.turns import Turns

STOP_SIGNALS = (signal.SIGTERM, signal.SIGQUIT)
HEARTBEAT_SECONDS = 1.0
SWITCH_SECONDS = 0.0005  # longest wait of the loop for Python's lock beside a writer thread
RETRY_ACCEPT_SECONDS = 1.0  # after the system has refused a connection

log = logging.getLogger(__name__)


class GatewayWorker(Worker):  # type: ignore[misc]
    """Worker of gunicorn's arbiter."""

    def init_signals(self) -> None:
        """Ignore SIGINT and unblock the stop signals."""
        super().init_signals()
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends it to the whole group
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)

    def run(self) -> None:
        """Serve until a stop signal."""
        gc.collect()
        gc.freeze()  # later collections need not look at what is loaded
        sys.setswitchinterval(SWITCH_SECONDS)
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop_event = asyncio.Event()
        self._evictions = 0
        self._accepting: set[asyncio.Task[Any]] = set()
        self._guest: Guest = self.wsgi
        settings, turns = self.app.settings, Turns(self._loop)
        self._max_connections = settings.max_connections
        side = Guest(self._guest.side_app or self._guest.app)
        self._main, self._side = (ServerState(g, settings, turns) for g in (self._guest, side))
        for number in STOP_SIGNALS:
            self._loop.add_signal_handler(number, self._stop)
        self._listen()
        while self.alive and os.getppid() == self.ppid:
            self._heartbeat()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stop_event.wait(), HEARTBEAT_SECONDS)
        await self._drain()

    def _stop(self) -> None:
        self.alive = False
        self._stop_event.set()

    def _listen(self) -> None:
        """Accept on the first address for the application, on the second for the side one."""
        for index, listener in enumerate(self.sockets if self.alive else ()):
            state = self._side if index else self._main
            self._loop.add_reader(listener.sock, self._accept, listener.sock, state)

    def _accept(self, listener: socket.socket, state: ServerState) -> None:
        """Accept one connection, so that processes that listen on one socket share the load."""
        try:
            client, _ = listener.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return  # another process was faster, or the client has left
        except OSError as problem:
            log.error("cannot accept connections for now: %s", problem.strerror)
            self._loop.remove_reader(listener)
            self._loop.call_later(RETRY_ACCEPT_SECONDS, self._listen)
            return
        if not self._make_room(state):
            client.close()
            return
        client.setblocking(False)
        connecting = self._loop.connect_accepted_socket(lambda: Connection(state), client)
        task = self._loop.create_task(connecting)
        self._accepting.add(task)
        task.add_done_callback(self._accepting.discard)

    def _make_room(self, state: ServerState) -> bool:
        """Evict the connection that is idle the longest, if the limit is reached. False if none
        is idle."""
        if len(state.connections) + len(self._accepting) < self._max_connections:
            return True
        self._evictions += 1
        longest = next(iter(state.idle), None)
        if longest:
            del state.idle[longest]
            longest.evict()
        return longest is not None

    def _heartbeat(self) -> None:
        self.notify()
        if self._evictions:
            log.warning(
                "%d clients were disconnected: more than BOXIS_GATEWAY_MAX_CONNECTIONS",
                self._evictions,
            )
            self._evictions = 0
        self._guest.on_heartbeat(len(self._main.connections), self._main.stopping)
        now = time.monotonic()
        for connection in self._all_connections():
            connection.check_deadlines(now)

    def _all_connections(self) -> tuple[Client, ...]:
        return (*self._main.connections, *self._side.connections)

    async def _drain(self) -> None:
        """Finish answers in progress within the grace period, then abort the others. The side
        application, and so monitoring, answers meanwhile."""
        for listener in self.sockets[:1]:
            self._loop.remove_reader(listener.sock)
        self._main.stopping = self._side.stopping = True
        deadline = time.monotonic() + self.app.settings.shutdown_seconds
        while (self._main.connections or self._accepting) and time.monotonic() < deadline:
            for connection in tuple(self._main.connections):
                connection.shut_down()
            self._heartbeat()
            await asyncio.sleep(0.05)
        for connection in self._all_connections():
            connection.abort("stopping")
        await asyncio.sleep(0)  # lets the loop close the sockets
        self._guest.on_heartbeat(0, True)
        self._guest.on_stop()
