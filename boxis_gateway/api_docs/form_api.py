"""The form API in the OpenAPI document: one address, and a variant of its form for each action."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from apispec import APISpec
from apispec.ext.marshmallow.openapi import OpenAPIConverter
from marshmallow import Schema

from boxis_gateway.form_api.action import Action, ListOf
from boxis_gateway.form_api.actions import ACTIONS
from boxis_gateway.form_api.endpoint import PATHS
from boxis_gateway.form_api.form import CODECS, MULTIPART, URLENCODED
from boxis_gateway.form_api.renderers import RENDERERS, Renderer, json_envelope, xml_envelope

TAG = "Form API"
AUTHCODE = (
    "The MD5 of the text of `timestamp` immediately followed by the user key, in hexadecimal."
)
TIMESTAMP = (
    "Unix time in seconds, no further off than the server allows (by default 5 minutes). If the "
    "answer has `timestamperror`, use its."
)
_COMMON: dict[str, dict[str, Any]] = {
    "username": {"description": "The account's user name.", "example": "anna@example.com"},
    "timestamp": {"description": TIMESTAMP, "pattern": "^[0-9]+$", "example": "1336553826"},
    "authcode": {
        "description": AUTHCODE,
        "pattern": "^[0-9a-fA-F]{32}$",
        "example": "e49d1e748e14e9f170251d8f0c053b01",
    },
    "version": {"const": "1.0", "default": "1.0"},
    "section": {"enum": sorted({section for section, _ in ACTIONS}), "default": "sms"},
    "action": {"enum": [name for _, name in ACTIONS]},
    "returntype": {"enum": list(RENDERERS), "default": xml_envelope.NAME},
    "encoding": {"enum": list(CODECS), "default": "UTF-8", "description": "Of the form."},
}
COMMON = {name: {"type": "string", **said} for name, said in _COMMON.items()}
REQUIRED = ("username", "timestamp", "authcode", "action")
NONE = {"type": "array", "maxItems": 0}
EXAMPLE = """<?xml version="1.0" encoding="UTF-8"?>
<return><result>1</result><resulttxt>success</resulttxt><history><sms1><sender>boxis.net</sender>\
<reciptient>48514151563</reciptient><date>2012-05-09 10:28:00</date><parts>1</parts>\
<credit>1</credit><type>scheduled</type></sms1></history><timestamp>1336553826</timestamp></return>"""
DESCRIPTION = (
    "The status is always 200: a failure is an envelope, too, with `result` 0. A GET takes the "
    "same names in its query. Blank fields count as missing, unknown ones are ignored."
)


Shown = dict[str, Any]
"""A JSON schema, or another object of the document."""


def describe_form_api(spec: APISpec, converter: OpenAPIConverter) -> None:
    """Add the api's operations to the document."""
    spec.tag({"name": TAG, "description": "Forms that sign themselves (Boxis.net)."})
    spec.components.schema("FormFailure", FAILURE)
    for action in ACTIONS.values():
        if isinstance(action.answers, ListOf) and action.answers.member:
            member = action.answers.member
            spec.components.schema(member.__name__, schema=member)
        for name, schema in _schemas(action, converter).items():
            spec.components.schema(f"{action.name}{name}", schema)
    json, xml = ({"schema": _one_of(kind, "FormFailure")} for kind in ("JSON", "XML"))
    kinds = {
        _media_type(xml_envelope): xml | {"example": EXAMPLE},
        _media_type(json_envelope): json,
    }
    spec.components.response("Envelope", {"description": "An envelope.", "content": kinds})
    for path in PATHS:
        post, get = (_operation(method, path) for method in ("post", "get"))
        content = {kind: {"schema": _one_of("Form")} for kind in (URLENCODED, MULTIPART)}
        post["requestBody"] = {"required": True, "content": content}
        get["parameters"] = [*_query(converter)]
        spec.path(path, operations={"post": post, "get": get})


def _schemas(action: Action, converter: OpenAPIConverter) -> Shown:
    """By the end of their names: what the action takes, and answers in either format."""
    own = converter.schema2jsonschema(action.params()).get("properties", {})
    return {
        "Form": _form(action, own),
        "JSON": _envelope("1", _in_json(action.answers, converter)),
        "XML": _envelope("1", _in_xml(action.answers, converter)) | {"xml": {"name": "return"}},
    }


def _operation(method: str, path: str) -> Shown:
    name = path.strip("/").replace(".", "_") or "form"
    return {
        "operationId": f"{method}_{name}",
        "tags": [TAG],
        "summary": ", ".join(action.name for action in ACTIONS.values()),
        "description": DESCRIPTION,
        "responses": {"200": "Envelope"},
    }


def _media_type(renderer: Renderer) -> str:
    return renderer.CONTENT_TYPE.partition(";")[0]


def _ref(name: str) -> Shown:
    return {"$ref": f"#/components/schemas/{name}"}


def _one_of(kind: str, *others: str) -> Shown:
    """That schema of any action, or another one."""
    names = [*(f"{action.name}{kind}" for action in ACTIONS.values()), *others]
    refs = [_ref(name) for name in names]
    return refs[0] if len(refs) == 1 else {"oneOf": refs}


def _form(action: Action, own: Shown) -> Shown:
    """The fields that all actions have, with those of this one."""
    fixed = {"section": {"enum": [action.section]}, "action": {"enum": [action.name]}}
    common = {name: said | fixed.get(name, {}) for name, said in COMMON.items()}
    return {"type": "object", "required": list(REQUIRED), "properties": common | own}


def _query(converter: OpenAPIConverter) -> Iterator[Shown]:
    """The fields of all actions."""
    fields = dict(COMMON)
    for action in ACTIONS.values():
        fields |= converter.schema2jsonschema(action.params()).get("properties", {})
    for name, said in fields.items():
        schema = {key: value for key, value in said.items() if key != "description"}
        described = {"description": said["description"]} if "description" in said else {}
        required = name in REQUIRED
        yield {"name": name, "in": "query", "required": required, "schema": schema, **described}


def _envelope(result: str, more: Shown) -> Shown:
    properties = {
        "result": {"type": "string", "const": result},
        "resulttxt": {"type": "string"},
        **more,
        "timestamp": {"type": "integer", "description": "The server's, Unix seconds."},
    }
    required = [name for name in properties if name != "timestamperror"]
    return {"type": "object", "required": required, "properties": properties}


def _in_json(answers: ListOf | type[Schema], converter: OpenAPIConverter) -> Shown:
    """`params`: single values, or a list under any of its names; what is empty is an array."""
    if isinstance(answers, ListOf):
        either = {"oneOf": [_numbered(answers), NONE]}
        lists = {name: dict(either) for name in answers.names_in_json}
        return {"params": {"type": "object", "properties": lists, "minProperties": 1}}
    return {"params": {"oneOf": [converter.schema2jsonschema(answers()), NONE]}}


def _in_xml(answers: ListOf | type[Schema], converter: OpenAPIConverter) -> Shown:
    """The list's element, or `params`."""
    if isinstance(answers, ListOf):
        return {answers.name: _numbered(answers)}
    return {"params": converter.schema2jsonschema(answers())}


def _numbered(answers: ListOf) -> Shown:
    member = _ref(answers.member.__name__) if answers.member else {"type": "string"}
    return {
        "type": "object",
        "patternProperties": {f"^{answers.item}[1-9][0-9]*$": member},
        "additionalProperties": False,
    }


MISMATCH = {
    "type": "string",
    "const": "1",
    "description": "Only if the clock is off: sign again with the answer's `timestamp`.",
}
FAILURE = _envelope("0", {"timestamperror": MISMATCH})
