"""The REST API in the OpenAPI document: one operation per resource."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import groupby
from operator import attrgetter
from typing import Any

from apispec import APISpec
from marshmallow import fields

from boxis_gateway.errors import LimitReached, Unavailable
from boxis_gateway.rest_api.endpoint import EMPTY, JSON
from boxis_gateway.rest_api.failures import (
    FailureSchema,
    RestFailure,
    credentials_invalid,
    expired,
    invalid,
    missing,
    out_of_service,
    too_many_requests,
)
from boxis_gateway.rest_api.params import SmsAddress
from boxis_gateway.rest_api.properties import ID_EXAMPLE
from boxis_gateway.rest_api.request_fields import COOKIE
from boxis_gateway.rest_api.resource import Resource
from boxis_gateway.rest_api.resources import RESOURCES

TAG = "REST API"
SCHEMES: dict[str, dict[str, Any]] = {
    "bearer": {"type": "http", "scheme": "bearer"},
    "query": {"type": "apiKey", "in": "query", "name": "token"},
    "cookie": {"type": "apiKey", "in": "cookie", "name": COOKIE},
}
PATH_PARAMS = {
    "employee_id": ("Id of the employee, in any case.", ID_EXAMPLE),
    "message_id": ("Id of the message, in any case.", ID_EXAMPLE),
    "token": ("Machine token.", "0123456789abcdef0123456789abcdef01234567"),
}
FORM = "application/x-www-form-urlencoded"
TEXT = {"type": "string"}
NO_BODY = {EMPTY: {"schema": {"type": "string", "maxLength": 0}}}
NEVER_INVALID = (fields.String, SmsAddress)
"""Fields that accept any text of a query."""
OTHER_FAILURES = (
    "Any other failure: 400 for a malformed request, 405 `method_not_allowed`, 413 for a body that "
    "is too long, 500 `internal_error`, 503 `unavailable` with `Retry-After`."
)
ETAG = {
    "description": "Send it as `If-None-Match` to get no body if nothing has changed.",
    "schema": TEXT,
}
FILE = {"description": "The file, streamed."}
FILE_NAME = {"description": "`attachment` with the name of the file.", "schema": TEXT}
RETRY_AFTER = {
    "description": "Seconds to wait before the next attempt.",
    "schema": {"type": "integer", "minimum": 1},
}
LINK = {
    "description": 'URL of the next page, with `rel="next"`; absent on the last page.',
    "schema": TEXT,
}


def describe_rest_api(spec: APISpec) -> None:
    """Add the operations of the REST API to the document."""
    spec.tag({"name": TAG, "description": "JSON for employees (TelecomX)."})
    for name, scheme in SCHEMES.items():
        spec.components.security_scheme(name, scheme)
    for resource in RESOURCES:
        path = re.sub(r"<(\w+)>", r"{\1}", resource.path)
        spec.path(path, operations={resource.method.lower(): _operation(resource)})


def _operation(resource: Resource) -> dict[str, Any]:
    summary, _, description = (resource.handler.__doc__ or "").partition("\n\n")
    operation: dict[str, Any] = {
        "operationId": re.sub(r"\W+", "_", f"{resource.method.lower()}{resource.path}").strip("_"),
        "tags": [TAG],
        "summary": _line(summary),
        "description": _line(description),
        "parameters": [_path_param(name) for name in re.findall(r"<(\w+)>", resource.path)],
        "security": [{name: []} for name in SCHEMES] if resource.needs_token else [],
        "responses": _responses(resource),
    }
    if resource.params.fields and resource.method == "POST":
        content = {JSON: {"schema": resource.params}, FORM: {"schema": resource.params}}
        operation["requestBody"] = {"required": True, "content": content}
    elif resource.params.fields:
        operation["parameters"].append({"in": "query", "schema": type(resource.params)})
    return operation


def _line(text: str) -> str:
    return " ".join(text.split())


def _path_param(name: str) -> dict[str, Any]:
    description, example = PATH_PARAMS[name]
    return {
        "name": name,
        "in": "path",
        "required": True,
        "description": description,
        "schema": TEXT,
        "example": example,
    }


def _responses(resource: Resource) -> dict[str, Any]:
    content: dict[str, Any] = {kind: {"schema": FILE} for kind in resource.files}
    content = content or {JSON: {"schema": resource.answers}}
    description = _line(resource.answers.__doc__ or "")
    success: dict[str, Any] = {"description": description, "content": content}
    responses = {"200": success}
    if resource.files:
        success["headers"] = {"Content-Disposition": FILE_NAME}
    if resource.cacheable:
        link = {"Link": LINK} if "cursor" in resource.params.fields else {}
        success["headers"] = {"ETag": ETAG} | link
        responses["304"] = {"description": "Not modified since the `ETag` of `If-None-Match`."}
    by_code = attrgetter("code")
    failures = sorted((*resource.fails, *_usual_failures(resource)), key=by_code)
    for code, group in groupby(failures, key=by_code):
        responses[str(code)] = _failed(group)
    for status in ("429", "503"):
        responses[status]["headers"] = {"Retry-After": RETRY_AFTER}
    for code in resource.empty:
        default = {"description": "The token is not valid.", "content": {}}
        responses.setdefault(str(code), default)["content"] |= NO_BODY
    responses["default"] = {
        "description": OTHER_FAILURES,
        "content": {JSON: {"schema": FailureSchema}},
    }
    return responses


def _usual_failures(resource: Resource) -> Iterable[RestFailure]:
    """Failures of limits, the store, the token and the parameters."""
    yield from (too_many_requests(LimitReached("account", 60)), out_of_service(Unavailable()))
    if resource.needs_token:
        yield from (credentials_invalid(), expired())
    if resource.method == "POST":
        yield invalid("body")
    for name, field in resource.params.fields.items():
        wire_name = field.data_key or name
        if resource.method == "POST" or not isinstance(field, NEVER_INVALID):
            yield invalid(wire_name)
        if field.required:
            yield missing(wire_name)


def _failed(failures: Iterable[RestFailure]) -> dict[str, Any]:
    examples = {failure.key: {"value": failure.body()} for failure in failures}
    return {
        "description": ", ".join(f"`{key}`" for key in examples),
        "content": {JSON: {"schema": FailureSchema, "examples": examples}},
    }
