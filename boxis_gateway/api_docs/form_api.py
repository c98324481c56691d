"""The form API in the OpenAPI document: a form variant per action."""

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
AUTHCODE = "MD5 of `timestamp` followed by the user key, in hexadecimal."
TIMESTAMP = (
    "Unix time in seconds; the server allows a difference, by default of 5 minutes. If the answer "
    "has `timestamperror`, sign again with the answer's `timestamp`."
)
_COMMON: dict[str, dict[str, Any]] = {
    "username": {"description": "User name of the account.", "example": "anna@example.com"},
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
    "encoding": {"enum": list(CODECS), "default": "UTF-8", "description": "Character set."},
}
COMMON = {name: {"type": "string", **facts} for name, facts in _COMMON.items()}
REQUIRED = ("username", "timestamp", "authcode", "action")
NONE = {"type": "array", "maxItems": 0}
EXAMPLE = """<?xml version="1.0" encoding="UTF-8"?>
<return><result>1</result><resulttxt>success</resulttxt><history><sms1><sender>boxis.net</sender>\
<reciptient>48514151563</reciptient><date>2012-05-09 10:28:00</date><parts>1</parts>\
<credit>1</credit><type>scheduled</type></sms1></history><timestamp>1336553826</timestamp></return>"""
DESCRIPTION = (
    "The status is always 200; a failure is an envelope with `result` 0. A GET takes the same "
    "fields in its query. Blank fields count as missing, unknown ones are ignored."
)

LIST = (
    " Also as `{name}[1]`, `{name}[2]`, … with any indices, or as `{name}`: one or more texts, or "
    "a list by PHP's `serialize`."
)
"""Description of the ways to write a list, after that of its field."""

JsonObject = dict[str, Any]
"""A JSON schema, or another object of the document."""


def describe_form_api(spec: APISpec, converter: OpenAPIConverter) -> None:
    """Add the operations of the form API to the document."""
    spec.tag({"name": TAG, "description": "Signed forms (Boxis.net)."})
    spec.components.schema("FormFailure", FAILURE)
    for action in ACTIONS.values():
        if isinstance(action.answers, ListOf) and action.answers.member:
            member = action.answers.member
            spec.components.schema(member.__name__, schema=member)
        for name, schema in _schemas(action, converter).items():
            spec.components.schema(f"{action.name}{name}", schema)
    json, xml = ({"schema": _one_of(kind, "FormFailure")} for kind in ("JSON", "XML"))
    xml_content: JsonObject = {**xml, "example": EXAMPLE}
    content = {_media_type(xml_envelope): xml_content, _media_type(json_envelope): json}
    spec.components.response("Envelope", {"description": "An envelope.", "content": content})
    for path in PATHS:
        post, get = (_operation(method, path) for method in ("post", "get"))
        content = {kind: {"schema": _one_of("Form")} for kind in (URLENCODED, MULTIPART)}
        post["requestBody"] = {"required": True, "content": content}
        get["parameters"] = [*_query(converter)]
        spec.path(path, operations={"post": post, "get": get})


def _schemas(action: Action, converter: OpenAPIConverter) -> JsonObject:
    """Schemas of an action's form and of its answers, by the suffix of their names."""
    return {
        "Form": _form(action, converter),
        "JSON": _envelope("1", _in_json(action.answers, converter)),
        "XML": _envelope("1", _in_xml(action.answers, converter)) | {"xml": {"name": "return"}},
    }


def _operation(method: str, path: str) -> JsonObject:
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


def _ref(name: str) -> JsonObject:
    return {"$ref": f"#/components/schemas/{name}"}


def _one_of(suffix: str, *others: str) -> JsonObject:
    """Any action's schema with this suffix, or one of the others."""
    names = [*(f"{action.name}{suffix}" for action in ACTIONS.values()), *others]
    refs = [_ref(name) for name in names]
    return refs[0] if len(refs) == 1 else {"oneOf": refs}


def _form(action: Action, converter: OpenAPIConverter) -> JsonObject:
    """The common fields, with those of this action."""
    fixed = {"section": {"enum": [action.section]}, "action": {"enum": [action.name]}}
    common = {name: facts | fixed.get(name, {}) for name, facts in COMMON.items()}
    own, required = _own_fields(action, converter)
    properties = common | own
    return {"type": "object", "required": [*REQUIRED, *required], "properties": properties}


def _own_fields(action: Action, converter: OpenAPIConverter) -> tuple[JsonObject, list[str]]:
    """Schemas of an action's own fields by name, and the names of the required ones. A list has the
    name of its items in a form: `name[]`."""
    schema = converter.schema2jsonschema(action.params())
    names = {name: f"{name}[]" for name in action.lists}
    fields = {names.get(name, name): facts for name, facts in schema.get("properties", {}).items()}
    for name, wire_name in names.items():
        fields[wire_name]["description"] += LIST.format(name=name)
    return fields, [names.get(name, name) for name in schema.get("required", [])]


def _query(converter: OpenAPIConverter) -> Iterator[JsonObject]:
    """Query parameters: the fields of all actions."""
    fields = dict(COMMON)
    for action in ACTIONS.values():
        fields |= _own_fields(action, converter)[0]
    for name, facts in fields.items():
        schema = {key: value for key, value in facts.items() if key != "description"}
        described = {"description": facts["description"]} if "description" in facts else {}
        required = name in REQUIRED
        yield {"name": name, "in": "query", "required": required, "schema": schema, **described}


def _envelope(result: str, more: JsonObject) -> JsonObject:
    properties = {
        "result": {"type": "string", "const": result},
        "resulttxt": {"type": "string"},
        **more,
        "timestamp": {"type": "integer", "description": "Time of the server, Unix seconds."},
    }
    required = [name for name in properties if name != "timestamperror"]
    return {"type": "object", "required": required, "properties": properties}


def _in_json(answers: ListOf | type[Schema], converter: OpenAPIConverter) -> JsonObject:
    """Schema of `params`: single values, or a list under any of its names; empty ones are `[]`."""
    if isinstance(answers, ListOf):
        either = {"oneOf": [_numbered(answers), NONE]}
        lists = {name: dict(either) for name in answers.names_in_json}
        return {"params": {"type": "object", "properties": lists, "minProperties": 1}}
    return {"params": {"oneOf": [converter.schema2jsonschema(answers()), NONE]}}


def _in_xml(answers: ListOf | type[Schema], converter: OpenAPIConverter) -> JsonObject:
    """Schema of the list's element, or of `params`."""
    if isinstance(answers, ListOf):
        return {answers.name: _numbered(answers)}
    return {"params": converter.schema2jsonschema(answers())}


def _numbered(answers: ListOf) -> JsonObject:
    member = _ref(answers.member.__name__) if answers.member else {"type": "string"}
    return {
        "type": "object",
        "patternProperties": {f"^{answers.item}[1-9][0-9]*$": member},
        "additionalProperties": False,
    }


MISMATCH = {
    "type": "string",
    "const": "1",
    "description": "Present only if the clock differs too much: sign again with this `timestamp`.",
}
FAILURE = _envelope("0", {"timestamperror": MISMATCH})
