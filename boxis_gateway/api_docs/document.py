"""The OpenAPI document: what is common to both APIs. Everything else comes from their tables."""

from __future__ import annotations

from typing import Any

from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin

from boxis_gateway import __version__
from boxis_gateway.api_docs.form_api import describe_form_api
from boxis_gateway.api_docs.rest_api import describe_rest_api

DESCRIPTION = """Two HTTP interfaces over one store of SMS messages.

**The form API** is the Boxis.net API: one address takes a form whose `authcode` is the MD5 of its
`timestamp` and the user key, and answers an envelope in XML or JSON, always with status 200.

**The REST API** is the TelecomX API: JSON for employees who log in. Log in below, then put the
`token` under *Authorize*."""


def document() -> dict[str, Any]:
    """The document, as it is to be written in JSON."""
    marshmallow = MarshmallowPlugin()
    spec = APISpec(
        title="boxis_gateway",
        version=__version__,
        openapi_version="3.1.0",
        info={"description": DESCRIPTION},
        servers=[{"url": "/"}],
        plugins=[marshmallow],
    )
    assert marshmallow.converter is not None  # since it belongs to a document
    describe_form_api(spec, marshmallow.converter)
    describe_rest_api(spec)
    described: dict[str, Any] = spec.to_dict()
    return described
