"""Properties of answers, and how an object of a schema becomes JSON.

Answers have marshmallow schemas, as parameters do, so that one OpenAPI document describes both.
`json_writer` reads a schema once; marshmallow's own `dump` takes ten times as long.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from marshmallow import Schema, fields

from boxis_gateway.levels import Level

MILLION = 1_000_000
ID = "[0-9a-f]{24}"
ID_EXAMPLE = "1234567890abcdef12345678"
DATE = r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z"

ToJson = Callable[[Any], Any]


def json_writer(schema: Schema) -> ToJson:
    """Make a function from a mapping by the schema's attributes to the JSON object: the properties
    that the mapping has, in the order of the schema."""
    properties = [
        (name, field.data_key or name, _writer(field)) for name, field in schema.fields.items()
    ]

    def write(values: Mapping[str, Any]) -> dict[str, Any]:
        written = {
            key: values[name] if write_value is None else write_value(values[name])
            for name, key, write_value in properties
            if name in values
        }
        if len(written) != len(values):
            raise KeyError(f"{type(schema).__name__} lacks one of {', '.join(values)}")
        return written

    return write


def _writer(field: fields.Field[Any]) -> ToJson | None:
    """The function that writes a value; None if it stays unchanged."""
    if isinstance(field, fields.Nested):
        return json_writer(field.schema)
    if isinstance(field, fields.List):
        item = _writer(field.inner)
        return None if item is None else lambda values: [item(value) for value in values]
    return getattr(field, "to_json", None)


def text(description: str = "", *, required: bool = True, **facts: Any) -> fields.String:
    """A text."""
    described = {"description": description} if description else {}
    return fields.String(required=required, metadata={**described, **facts})


def number(description: str, *, required: bool = True, **facts: Any) -> fields.Integer:
    """An integer."""
    return fields.Integer(required=required, metadata={"description": description, **facts})


def success() -> fields.Boolean:
    """The property `success`."""
    return fields.Boolean(required=True, metadata={"example": True})


def object_id(description: str = "", *, required: bool = True) -> fields.String:
    """An id: 24 hexadecimal digits (section 1)."""
    return text(description, required=required, pattern=f"^{ID}$", example=ID_EXAMPLE)


def access_level(*, required: bool = True) -> fields.String:
    """An access level (section 3)."""
    return text(required=required, enum=[level.value for level in Level])


def text_list(description: str, *, required: bool = True, **facts: Any) -> fields.List[str]:
    """A list of texts."""
    inner = fields.String(metadata=facts)
    return fields.List(inner, required=required, metadata={"description": description})


class Instant(fields.String):
    """A time in ISO 8601, UTC, with milliseconds, or null; from a UTC text of the store."""

    def __init__(self, description: str) -> None:
        facts = {"format": "date-time", "pattern": f"^{DATE}$"}
        super().__init__(
            required=True, allow_none=True, metadata={"description": description, **facts}
        )

    @staticmethod
    def to_json(instant: str | None) -> str | None:
        """Convert a UTC text to its form on the wire."""
        if instant is None:
            return None
        return f"{instant.replace(' ', 'T')}{'' if '.' in instant else '.000'}Z"


class Money(fields.Float):
    """A decimal number, from millionths."""

    def __init__(self, description: str) -> None:
        super().__init__(metadata={"description": description, "minimum": 0})

    @staticmethod
    def to_json(millionths: int) -> int | float:
        """Convert millionths to a number, without decimals if it is whole."""
        whole, rest = divmod(millionths, MILLION)
        return millionths / MILLION if rest else whole
