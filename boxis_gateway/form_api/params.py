"""Fields that action schemas are made of. What they raise is the end of the error description:
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

    def __init__(self, *, seconds_if_missing: int) -> None:
        super().__init__()
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
