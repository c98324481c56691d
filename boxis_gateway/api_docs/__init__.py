"""OpenAPI 3.1 document of both APIs: `/openapi.json`, and page `/docs/`.

The page is Swagger UI from a package, so it works without internet access; its headers forbid it to
load anything from other servers.
"""

from __future__ import annotations

import json
from functools import lru_cache

from flask import Blueprint, Response, request
from flask_swagger_ui import get_swaggerui_blueprint

from boxis_gateway.api_docs.document import document
from boxis_gateway.monitoring import get_record

DOCUMENT, PAGE = "/openapi.json", "/docs"
POLICY = (
    "default-src 'none'; connect-src 'self'; font-src 'self' data:; img-src 'self' data:; "
    "script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; frame-ancestors 'none'"
)
CONFIG = {
    "app_name": "boxis_gateway",
    "defaultModelsExpandDepth": 0,
    "layout": "BaseLayout",  # no bar for loading other documents
    "validatorUrl": None,  # no request to Swagger's server
}


def api_docs() -> Blueprint:
    """The blueprint of the document and its page."""
    blueprint = Blueprint("api_docs", __name__)
    page = get_swaggerui_blueprint(PAGE, DOCUMENT, CONFIG)
    page.after_request(_add_security_headers)
    page.after_request(_stream_file)
    blueprint.register_blueprint(page)

    @blueprint.get(DOCUMENT)
    def openapi() -> Response:
        response = Response(_document_json(), content_type="application/json")
        response.headers["Cache-Control"] = "no-cache"
        response.add_etag()
        response.make_conditional(request)
        return response

    @blueprint.get(PAGE)
    def redirect_to_page() -> Response:
        return Response(status=308, headers={"Location": f"{PAGE}/"}, content_type="text/plain")

    return blueprint


@lru_cache(maxsize=1)
def _document_json() -> bytes:
    return json.dumps(document(), ensure_ascii=False, separators=(",", ":")).encode()


def _stream_file(response: Response) -> Response:
    """Send a file in pieces: the pages have megabytes, and anybody may ask for them."""
    get_record(request.environ).streams = response.direct_passthrough
    return response


def _add_security_headers(response: Response) -> Response:
    response.headers["Content-Security-Policy"] = POLICY
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["X-Frame-Options"] = "DENY"
    response.headers["Referrer-Policy"] = "no-referrer"
    return response
