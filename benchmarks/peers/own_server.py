"""The project's own HTTP server for peers: they pass a plain WSGI callable."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from boxis_gateway.server import Server
from boxis_gateway.settings import Settings

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication


def serve(settings: Settings, make_app: Callable[[], WSGIApplication]) -> None:
    """Serve what `make_app` returns in each worker, until SIGTERM."""
    Server(settings, lambda: _Unmonitored(make_app()), lambda pid: None).run()


class _Unmonitored:
    """What the worker expects beside the callable: monitoring, here switched off."""

    def __init__(self, app: WSGIApplication) -> None:
        self._app = app
        self.watch: Any = SimpleNamespace(fault=lambda fault: None)
        self.watch_door: Any = SimpleNamespace(pulse=lambda connections: None)

    def __call__(self, environ: Any, start_response: Any) -> Any:
        return self._app(environ, start_response)
