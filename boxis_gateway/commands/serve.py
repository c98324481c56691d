"""`serve`: answer clients."""

from __future__ import annotations

import logging
import time
from typing import TextIO

import click

from boxis_gateway.app import create_app
from boxis_gateway.commands.options import with_settings
from boxis_gateway.server import Server
from boxis_gateway.settings import Settings
from boxis_gateway.store import Store


@click.command()
@with_settings(
    "database_url",
    "host",
    "port",
    "workers",
    "shutdown_seconds",
    "max_body_bytes",
    "timezone",
    "timestamp_window_seconds",
    "history_key",
    "history_status_fields",
    "log_level",
)
def serve(settings: Settings) -> None:
    """Serve the form API until Ctrl-C or SIGTERM; answers under way are finished.

    \b
    Example:
      boxis-gateway serve --host 0.0.0.0 --port 8080 --workers 4
    """
    set_up_logging(settings.log_level)
    Store(settings.database_url).require_current().close()
    Server(settings, lambda: create_app(Store(settings.database_url), settings)).run()


class _LogFormatter(logging.Formatter):
    """`2026-11-22 10:20:30,123 INFO name message`; a second is put into words once."""

    _second, _words = -1, ""

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:
        second = int(record.created)
        if second != self._second:
            self._second, self._words = second, time.strftime("%F %T", time.localtime(second))
        return f"{self._words},{int(record.msecs):03}"


def set_up_logging(level: str, stream: TextIO | None = None) -> None:
    """Lines to stderr, or to the stream. Each request has one, and it should cost little: what our
    lines don't show is not looked up (https://docs.python.org/3/howto/logging.html#optimization).
    """
    logging._srcfile = None
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    handler = logging.StreamHandler(stream)
    handler.setFormatter(_LogFormatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    logging.basicConfig(level=level.upper(), handlers=[handler])
