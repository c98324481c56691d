"""`serve`: answer clients."""

from __future__ import annotations

import logging

import click

from boxis_gateway.app import check_store, create_app, store_of
from boxis_gateway.commands.options import with_settings
from boxis_gateway.doctor import check_key_file
from boxis_gateway.form_api.endpoint import refuse
from boxis_gateway.limiting import tables_at
from boxis_gateway.logs import set_up_logging
from boxis_gateway.monitoring.folder import forget_process, metrics_folder
from boxis_gateway.monitoring.traces import require_traces
from boxis_gateway.server import Address, Guest, Server
from boxis_gateway.settings import Settings

log = logging.getLogger(__name__)


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
    "trusted_proxies",
    "networks",
    "account_rate",
    "address_rate",
    "server_rate",
    "free_failures",
    "longest_lockout_seconds",
    "replay",
    "max_streams",
    "max_connections",
    "client_seconds",
    "answer_seconds",
    "cors_origins",
    "token_minutes",
    "token_renewal",
    "log_level",
    "log_format",
    "watch_host",
    "watch_port",
    "traces",
)
def serve(settings: Settings) -> None:
    """Serve both APIs until Ctrl-C or SIGTERM; answers under way are finished.

    \b
    Example:
      boxis-gateway serve --host 0.0.0.0 --port 8080 --workers 4
    """
    set_up_logging(settings.log_level, settings.log_format)
    if settings.traces:
        require_traces()
    check_store(settings)
    for finding in check_key_file(settings):  # no reason to be down: it was open before, too
        log.warning("%s %s", finding.text, finding.remedy)
    tables = tables_at(settings.counters)  # which all processes share
    with metrics_folder():
        from boxis_gateway.monitoring.metrics import Metrics  # it looks for the folder

        def make_guest() -> Guest:
            metrics = Metrics()
            app = create_app(store_of(settings), settings, tables=tables, metrics=metrics)
            side = app.watch_door
            return Guest(app, refuse, app.watch.fault, app.broken_off, side, side.heartbeat)

        Server(settings, make_guest, addresses(settings), forget_process).run()


def addresses(settings: Settings) -> list[Address]:
    """The address of the APIs, and the address of monitoring if it has one of its own."""
    found = [Address(settings.host, settings.port)]
    if isinstance(settings.watch_port, int):
        text = "boxis-gateway serves metrics at {}metrics"
        option = "--watch-port or --watch-host"
        found.append(Address(settings.watch_host, settings.watch_port, option, text))
    return found


COMMAND = serve
