"""One process: an event loop that takes connections, and the end of it.

The application is called in the loop itself. Its work for one request, or for one piece of a long
answer, is a millisecond of Python and SQLite: threads would only take turns, and pay for each.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import resource
import signal
import socket
import time
from contextlib import suppress
from typing import Any

from gunicorn.workers.base import Worker

from boxis_gateway.server.connection import Connection
from boxis_gateway.server.guest import Guest
from boxis_gateway.server.state import Client, ServerState
from boxis_gateway.server.turns import Turns

ENDING_SIGNALS = (signal.SIGTERM, signal.SIGQUIT)
SWEEP_SECONDS = 1.0  # also the heartbeat that gunicorn's arbiter wants
SPARE_DESCRIPTORS = 256
PAUSE_SECONDS = 1.0  # in taking connections, when there are more than the system allows

log = logging.getLogger(__name__)


def _allow_descriptors(connections: int) -> None:
    """As many as the system lets a process have: a client may need one for itself, and three for
    its view of the store."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 4 * connections + SPARE_DESCRIPTORS
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    if soft not in (resource.RLIM_INFINITY, hard):
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))


class GatewayWorker(Worker):  # type: ignore[misc]
    """Started by gunicorn's arbiter, which it tells every second that it lives."""

    def init_signals(self) -> None:
        """Ignore SIGINT, accept the ending signals."""
        super().init_signals()
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends it to the whole group
        signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING_SIGNALS)

    def run(self) -> None:
        """Serve until told to end."""
        gc.collect()
        gc.freeze()  # what is loaded stays: later collections need not look at it
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._told_to_stop = asyncio.Event()
        self._gave_way = 0
        self._coming: set[asyncio.Task[Any]] = set()
        self._guest: Guest = self.wsgi
        settings, turns = self.app.settings, Turns(self._loop)
        self._most = settings.max_connections
        _allow_descriptors(self._most)
        side = Guest(self._guest.side_app or self._guest.app)
        self._main, self._side = (ServerState(g, settings, turns) for g in (self._guest, side))
        for ending in ENDING_SIGNALS:
            self._loop.add_signal_handler(ending, self._stop)
        self._listen()
        while self.alive and os.getppid() == self.ppid:
            self._sweep()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._told_to_stop.wait(), SWEEP_SECONDS)
        await self._finish()

    def _stop(self) -> None:
        self.alive = False
        self._told_to_stop.set()

    def _listen(self) -> None:
        """The first address is for the application, the second one for the side application."""
        for place, listener in enumerate(self.sockets if self.alive else ()):
            state = self._side if place else self._main
            self._loop.add_reader(listener.sock, self._accept, listener.sock, state)

    def _accept(self, listener: socket.socket, state: ServerState) -> None:
        """One connection at a time, so that processes that listen to the same socket share."""
        try:
            client, _ = listener.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return  # another process was faster, or the client is gone already
        except OSError as problem:
            log.error("no more connections can be taken for now: %s", problem.strerror)
            self._loop.remove_reader(listener)
            self._loop.call_later(PAUSE_SECONDS, self._listen)
            return
        if not self._makes_room(state):
            client.close()
            return
        client.setblocking(False)
        made = self._loop.connect_accepted_socket(lambda: Connection(state), client)
        task = self._loop.create_task(made)
        self._coming.add(task)
        task.add_done_callback(self._coming.discard)

    def _makes_room(self, state: ServerState) -> bool:
        """Whether one more client can be taken; somebody else may have to go for that."""
        if len(state.connections) + len(self._coming) < self._most:
            return True
        self._gave_way += 1
        longest = next(iter(state.waiting), None)
        if longest:
            del state.waiting[longest]
            longest.give_way()
        return longest is not None

    def _sweep(self) -> None:
        self.notify()
        if self._gave_way:
            log.warning("%d clients had to go: too many connections", self._gave_way)
            self._gave_way = 0
        self._guest.on_heartbeat(len(self._main.connections), self._main.stopping)
        now = time.monotonic()
        for connection in self._all_connections():
            connection.sweep(now)

    def _all_connections(self) -> tuple[Client, ...]:
        return (*self._main.connections, *self._side.connections)

    async def _finish(self) -> None:
        """Answers under way are finished, as far as the time allows; the others break off. Who
        watches is told so, meanwhile."""
        for listener in self.sockets[:1]:
            self._loop.remove_reader(listener.sock)
        self._main.stopping = self._side.stopping = True
        end = time.monotonic() + self.app.settings.shutdown_seconds
        while (self._main.connections or self._coming) and time.monotonic() < end:
            for connection in tuple(self._main.connections):
                connection.stop()
            self._sweep()
            await asyncio.sleep(0.05)
        for connection in self._all_connections():
            connection.break_off("stopping")
        await asyncio.sleep(0)  # for the sockets to be closed
        self._guest.on_heartbeat(0, True)
