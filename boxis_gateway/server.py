"""The application under gunicorn: processes of threads, and a shutdown that finishes answers.

Why this server: an answer that breaks off in its middle is visible to the client (the chunked body
lacks its end), and a slow reader holds up one thread, not a process, for CLIENT_SECONDS at most.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
from collections.abc import Callable
from typing import Any

from flask import Flask
from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter
from gunicorn.http.errors import ParseException
from gunicorn.workers.gthread import ThreadWorker

from boxis_gateway.errors import ConfigurationError
from boxis_gateway.form_api.form import read_form
from boxis_gateway.form_api.renderers import find_renderer
from boxis_gateway.form_api.results import Failure
from boxis_gateway.settings import Settings
from boxis_gateway.zones import utc_now

LONGEST_REQUEST_LINE = 8190  # bytes, the most that gunicorn can be told; a GET carries the form
KEEP_ALIVE_SECONDS = 5
CLIENT_SECONDS = 60  # to send what it announced, or to take a piece of an answer (some 150 KB)
ENDING_SIGNALS = (signal.SIGTERM, signal.SIGQUIT)
log = logging.getLogger(__name__)


class GatewayWorker(ThreadWorker):  # type: ignore[misc]
    """Leaves Ctrl-C to the arbiter, and answers what is not HTTP with an envelope too."""

    def init_signals(self) -> None:
        super().init_signals()
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends it to the whole group
        signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING_SIGNALS)

    def enqueue_req(self, conn: Any) -> None:
        if not isinstance(conn.sock, PatientSocket):
            conn.sock = PatientSocket(fileno=conn.sock.detach())
        super().enqueue_req(conn)

    def handle_error(self, req: Any, client: Any, addr: Any, exc: BaseException) -> None:
        """gunicorn would answer HTML, and log the request line with the query in it."""
        if isinstance(exc, ParseException):
            log.warning("no valid HTTP request: %s", type(exc).__name__)
            status, failure = "400 Bad Request", Failure("request is not valid")
        else:
            log.error("a request failed", exc_info=exc)
            status, failure = "500 Internal Server Error", Failure("internal error")
        query = (getattr(req or getattr(exc, "req", None), "query", "") or "").encode(
            "latin-1", "replace"
        )
        renderer = find_renderer(read_form(query, "", b"")[0].get("returntype"))
        body = b"".join(renderer.render(failure, int(utc_now().timestamp())))
        head = (
            f"HTTP/1.1 {status}\r\nConnection: close\r\n"
            f"Content-Type: {renderer.CONTENT_TYPE}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        try:
            client.sendall(head.encode() + body)
        except OSError:
            log.debug("the client is gone")


class PatientSocket(socket.socket):
    """A socket whose blocking calls end after CLIENT_SECONDS: a client that neither sends nor reads
    gives its thread back."""

    def setblocking(self, flag: bool) -> None:
        """As gunicorn asks for it, with an end to the waiting."""
        self.settimeout(CLIENT_SECONDS if flag else 0)


class _WithoutTraceback(logging.Filter):
    """A client that was too slow is worth a line, not a traceback."""

    def filter(self, record: logging.LogRecord) -> bool:
        if record.exc_info and isinstance(record.exc_info[1], TimeoutError):
            record.msg, record.args, record.exc_info = "a client was too slow", (), None
        return True


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
        self._settings = settings
        self._make_app = make_app
        super().__init__()

    def load_config(self) -> None:
        for name, value in _configuration(self._settings).items():
            if name in self.cfg.settings:  # some are newer than the oldest gunicorn we take
                self.cfg.set(name, value)

    def load(self) -> Flask:
        return self._make_app()

    def run(self) -> None:
        """Serve until SIGTERM or SIGINT. Raises ConfigurationError if the address is not free."""
        _require_free(self._settings)
        logging.getLogger("gunicorn.error").addFilter(_WithoutTraceback())
        GatewayArbiter(self).run()


def _configuration(settings: Settings) -> dict[str, Any]:
    return {
        "bind": _address(settings),
        "worker_class": GatewayWorker,
        "workers": settings.workers,
        "threads": settings.threads,
        "graceful_timeout": settings.shutdown_seconds,
        "timeout": 60,
        "keepalive": KEEP_ALIVE_SECONDS,
        "limit_request_line": LONGEST_REQUEST_LINE,
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
