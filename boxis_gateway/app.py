"""The WSGI application: the only place that wires the web parts."""

from __future__ import annotations

from flask import Flask, Request
from werkzeug.routing import MapAdapter

from boxis_gateway.api_docs import api_docs
from boxis_gateway.form_api.endpoint import Clock, form_api
from boxis_gateway.rest_api import METHODS, rest_api
from boxis_gateway.settings import Settings, load_settings
from boxis_gateway.store import Store
from boxis_gateway.zones import utc_now

LOCK_SECONDS = 2  # how long a request waits for another writer, and its process with it


class Gateway(Flask):
    """A Flask application that goes by the path alone: `Host` may be anything or missing, and the
    root may be written without its slash, as in `POST http://host HTTP/1.1`. Which methods there
    are is for the doors to say: others that a server lets through get to them as well."""

    def create_url_adapter(self, request: Request | None) -> MapAdapter | None:
        """What finds the endpoint. Flask's takes a closer look at the host than at anything."""
        if request is None:
            return super().create_url_adapter(None)
        method = request.method if request.method in METHODS else "TRACE"
        return self.url_map.bind("", path_info=request.path, default_method=method)


def create_app(store: Store, settings: Settings, clock: Clock = utc_now) -> Flask:
    """The doors over one store."""
    app = Gateway("boxis_gateway", static_folder=None)
    app.url_map.merge_slashes = False  # nothing is redirected
    app.register_blueprint(form_api(store, settings, clock))
    app.register_blueprint(rest_api(store, settings, clock))
    app.register_blueprint(api_docs())
    return app


def from_environ() -> Flask:
    """The application for any WSGI server: `gunicorn 'boxis_gateway.app:from_environ()'`.

    Raises OperatorError if a setting or the store cannot be used."""
    settings = load_settings()
    store = Store(settings.database_url).require_current()
    store.close()  # no connection goes along into the processes that are forked from this one
    return create_app(Store(settings.database_url, LOCK_SECONDS), settings)
