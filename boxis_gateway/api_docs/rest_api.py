"""The REST API in the OpenAPI document: an operation for each of its resources."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import groupby
from typing import Any

from apispec import APISpec
from marshmallow import fields

from boxis_gateway.errors import LimitReached, Unavailable
from boxis_gateway.rest_api.endpoint import COOKIE, EMPTY, JSON
from boxis_gateway.rest_api.failures import (
    Failure,
    RestFailure,
    credentials_invalid,
    expired,
    invalid,
    missing,
    out_of_service,
    too_many_requests,
)
from boxis_gateway.rest_api.params import Address
from boxis_gateway.rest_api.properties import ID_EXAMPLE
from boxis_gateway.rest_api.resource import Resource
from boxis_gateway.rest_api.resources import RESOURCES

TAG = "REST API"
SCHEMES: dict[str, dict[str, Any]] = {
    "bearer": {"type": "http", "scheme": "bearer"},
    "query": {"type": "apiKey", "in": "query", "name": "token"},
    "cookie": {"type": "apiKey", "in": "cookie", "name": COOKIE},
}
PARTS = {
    "employee_id": ("The employee's id, in either case.", ID_EXAMPLE),
    "message_id": ("The message's id, in either case.", ID_EXAMPLE),
    "token": ("The token of a machine.", "0123456789abcdef0123456789abcdef01234567"),
}
FORM = "application/x-www-form-urlencoded"
TEXT = {"type": "string"}
NOTHING = {EMPTY: {"schema": {"type": "string", "maxLength": 0}}}
ANYTHING_GOES = (fields.String, Address)
"""Kinds of parameters that any text of a query will do for."""
ANYTHING_ELSE = (
    "Any other failure: 400 for what can't be read, 405 `method_not_allowed`, 413 for a body that "
    "is too long, 500 `internal_error`, 503 `unavailable` with `Retry-After`."
)
ETAG = {"description": "Sent back as `If-None-Match` it spares the body.", "schema": TEXT}
FILE = {"description": "A file, made while it is sent."}
FILE_NAME = {"description": "The file's name, after `attachment`.", "schema": TEXT}
RETRY_AFTER = {
    "description": "Seconds to wait.",
    "schema": {"type": "integer", "minimum": 1},
}
LINK = {
    "description": 'The address of the next page, with `rel="next"`; missing on the last one.',
    "schema": TEXT,
}


def describe_rest_api(spec: APISpec) -> None:
    """Add the api's operations to the document."""
    spec.tag({"name": TAG, "description": "JSON for employees who log in (TelecomX)."})
    for name, scheme in SCHEMES.items():
        spec.components.security_scheme(name, scheme)
    for one in RESOURCES:
        path = re.sub(r"<(\w+)>", r"{\1}", one.path)
        spec.path(path, operations={one.method.lower(): _operation(one)})


def _operation(one: Resource) -> dict[str, Any]:
    summary, _, description = (one.handler.__doc__ or "").partition("\n\n")
    operation: dict[str, Any] = {
        "operationId": re.sub(r"\W+", "_", f"{one.method.lower()}{one.path}").strip("_"),
        "tags": [TAG],
        "summary": _line(summary),
        "description": _line(description),
        "parameters": [_part(name) for name in re.findall(r"<(\w+)>", one.path)],
        "security": [{name: []} for name in SCHEMES] if one.needs_token else [],
        "responses": _responses(one),
    }
    if one.params.fields and one.method == "POST":
        content = {JSON: {"schema": one.params}, FORM: {"schema": one.params}}
        operation["requestBody"] = {"required": True, "content": content}
    elif one.params.fields:
        operation["parameters"].append({"in": "query", "schema": type(one.params)})
    return operation


def _line(text: str) -> str:
    return " ".join(text.split())


def _part(name: str) -> dict[str, Any]:
    description, example = PARTS[name]
    return {
        "name": name,
        "in": "path",
        "required": True,
        "description": description,
        "schema": TEXT,
        "example": example,
    }


def _responses(one: Resource) -> dict[str, Any]:
    content: dict[str, Any] = {kind: {"schema": FILE} for kind in one.files}
    content = content or {JSON: {"schema": one.answers}}
    good: dict[str, Any] = {"description": _line(one.answers.__doc__ or ""), "content": content}
    responses = {"200": good}
    if one.files:
        good["headers"] = {"Content-Disposition": FILE_NAME}
    if one.cacheable:
        good["headers"] = {"ETag": ETAG} | ({"Link": LINK} if "cursor" in one.params.fields else {})
        responses["304"] = {"description": "As it was: the `ETag` of `If-None-Match` holds."}
    failures = sorted((*one.fails, *_usual_failures(one)), key=lambda failure: failure.code)
    for code, some in groupby(failures, key=lambda failure: failure.code):
        responses[str(code)] = _failed(some)
    for later in ("429", "503"):
        responses[later]["headers"] = {"Retry-After": RETRY_AFTER}
    for code in one.empty:
        nothing = responses.setdefault(str(code), {"description": "No.", "content": {}})
        nothing["content"] |= NOTHING
    responses["default"] = {
        "description": ANYTHING_ELSE,
        "content": {JSON: {"schema": Failure}},
    }
    return responses


def _usual_failures(one: Resource) -> Iterable[RestFailure]:
    """Those that come of limits, of the store, of the token and of the parameters."""
    yield from (too_many_requests(LimitReached("account", 60)), out_of_service(Unavailable()))
    if one.needs_token:
        yield from (credentials_invalid(), expired())
    if one.method == "POST":
        yield invalid("body")
    for name, field in one.params.fields.items():
        wire_name = field.data_key or name
        if one.method == "POST" or not isinstance(field, ANYTHING_GOES):
            yield invalid(wire_name)
        if field.required:
            yield missing(wire_name)


def _failed(failures: Iterable[RestFailure]) -> dict[str, Any]:
    examples = {failure.key: {"value": failure.body()} for failure in failures}
    return {
        "description": ", ".join(f"`{key}`" for key in examples),
        "content": {JSON: {"schema": Failure, "examples": examples}},
    }
