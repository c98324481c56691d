"""The WSGI application, and the only module that wires the APIs together."""

from __future__ import annotations

import logging
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

from flask import Flask, Request, request
from werkzeug.exceptions import HTTPException, NotFound
from werkzeug.routing import MapAdapter

from boxis_gateway.api_docs import api_docs
from boxis_gateway.form_api import endpoint as form_endpoint
from boxis_gateway.form_api.action import ActionTable
from boxis_gateway.form_api.actions import ACTIONS
from boxis_gateway.limiting import Limiter, SharedCounters, shared_counters
from boxis_gateway.monitoring import Monitor, get_record
from boxis_gateway.monitoring.endpoint import PATHS, MonitoringEndpoint
from boxis_gateway.monitoring.traces import Traces
from boxis_gateway.networks import client_address
from boxis_gateway.opening import open_server_store
from boxis_gateway.rest_api import METHODS, rest_api
from boxis_gateway.services import Clock, Services
from boxis_gateway.settings import Settings, load_settings
from boxis_gateway.store import Store, Writer
from boxis_gateway.zones import utc_now

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

    from boxis_gateway.monitoring.metrics import Metrics

log = logging.getLogger(__name__)


class Gateway(Flask):
    """Flask for all but the form API's paths, routing by path alone: `Host` may be missing or
    arbitrary. Any method reaches the APIs, which answer it.

    Each request is monitored; those to PATHS go to `monitoring_endpoint` if it shares this port."""

    def __init__(
        self,
        services: Services,
        form_api: form_endpoint.FormApi,
        monitor: Monitor,
        monitoring_endpoint: MonitoringEndpoint,
    ) -> None:
        super().__init__("boxis_gateway", static_folder=None)
        self.url_map.merge_slashes = False  # nothing is redirected
        self.form_api, self.writer = form_api, services.writer
        self.monitor, self.monitoring_endpoint = monitor, monitoring_endpoint
        self._clock = services.clock
        self._trusted_proxies = services.settings.trusted_proxies
        self._serves_monitoring = services.settings.watch_port == "same"

    def wsgi_app(self, environ: WSGIEnvironment, start_response: StartResponse) -> Any:
        """WSGI entry point; sets `REMOTE_ADDR` to the client's address, also behind a proxy."""
        if "HTTP_X_FORWARDED_FOR" in environ:
            peer, forwarded = environ.get("REMOTE_ADDR", ""), environ["HTTP_X_FORWARDED_FOR"]
            client = environ["REMOTE_ADDR"] = client_address(peer, forwarded, self._trusted_proxies)
            if client == peer:
                _warn_of_untrusted_proxy()
        path = environ["PATH_INFO"] or "/"  # empty in `POST http://host HTTP/1.1`
        if path in form_endpoint.PATHS:
            return self.monitor.call(self.form_api, environ, start_response)
        if self._serves_monitoring and path in PATHS:
            return self.monitoring_endpoint(environ, start_response)
        if path.startswith("//"):  # Flask would take //ping for /ping
            not_found = partial(self.form_api.routing_error, NotFound())
            return self.monitor.call(not_found, environ, start_response)
        return self.monitor.call(super().wsgi_app, environ, start_response)

    def heartbeat(self, connections: int, is_stopping: bool) -> None:
        """Update this process's gauges; the server calls it about once a second."""
        self.writer.heartbeat()
        self.monitoring_endpoint.heartbeat(connections, is_stopping)

    def close(self) -> None:
        """Finish writes in progress; for the end of a server process."""
        self.writer.close()

    def error_body(self, description: str, query: str) -> tuple[str, bytes]:
        """Body of an error of the HTTP server, for bytes that never reach the application."""
        return form_endpoint.error_body(description, query, self._clock())

    def log_exception(self, exc_info: Any) -> None:
        """Log a bug outside of the APIs, without the path, which Flask's own line quotes."""
        log.error("request=%s failed", get_record(request.environ).id, exc_info=exc_info)

    def create_url_adapter(self, request: Request | None) -> MapAdapter | None:
        """Bind the routes without the host, which Flask would check."""
        if request is None:
            return super().create_url_adapter(None)
        method = request.method if request.method in METHODS else "TRACE"
        return self.url_map.bind("", path_info=request.path, default_method=method)


@lru_cache(maxsize=1)
def _warn_of_untrusted_proxy() -> None:
    """Warn once: limits and lockouts take all clients behind that proxy for one address."""
    log.warning("X-Forwarded-For ignored: the peer is not in BOXIS_GATEWAY_TRUSTED_PROXIES")


def create_app(
    store: Store,
    settings: Settings,
    clock: Clock = utc_now,
    counters: SharedCounters | None = None,
    metrics: Metrics | None = None,
    actions: ActionTable = ACTIONS,
) -> Gateway:
    """Wire both APIs to a store. `counters` default to ones of this process; without `metrics`
    nothing is counted; `actions` are those of the form API. Raises ConfigurationError if traces
    are enabled but not installed."""
    limiter = Limiter(settings, counters or shared_counters(settings.counters))
    services = Services(store, settings, limiter, clock, Writer(store))
    monitor = Monitor(metrics, Traces() if settings.traces else None)
    form_api = form_endpoint.FormApi(services, actions)
    app = Gateway(services, form_api, monitor, MonitoringEndpoint(store, metrics))
    app.register_error_handler(HTTPException, lambda error: partial(form_api.routing_error, error))
    app.register_blueprint(rest_api(services))
    app.register_blueprint(api_docs())
    return app


def check_store(settings: Settings) -> None:
    """Check the store's schema, keys and connection pooler before serving.

    Raises StoreError, or ConfigurationError for a malformed URL."""
    store = open_server_store(settings)
    try:
        store.require_current().user_keys.require_open()
        store.require_no_transaction_pooler()
    finally:
        store.close()  # forked workers must not inherit a connection


def from_environ() -> Flask:
    """The application for any WSGI server: `gunicorn 'boxis_gateway.app:from_environ()'`.

    Raises OperatorError if a setting, the store or its keys cannot be used."""
    settings = load_settings()
    check_store(settings)
    from boxis_gateway.monitoring.metrics import Metrics  # reads the server's environment

    return create_app(open_server_store(settings), settings, metrics=Metrics())
