"""Fields that schemas of actions are made of. What they raise is the end of the error description:
the field's name in quotes goes before it (protocol page, section 7)."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from marshmallow import ValidationError, fields

_WIRE_DATE = re.compile(r"\d{4}-\d{2}-\d{2} \d{2}:\d{2}(:\d{2})?", re.ASCII)


class WireDate(fields.Field[datetime]):
    """`yyyy-mm-dd hh:mm[:ss]` -> a naive local time in whole seconds.

    The documentation has the minutes, its examples the seconds; both are accepted."""

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


def word(description: str, *, always: bool = True, **facts: Any) -> fields.String:
    """A property of an answer: a text, as all that stands in lists. What is not `always` there may
    be missing."""
    return fields.String(required=always, metadata={"description": description, **facts})
