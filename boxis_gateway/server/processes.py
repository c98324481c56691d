"""The processes: gunicorn's arbiter starts the workers, watches them, and ends them.

Why a server of our own parts: it has to be quick, and a client must be able to tell an answer that
broke off from a whole one. docs/performance.md has what the others did.
"""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable, Sequence
from typing import Any

from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter
from gunicorn.glogging import Logger

from boxis_gateway.errors import ConfigurationError
from boxis_gateway.server.guest import Guest, ListenAddress
from boxis_gateway.server.worker import ENDING_SIGNALS, GatewayWorker
from boxis_gateway.settings import Settings

ENDING_SECONDS = 3  # for a worker to break off what is not finished, before it is killed


class GatewayArbiter(Arbiter):  # type: ignore[misc]
    """Ends on Ctrl-C as it does on SIGTERM: answers under way are finished."""

    def handle_int(self) -> None:
        """Stop gracefully."""
        raise StopIteration

    def spawn_worker(self) -> int:
        """Fork a worker; it is deaf to SIGTERM until it has its handlers."""
        # A worker that is told to end before it has its handlers would not hear it, and the stop
        # would last until the grace period is over: so it hears it late instead.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, ENDING_SIGNALS)
        try:
            return int(super().spawn_worker())
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


class Server(BaseApplication):  # type: ignore[misc]
    """A server on one or two addresses. `make_guest` is called in each worker, so that no
    connection crosses a fork; `worker_ended` is called with the process id of each worker that has
    ended."""

    def __init__(
        self,
        settings: Settings,
        make_guest: Callable[[], Guest],
        addresses: Sequence[ListenAddress] = (),
        worker_ended: Callable[[int], object] = lambda _: None,
    ) -> None:
        self.settings = settings
        self.addresses = addresses or [ListenAddress(settings.host, settings.port)]
        self._make_guest, self._worker_ended = make_guest, worker_ended
        super().__init__()

    def load_config(self) -> None:
        """Set gunicorn's options."""
        for name, value in self._configuration().items():
            if name in self.cfg.settings:  # some are newer than the oldest gunicorn we take
                self.cfg.set(name, value)

    def load(self) -> Guest:
        """The guest, made in the worker."""
        return self._make_guest()

    def run(self) -> None:
        """Serve until SIGTERM or SIGINT. Raises ConfigurationError if an address is not free."""
        for address in self.addresses:
            _require_free(address)
        GatewayArbiter(self).run()

    def _configuration(self) -> dict[str, Any]:
        settings = self.settings
        return {
            "bind": [str(address) for address in self.addresses],
            "worker_class": GatewayWorker,
            "logger_class": _Log,
            "workers": settings.workers,
            "graceful_timeout": settings.shutdown_seconds + ENDING_SECONDS,
            "timeout": 60,
            "loglevel": "warning",
            "worker_tmp_dir": "/dev/shm" if os.access("/dev/shm", os.W_OK) else None,
            "control_socket_disable": True,
            "proc_name": "boxis-gateway",
            "when_ready": self._announce,
            "child_exit": lambda _, worker: self._worker_ended(worker.pid),
        }

    def _announce(self, arbiter: Arbiter) -> None:
        for listener, address in zip(arbiter.LISTENERS, self.addresses, strict=True):
            url = address.url(listener.sock.getsockname()[1])
            print(address.announcement.format(url), flush=True)


class _Log(Logger):  # type: ignore[misc]
    """gunicorn's lines leave as all others do."""

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        self.error_log.handlers.clear()
        self.error_log.propagate = True


def _require_free(address: ListenAddress) -> None:
    try:
        family, kind, protocol, _, place = socket.getaddrinfo(
            address.host, address.port, type=socket.SOCK_STREAM
        )[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(place)
    except OSError as problem:
        raise ConfigurationError(
            f"Cannot listen on {address}: {problem.strerror}. Choose another {address.options}."
        ) from None
