"""Frame of the OpenAPI document; the tables of both APIs fill it."""

from __future__ import annotations

from typing import Any

from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin

from boxis_gateway import __version__
from boxis_gateway.api_docs.form_api import describe_form_api
from boxis_gateway.api_docs.rest_api import describe_rest_api

DESCRIPTION = """Two HTTP APIs for one store of SMS messages.

**The form API** is that of Boxis.net. It takes a form whose `authcode` is the MD5 of `timestamp`
and the user key, and returns an envelope in XML or JSON, always with status 200.

**The REST API** is that of TelecomX: JSON for employees. Log in below, then enter the `token` under
*Authorize*."""


def document() -> dict[str, Any]:
    """Build the document."""
    marshmallow = MarshmallowPlugin()
    spec = APISpec(
        title="boxis_gateway",
        version=__version__,
        openapi_version="3.1.0",
        info={"description": DESCRIPTION},
        servers=[{"url": "/"}],
        plugins=[marshmallow],
    )
    assert marshmallow.converter is not None  # set by APISpec
    describe_form_api(spec, marshmallow.converter)
    describe_rest_api(spec)
    described: dict[str, Any] = spec.to_dict()
    return described
