"""The door for who watches: `/metrics` for Prometheus, `/healthz` and `/readyz`. Plain WSGI.

It has a port of its own, for the operator's network alone; nothing that it tells is about anybody.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Protocol

from boxis_gateway.store import Store

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

PATHS = ("/metrics", "/healthz", "/readyz")
PLAIN = "text/plain; charset=utf-8"
METRICS = "text/plain; version=0.0.4; charset=utf-8"
OK, NOT_READY = "200 OK", "503 Service Unavailable"

Figures = dict[tuple[str, str], float]
"""(name, help) of a gauge -> its value."""


class Metrics(Protocol):
    """What monitoring/metrics.py offers."""

    def pulse(self, connections: int, store_connections: Mapping[str, int]) -> None:
        """Write down how this process is."""

    def text(self, figures: Figures) -> bytes:
        """What Prometheus reads."""


class WatchDoor:
    """The WSGI application. A process that is `stopping` is not ready, and finishes its answers."""

    def __init__(self, store: Store, metrics: Metrics | None = None) -> None:
        self.stopping = False
        self._store, self._metrics = store, metrics
        self._connections = 0

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Any process answers, for all of them; but its health is its own."""
        status, content_type, body = self._answer(environ["REQUEST_METHOD"], environ["PATH_INFO"])
        headers = [
            ("Content-Type", content_type),
            ("Content-Length", str(len(body))),
            ("Cache-Control", "no-store"),
            ("X-Content-Type-Options", "nosniff"),
        ]
        start_response(status, headers)
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]

    def heartbeat(self, connections: int, is_stopping: bool) -> None:
        """Record this process's state: its number of clients; called every second or so."""
        self._connections, self.stopping = connections, is_stopping
        if self._metrics:
            self._metrics.pulse(connections, self._store.health.connections())

    def _answer(self, method: str, path: str) -> tuple[str, str, bytes]:
        if method not in ("GET", "HEAD"):
            return "405 Method Not Allowed", PLAIN, b"only GET\n"
        if path == "/metrics" and self._metrics:
            self.heartbeat(self._connections, self.stopping)
            return OK, METRICS, self._metrics.text(self._figures())
        if path == "/healthz":
            return OK, PLAIN, b"ok\n"
        if path == "/readyz":
            why = self._unready()
            return (NOT_READY if why else OK), PLAIN, f"{why or 'ok'}\n".encode()
        return "404 Not Found", PLAIN, b"not found\n"

    def _unready(self) -> str:
        return "stopping" if self.stopping else self._store.health.unready_reason()

    def _figures(self) -> Figures:
        sizes = self._store.health.sizes()
        ready = not self._store.health.unready_reason()
        figures: Mapping[tuple[str, str], float | None] = {
            (
                "boxis_gateway_store_ready",
                "1 if /readyz finds nothing amiss with the store.",
            ): ready,
            ("boxis_gateway_store_file_bytes", "Size of the store's file."): sizes.file,
            ("boxis_gateway_store_wal_bytes", "Size of its write-ahead log."): sizes.log,
            ("boxis_gateway_store_disk_free_bytes", "Room that its disk has left."): sizes.free,
        }
        return {what: figure for what, figure in figures.items() if figure is not None}
