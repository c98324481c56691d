"""What both APIs take and answer, as OpenAPI 3.1 at `/openapi.json` and as a page at `/docs/`.

The page is Swagger UI out of a package, so that it works without a network; its headers forbid it
to load anything from elsewhere.
"""

from __future__ import annotations

import json
from functools import lru_cache

from flask import Blueprint, Response, request
from flask_swagger_ui import get_swaggerui_blueprint

from boxis_gateway.api_docs.document import document

ADDRESS, PAGE = "/openapi.json", "/docs"
POLICY = (
    "default-src 'none'; connect-src 'self'; font-src 'self' data:; img-src 'self' data:; "
    "script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; frame-ancestors 'none'"
)
CONFIG = {
    "app_name": "boxis_gateway",
    "defaultModelsExpandDepth": 0,
    "layout": "BaseLayout",  # without a bar to load other documents with
    "validatorUrl": None,  # else it asks a server elsewhere
}


def api_docs() -> Blueprint:
    """The blueprint of the document and its page."""
    blueprint = Blueprint("api_docs", __name__)
    page = get_swaggerui_blueprint(PAGE, ADDRESS, CONFIG)
    page.after_request(_locked_in)
    blueprint.register_blueprint(page)

    @blueprint.get(ADDRESS)
    def openapi() -> Response:
        response = Response(_written(), content_type="application/json")
        response.headers["Cache-Control"] = "no-cache"
        response.add_etag()
        response.make_conditional(request)
        return response

    @blueprint.get(PAGE)
    def to_page() -> Response:
        return Response(status=308, headers={"Location": f"{PAGE}/"}, content_type="text/plain")

    return blueprint


@lru_cache(maxsize=1)
def _written() -> bytes:
    return json.dumps(document(), ensure_ascii=False, separators=(",", ":")).encode()


def _locked_in(response: Response) -> Response:
    response.headers["Content-Security-Policy"] = POLICY
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["X-Frame-Options"] = "DENY"
    response.headers["Referrer-Policy"] = "no-referrer"
    return response
