"""Kinds of properties in answers, and how an object of a schema is written.

The schema of an answer is a marshmallow one, as those of parameters are, so that one document
describes both. It is written by `writer_of`, which looks at the schema once; marshmallow's own
`dump` looks at it for each value, and takes ten times as long."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from marshmallow import Schema, fields

from boxis_gateway.levels import Level

MILLION = 1_000_000
ID = "[0-9a-f]{24}"
ID_EXAMPLE = "1234567890abcdef12345678"
DATE = r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z"

Write = Callable[[Any], Any]


def writer_of(schema: Schema) -> Write:
    """What turns a mapping by the names of the schema's attributes into the JSON object: the
    properties that the mapping has, in the order of the schema."""
    known = [(name, field.data_key or name, _write(field)) for name, field in schema.fields.items()]

    def write(values: Mapping[str, Any]) -> dict[str, Any]:
        written = {
            key: values[name] if write_one is None else write_one(values[name])
            for name, key, write_one in known
            if name in values
        }
        if len(written) != len(values):
            raise KeyError(f"{type(schema).__name__} lacks one of {', '.join(values)}")
        return written

    return write


def _write(field: fields.Field[Any]) -> Write | None:
    """How the value is written; None if it stays as it is."""
    if isinstance(field, fields.Nested):
        return writer_of(field.schema)
    if isinstance(field, fields.List):
        one = _write(field.inner)
        return None if one is None else lambda values: [one(value) for value in values]
    return getattr(field, "written", None)


def words(description: str = "", *, always: bool = True, **facts: Any) -> fields.String:
    """A text. What is not `always` there may be left out."""
    described = {"description": description} if description else {}
    return fields.String(required=always, metadata={**described, **facts})


def number(description: str, *, always: bool = True, **facts: Any) -> fields.Integer:
    """A whole number."""
    return fields.Integer(required=always, metadata={"description": description, **facts})


def done() -> fields.Boolean:
    """`success`."""
    return fields.Boolean(required=True, metadata={"example": True})


def an_id(description: str = "", *, always: bool = True) -> fields.String:
    """24 hexadecimal digits (section 1)."""
    return words(description, always=always, pattern=f"^{ID}$", example=ID_EXAMPLE)


def level(*, always: bool = True) -> fields.String:
    """A level of access (section 3)."""
    return words(always=always, enum=[each.value for each in Level])


def texts(description: str, *, always: bool = True, **facts: Any) -> fields.List[str]:
    """A list of texts."""
    inner = fields.String(metadata=facts)
    return fields.List(inner, required=always, metadata={"description": description})


class Instant(fields.String):
    """A date in ISO 8601, UTC, with milliseconds, or null; from a text of the store."""

    def __init__(self, description: str) -> None:
        facts = {"format": "date-time", "pattern": f"^{DATE}$"}
        super().__init__(
            required=True, allow_none=True, metadata={"description": description, **facts}
        )

    @staticmethod
    def written(instant: str | None) -> str | None:
        """As it stands on the wire."""
        if instant is None:
            return None
        return f"{instant.replace(' ', 'T')}{'' if '.' in instant else '.000'}Z"


class Money(fields.Float):
    """A number with decimals, from millionths."""

    def __init__(self, description: str) -> None:
        super().__init__(metadata={"description": description, "minimum": 0})

    @staticmethod
    def written(millionths: int) -> int | float:
        """As it stands on the wire; whole numbers have no decimals."""
        whole, rest = divmod(millionths, MILLION)
        return millionths / MILLION if rest else whole
