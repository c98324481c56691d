"""The gateway's HTTP server, for peers: they pass a plain WSGI callable."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from boxis_gateway.server import Guest, Server
from boxis_gateway.settings import Settings

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication


def serve(settings: Settings, make_app: Callable[[], WSGIApplication]) -> None:
    """Serve until SIGTERM."""
    Server(settings, lambda: Guest(make_app())).run()
