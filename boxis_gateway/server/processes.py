"""Server processes, which gunicorn's arbiter starts, monitors and stops.

Why our own worker: speed, and a client must be able to tell an aborted answer from a whole one.
docs/performance-measurements.md compares other servers.
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
from boxis_gateway.server.worker import STOP_SIGNALS, GatewayWorker
from boxis_gateway.settings import Settings

ABORT_SECONDS = 8  # for a worker to abort answers, and to end a write that waits, before a kill


class GatewayArbiter(Arbiter):  # type: ignore[misc]
    """Arbiter that stops gracefully on Ctrl-C, too."""

    def handle_int(self) -> None:
        """Stop gracefully."""
        raise StopIteration

    def spawn_worker(self) -> int:
        """Fork a worker that blocks SIGTERM until it has installed its handlers."""
        # Otherwise a worker that is stopped while it starts would lose the signal and be killed
        # only at the end of the grace period.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
        try:
            return int(super().spawn_worker())
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


class Server(BaseApplication):  # type: ignore[misc]
    """A server on one or two addresses. `make_guest` is called in each worker, so that no database
    connection crosses a fork; `worker_ended` gets the process id of each worker that has ended."""

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
            if name in self.cfg.settings:  # older versions of gunicorn lack some
                self.cfg.set(name, value)

    def load(self) -> Guest:
        """Make the guest, in the worker."""
        return self._make_guest()

    def run(self) -> None:
        """Serve until SIGTERM or SIGINT. Raises ConfigurationError if an address is in use."""
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
            "graceful_timeout": settings.shutdown_seconds + ABORT_SECONDS,
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
    """Log gunicorn's messages through our handlers."""

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        self.error_log.handlers.clear()
        self.error_log.propagate = True


def _require_free(address: ListenAddress) -> None:
    try:
        family, kind, protocol, _, name = socket.getaddrinfo(
            address.host, address.port, type=socket.SOCK_STREAM
        )[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(name)
    except OSError as problem:
        raise ConfigurationError(
            f"Cannot listen on {address}: {problem.strerror}. Choose another {address.options}."
        ) from None
