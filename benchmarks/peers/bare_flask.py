"""A bare view in the same application on the same server: the cost of Flask and the server alone.

    BOXIS_GATEWAY_DATABASE_URL=… BENCHMARK_ANSWERS=FOLDER python -m benchmarks.peers.bare_flask

`POST /bare/NAME` answers the bytes of that file of the folder.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from flask import Flask, Response

from benchmarks.peers.own_server import serve
from boxis_gateway.app import create_app
from boxis_gateway.opening import open_store
from boxis_gateway.settings import load_settings


def make_app() -> Flask:
    """The project's application with a route more for each answer."""
    settings = load_settings()
    app = create_app(open_store(settings), settings)
    for file in Path(os.environ["BENCHMARK_ANSWERS"]).iterdir():
        app.add_url_rule(f"/bare/{file.name}", file.name, constant(file), methods=["POST"])
    return app


def constant(file: Path) -> Callable[[], Response]:
    """A view that answers the file's bytes."""
    answer = file.read_bytes()
    content_type = "text/xml; charset=UTF-8" if file.suffix == ".xml" else "application/json"
    return lambda: Response(answer, content_type=content_type)


if __name__ == "__main__":
    serve(load_settings(), make_app)
