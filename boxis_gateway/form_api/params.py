"""Fields of the schemas of actions and their answers.

A ValidationError here is the end of the error description, after the field's name in quotes
(protocol page, section 7).
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from marshmallow import ValidationError, fields

from boxis_gateway.form_api.php_list import MAX_ITEMS

NOT_VALID = "value is not valid"
_WIRE_DATE = re.compile(r"\d{4}-\d{2}-\d{2} \d{2}:\d{2}(:\d{2})?", re.ASCII)


class WireDate(fields.Field[datetime]):
    """`yyyy-mm-dd hh:mm[:ss]` -> a naive local time in whole seconds.

    Documented with minutes, shown with seconds in the examples; both are accepted."""

    def __init__(self, description: str, *, seconds_if_missing: int) -> None:
        facts = {"type": "string", "pattern": f"^{_WIRE_DATE.pattern}$"}
        super().__init__(metadata={"description": description, **facts})
        self._seconds = seconds_if_missing

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> datetime:
        match = _WIRE_DATE.fullmatch(value)
        if not match:
            raise ValidationError("is not valid")
        try:
            time = datetime.fromisoformat(value)
        except ValueError:
            raise ValidationError("is not valid") from None
        return time if match[1] else time.replace(second=self._seconds)


class TextList(fields.Field[tuple[str, ...]]):
    """A list of up to MAX_ITEMS texts, read by `Form.texts` -> a tuple of texts."""

    def __init__(self, description: str, *, required: bool = True, **facts: Any) -> None:
        items = {"type": "string", "minLength": 1, **facts}
        schema = {"type": "array", "items": items, "minItems": 1, "maxItems": MAX_ITEMS}
        super().__init__(
            required=required,
            error_messages={"required": NOT_VALID},
            metadata={"description": description, **schema},
        )

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> tuple[str, ...]:
        if isinstance(value, str) or len(value) > MAX_ITEMS:
            raise ValidationError(NOT_VALID)
        try:
            "".join(value).encode()
        except UnicodeEncodeError:  # octets that the declared encoding lacks
            raise ValidationError(NOT_VALID) from None
        return tuple(value)


def text(description: str, *, required: bool = True, **facts: Any) -> fields.String:
    """A text of an answer; all values in lists are texts."""
    return fields.String(required=required, metadata={"description": description, **facts})
