"""The WSGI application: the only place that wires the web parts."""

from __future__ import annotations

import logging
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from flask import Flask, Request, request
from werkzeug.routing import MapAdapter

from boxis_gateway.api_docs import api_docs
from boxis_gateway.form_api.endpoint import form_api
from boxis_gateway.limiting import Limiter, Tables, tables_at
from boxis_gateway.monitoring import Watch, seen_in, seen_of
from boxis_gateway.monitoring.endpoint import PATHS, WatchDoor
from boxis_gateway.monitoring.traces import Traces
from boxis_gateway.networks import client_of
from boxis_gateway.rest_api import METHODS, rest_api
from boxis_gateway.services import Clock, Parts
from boxis_gateway.settings import Settings, load_settings
from boxis_gateway.store import Replicas, Store
from boxis_gateway.zones import utc_now

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

    from boxis_gateway.monitoring.metrics import Metrics

log = logging.getLogger(__name__)
LOCK_SECONDS = 0.5  # how long a request waits for another writer, and its process with it


class Gateway(Flask):
    """A Flask application that goes by the path alone: `Host` may be anything or missing, and the
    root may be written without its slash, as in `POST http://host HTTP/1.1`. Which methods there
    are is for the doors to say: others that a server lets through get to them as well.

    Requests are watched; those to PATHS are for the `watch_door` instead, if that is open here."""

    def __init__(self, settings: Settings, watch: Watch, watch_door: WatchDoor) -> None:
        super().__init__("boxis_gateway", static_folder=None)
        self.url_map.merge_slashes = False  # nothing is redirected
        self.watch, self.watch_door = watch, watch_door
        self._trusted_proxies = settings.trusted_proxies
        self._open_here = settings.watch_port == "same"

    def wsgi_app(self, environ: WSGIEnvironment, start_response: StartResponse) -> Any:
        """WSGI. From here on `REMOTE_ADDR` is the client's address, also behind a proxy."""
        if "HTTP_X_FORWARDED_FOR" in environ:
            peer, said = environ.get("REMOTE_ADDR", ""), environ["HTTP_X_FORWARDED_FOR"]
            client = environ["REMOTE_ADDR"] = client_of(peer, said, self._trusted_proxies)
            if client == peer:
                _warn_of_proxies()
        if self._open_here and environ["PATH_INFO"] in PATHS:
            return self.watch_door(environ, start_response)
        return self.watch.call(super().wsgi_app, environ, start_response)

    def broken_off(self, environ: WSGIEnvironment, reason: str) -> None:
        """Record that the server cut a streamed answer short."""
        if record := seen_in(environ):
            record.break_off(reason)

    def log_exception(self, exc_info: Any) -> None:
        """Of a bug outside of the doors. Flask's own line has the path, which may be anything."""
        log.error("request=%s failed", seen_of(request.environ).id, exc_info=exc_info)

    def create_url_adapter(self, request: Request | None) -> MapAdapter | None:
        """What finds the endpoint. Flask's takes a closer look at the host than at anything."""
        if request is None:
            return super().create_url_adapter(None)
        method = request.method if request.method in METHODS else "TRACE"
        return self.url_map.bind("", path_info=request.path, default_method=method)


@lru_cache(maxsize=1)
def _warn_of_proxies() -> None:
    """Once: everybody behind a proxy is one address to us, to be locked out together."""
    log.warning("X-Forwarded-For of a proxy that is not among the trusted_proxies is not believed")


def create_app(
    store: Store,
    settings: Settings,
    clock: Clock = utc_now,
    tables: Tables | None = None,
    metrics: Metrics | None = None,
) -> Gateway:
    """The doors over one store. `tables` are where limits are counted: of a process alone, if they
    are not given. Without `metrics` nothing is counted. Raises ConfigurationError if there are to
    be traces and can't be."""
    limiter = Limiter(settings, tables or tables_at(settings.counters))
    parts = Parts(store, settings, limiter, clock)
    watch = Watch(metrics, Traces() if settings.traces else None)
    app = Gateway(settings, watch, WatchDoor(store, metrics))
    app.register_blueprint(form_api(parts))
    app.register_blueprint(rest_api(parts))
    app.register_blueprint(api_docs())
    return app


def store_of(settings: Settings) -> Store:
    """The store as a server uses it. Raises ConfigurationError."""
    return Store(
        settings.database_url,
        LOCK_SECONDS,
        replicas=Replicas.named(settings.replica_urls, settings.replica_lag_seconds),
        stream_seconds=settings.answer_seconds,
    )


def check_store(settings: Settings) -> None:
    """Raises StoreError unless the store is whole, of this version, on connections of our own, and
    its keys are at hand; ConfigurationError for what is no URL."""
    store = store_of(settings)
    try:
        store.require_current().user_keys.require_open()
        store.require_no_transaction_pooler()
    finally:
        store.close()  # no connection goes along into the processes that are forked from this one


def from_environ() -> Flask:
    """The application for any WSGI server: `gunicorn 'boxis_gateway.app:from_environ()'`.

    Raises OperatorError if a setting, the store or its keys cannot be used."""
    settings = load_settings()
    check_store(settings)
    from boxis_gateway.monitoring.metrics import Metrics  # it reads the server's environment

    return create_app(store_of(settings), settings, metrics=Metrics())
