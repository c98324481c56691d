"""`/metrics`, `/healthz` and `/readyz`, in plain WSGI.

By default they have a port of their own, for the operator's network. Nothing in them identifies a
client, a recipient or an account.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from boxis_gateway.store import Store

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

    from boxis_gateway.monitoring.metrics import Metrics

PATHS = ("/metrics", "/healthz", "/readyz")
PLAIN = "text/plain; charset=utf-8"
METRICS = "text/plain; version=0.0.4; charset=utf-8"
OK, NOT_READY = "200 OK", "503 Service Unavailable"


class MonitoringEndpoint:
    """The WSGI application. A process that is `stopping` is not ready but still alive."""

    def __init__(self, store: Store, metrics: Metrics | None = None) -> None:
        self.stopping = False
        self._store, self._metrics = store, metrics
        self._connections = 0

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Metrics are those of all server processes; health is that of the answering one."""
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
        """Update this process's gauges; the server calls it about once a second."""
        self._connections, self.stopping = connections, is_stopping
        if self._metrics:
            self._metrics.update(connections, self._store.database.connections())

    def _answer(self, method: str, path: str) -> tuple[str, str, bytes]:
        if method not in ("GET", "HEAD"):
            return "405 Method Not Allowed", PLAIN, b"only GET\n"
        if path == "/metrics" and self._metrics:
            self.heartbeat(self._connections, self.stopping)
            return OK, METRICS, self._metrics.exposition(self._store_gauges())
        if path == "/healthz":
            return OK, PLAIN, b"ok\n"
        if path == "/readyz":
            problem = "stopping" if self.stopping else self._store.health.unready_reason()
            return (NOT_READY if problem else OK), PLAIN, f"{problem or 'ok'}\n".encode()
        return "404 Not Found", PLAIN, b"not found\n"

    def _store_gauges(self) -> dict[tuple[str, str], float]:
        health = self._store.health
        sizes, ready = health.sizes(), not health.unready_reason()
        gauges = (
            ("store_ready", "1 if the store is ready, as in /readyz.", ready),
            ("store_file_bytes", "Size of the store's file.", sizes.file),
            ("store_wal_bytes", "Size of the store's write-ahead log.", sizes.log),
            ("store_disk_free_bytes", "Free space on the store's disk.", sizes.free),
        )
        return {
            (f"boxis_gateway_{name}", help): value
            for name, help, value in gauges
            if value is not None
        }
