"""The processes: gunicorn's arbiter starts the workers, watches them, and ends them.

Why a server of our own parts: it has to be quick, and a client must be able to tell an answer that
broke off from a whole one. docs/performance.md has what the others did.
"""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter
from gunicorn.glogging import Logger

from boxis_gateway.errors import ConfigurationError
from boxis_gateway.form_api.form import read_form
from boxis_gateway.form_api.renderers import find_renderer
from boxis_gateway.form_api.results import Failure
from boxis_gateway.server.worker import ENDING_SIGNALS, GatewayWorker
from boxis_gateway.settings import Settings
from boxis_gateway.watch_door import WatchDoor
from boxis_gateway.watching import Watch
from boxis_gateway.zones import utc_now

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

ENDING_SECONDS = 3  # for a worker to break off what is not finished, before it is killed


class Watched(Protocol):
    """A WSGI application, who watches its requests, and the door where they tell."""

    watch: Watch
    watch_door: WatchDoor

    def __call__(
        self, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]: ...


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
    """`make_app` is called in each worker, so that no connection crosses a fork; `worker_ended` is
    told the process id of each that has ended, however it did."""

    def __init__(
        self,
        settings: Settings,
        make_app: Callable[[], Watched],
        worker_ended: Callable[[int], object],
    ) -> None:
        self.settings = settings
        self._make_app, self._worker_ended = make_app, worker_ended
        super().__init__()

    def load_config(self) -> None:
        hooks = {"child_exit": lambda _, worker: self._worker_ended(worker.pid)}
        for name, value in {**_configuration(self.settings), **hooks}.items():
            if name in self.cfg.settings:  # some are newer than the oldest gunicorn we take
                self.cfg.set(name, value)

    def load(self) -> Watched:
        return self._make_app()

    def refusal(self, description: str, query: str) -> tuple[str, bytes]:
        """What is said to a request that does not come to the application: content type and body,
        in the format that its query string asks for."""
        form, _ = read_form(query.encode("latin-1"), "", b"")
        renderer = find_renderer(form.get("returntype"))
        pieces = renderer.render(Failure(description), int(utc_now().timestamp()))
        return renderer.CONTENT_TYPE, b"".join(pieces)

    def run(self) -> None:
        """Serve until SIGTERM or SIGINT. Raises ConfigurationError if an address is not free."""
        for address in _addresses(self.settings):
            address.require_free()
        GatewayArbiter(self).run()


class _Log(Logger):  # type: ignore[misc]
    """gunicorn's lines leave as all others do."""

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        self.error_log.handlers.clear()
        self.error_log.propagate = True


class _Address(NamedTuple):
    """Where to listen, and the options that say so."""

    host: str
    port: int
    option: str

    def __str__(self) -> str:
        return f"{_bracketed(self.host)}:{self.port}"

    def require_free(self) -> None:
        """Raises ConfigurationError if nobody can listen there."""
        try:
            family, kind, protocol, _, address = socket.getaddrinfo(
                self.host, self.port, type=socket.SOCK_STREAM
            )[0]
            with socket.socket(family, kind, protocol) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(address)
        except OSError as problem:
            raise ConfigurationError(
                f"Cannot listen on {self}: {problem.strerror}. "
                f"Choose another --{self.option}port or --{self.option}host."
            ) from None


def _addresses(settings: Settings) -> list[_Address]:
    """That of the doors, and then that of who watches, if it is another."""
    addresses = [_Address(settings.host, settings.port, "")]
    if isinstance(settings.watch_port, int):
        addresses.append(_Address(settings.watch_host, settings.watch_port, "watch-"))
    return addresses


def _configuration(settings: Settings) -> dict[str, Any]:
    return {
        "bind": [str(address) for address in _addresses(settings)],
        "worker_class": GatewayWorker,
        "logger_class": _Log,
        "workers": settings.workers,
        "graceful_timeout": settings.shutdown_seconds + ENDING_SECONDS,
        "timeout": 60,
        "loglevel": "warning",
        "worker_tmp_dir": "/dev/shm" if os.access("/dev/shm", os.W_OK) else None,
        "control_socket_disable": True,
        "proc_name": "boxis-gateway",
        "when_ready": _say_where,
    }


def _say_where(arbiter: Any) -> None:
    for listener, what in zip(arbiter.LISTENERS, ("listens on", "is watched at"), strict=False):
        host, port = listener.sock.getsockname()[:2]
        path = "metrics" if what == "is watched at" else ""
        print(f"boxis-gateway {what} http://{_bracketed(host)}:{port}/{path}", flush=True)


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
