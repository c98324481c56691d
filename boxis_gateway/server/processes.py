"""The processes: gunicorn's arbiter starts the workers, watches them, and ends them.

Why a server of our own parts: it has to be quick, and a client must be able to tell an answer that
broke off from a whole one. docs/performance.md has what the others did.
"""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable
from typing import Any

from flask import Flask
from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter

from boxis_gateway.errors import ConfigurationError
from boxis_gateway.form_api.form import read_form
from boxis_gateway.form_api.renderers import find_renderer
from boxis_gateway.form_api.results import Failure
from boxis_gateway.server.worker import ENDING_SIGNALS, GatewayWorker
from boxis_gateway.settings import Settings
from boxis_gateway.zones import utc_now

ENDING_SECONDS = 3  # for a worker to break off what is not finished, before it is killed


class GatewayArbiter(Arbiter):  # type: ignore[misc]
    """Ends on Ctrl-C as it does on SIGTERM: answers under way are finished."""

    def handle_int(self) -> None:
        raise StopIteration

    def spawn_worker(self) -> int:
        # A worker that is told to end before it has its handlers would not hear it, and the stop
        # would last until the grace period is over: so it hears it late instead.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, ENDING_SIGNALS)
        try:
            return int(super().spawn_worker())
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


class Server(BaseApplication):  # type: ignore[misc]
    """`make_app` is called in each worker, so that no connection crosses a fork."""

    def __init__(self, settings: Settings, make_app: Callable[[], Flask]) -> None:
        self.settings = settings
        self._make_app = make_app
        super().__init__()

    def load_config(self) -> None:
        for name, value in _configuration(self.settings).items():
            if name in self.cfg.settings:  # some are newer than the oldest gunicorn we take
                self.cfg.set(name, value)

    def load(self) -> Flask:
        return self._make_app()

    def refusal(self, description: str, query: str) -> tuple[str, bytes]:
        """What is said to a request that does not come to the application: content type and body,
        in the format that its query string asks for."""
        form, _ = read_form(query.encode("latin-1"), "", b"")
        renderer = find_renderer(form.get("returntype"))
        pieces = renderer.render(Failure(description), int(utc_now().timestamp()))
        return renderer.CONTENT_TYPE, b"".join(pieces)

    def run(self) -> None:
        """Serve until SIGTERM or SIGINT. Raises ConfigurationError if the address is not free."""
        _require_free(self.settings)
        GatewayArbiter(self).run()


def _configuration(settings: Settings) -> dict[str, Any]:
    return {
        "bind": _address(settings),
        "worker_class": GatewayWorker,
        "workers": settings.workers,
        "graceful_timeout": settings.shutdown_seconds + ENDING_SECONDS,
        "timeout": 60,
        "loglevel": "warning",
        "worker_tmp_dir": "/dev/shm" if os.access("/dev/shm", os.W_OK) else None,
        "control_socket_disable": True,
        "proc_name": "boxis-gateway",
        "when_ready": _say_where,
    }


def _address(settings: Settings) -> str:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return f"{host}:{settings.port}"


def _say_where(arbiter: Any) -> None:
    for listener in arbiter.LISTENERS:
        host, port = listener.sock.getsockname()[:2]
        shown = f"[{host}]" if ":" in host else host
        print(f"boxis-gateway listens on http://{shown}:{port}/", flush=True)


def _require_free(settings: Settings) -> None:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM
        )[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as problem:
        raise ConfigurationError(
            f"Cannot listen on {_address(settings)}: {problem.strerror}. "
            "Choose another --port or --host."
        ) from None
