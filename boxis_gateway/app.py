"""The WSGI application: the only place that wires the web parts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from flask import Flask

from boxis_gateway.form_api.endpoint import Clock, form_api
from boxis_gateway.settings import Settings, load_settings
from boxis_gateway.store import Store
from boxis_gateway.zones import utc_now

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


def create_app(store: Store, settings: Settings, clock: Clock = utc_now) -> Flask:
    """The doors over one store."""
    app = Flask("boxis_gateway", static_folder=None)
    app.register_blueprint(form_api(store, settings, clock))
    app.wsgi_app = _with_root_path(app.wsgi_app)  # type: ignore[assignment, method-assign]
    return app


def _with_root_path(inner: WSGIApplication) -> WSGIApplication:
    """`POST http://host HTTP/1.1` has no path and means `/`; Flask would redirect it there."""

    def outer(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        environ["PATH_INFO"] = environ.get("PATH_INFO") or "/"
        return inner(environ, start)

    return outer


def from_environ() -> Flask:
    """The application for any WSGI server: `gunicorn 'boxis_gateway.app:from_environ()'`.

    Raises OperatorError if a setting or the store cannot be used."""
    settings = load_settings()
    return create_app(Store(settings.database_url).require_current(), settings)
