"""Kinds of parameters, of queries and of JSON bodies alike."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import ValidationError, fields

from boxis_gateway.rest_api.resource import MISSING

WORDS = {"true": True, "1": True, "false": False, "0": False}


class YesOrNo(fields.Field[bool]):
    """`true` or `1`, `false` or `0`; JSON's own too. Not given means no."""

    def __init__(self) -> None:
        super().__init__(load_default=False)

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> bool:
        word = str(value).lower()
        if word not in WORDS:
            raise ValidationError("is invalid")
        return WORDS[word]


def needed_text() -> fields.String:
    """A text that has to be there and to say something."""
    return fields.String(
        required=True,
        validate=_not_empty,
        error_messages={"required": MISSING, "null": MISSING},
    )


def text() -> fields.String:
    """A text that may be left out."""
    return fields.String()


def _not_empty(value: str) -> None:
    if not value:
        raise ValidationError(MISSING)
