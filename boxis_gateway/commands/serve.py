"""`serve`: serve both APIs."""

from __future__ import annotations

import logging

import click

from boxis_gateway.app import check_store, create_app
from boxis_gateway.commands.options import with_settings
from boxis_gateway.doctor import check_key_file
from boxis_gateway.form_api.action import ActionTable
from boxis_gateway.form_api.actions import ACTIONS
from boxis_gateway.limiting import shared_counters
from boxis_gateway.logs import set_up_logging
from boxis_gateway.monitoring.multiprocess import metrics_folder, worker_ended
from boxis_gateway.monitoring.traces import require_traces
from boxis_gateway.opening import open_server_store
from boxis_gateway.server import Guest, ListenAddress, Server, fit_connections
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
    "max_process_streams",
    "max_connections",
    "client_seconds",
    "answer_seconds",
    "cors_origins",
    "token_minutes",
    "secure_cookies",
    "token_renewal",
    "log_level",
    "log_format",
    "watch_host",
    "watch_port",
    "traces",
)
def serve(settings: Settings) -> None:
    """Serve both APIs until Ctrl-C or SIGTERM, then finish the answers in progress.

    \b
    Example:
      boxis-gateway serve --host 0.0.0.0 --port 8080 --workers 4
    """
    run(settings)


def run(settings: Settings, actions: ActionTable = ACTIONS) -> None:
    """Serve with that table of form actions."""
    set_up_logging(settings.log_level, settings.log_format)
    if settings.traces:
        require_traces()
    settings = fit_connections(settings)
    check_store(settings)
    for finding in check_key_file(settings):  # only a warning: the server is not less safe than now
        log.warning("%s %s", finding.text, finding.remedy)
    counters = shared_counters(settings.counters)  # before the fork, so that processes share them
    with metrics_folder():
        from boxis_gateway.monitoring.metrics import Metrics  # needs the folder

        def make_guest() -> Guest:
            store = open_server_store(settings)
            app = create_app(store, settings, counters=counters, metrics=Metrics(), actions=actions)
            side, monitor = app.monitoring_endpoint, app.monitor
            callbacks = (monitor.malformed, monitor.aborted, side, app.heartbeat, app.close)
            return Guest(app, app.error_body, *callbacks)

        Server(settings, make_guest, listen_addresses(settings), worker_ended).run()


def listen_addresses(settings: Settings) -> list[ListenAddress]:
    """The address of the APIs and, if it has a port of its own, that of monitoring."""
    addresses = [ListenAddress(settings.host, settings.port)]
    if isinstance(settings.watch_port, int):
        announcement = "boxis-gateway serves metrics at {}metrics"
        options = "--watch-port or --watch-host"
        monitoring = ListenAddress(settings.watch_host, settings.watch_port, options, announcement)
        addresses.append(monitoring)
    return addresses


COMMAND = serve
