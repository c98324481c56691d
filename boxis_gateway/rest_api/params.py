"""Fields of parameters, in queries and JSON bodies."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

from marshmallow import ValidationError, fields

from boxis_gateway.rest_api.resource import MISSING
from boxis_gateway.sms.numbers import to_e164
from boxis_gateway.store import ListPosition, Order, from_wire_id, wire_id

INVALID = "is invalid"
CURSOR = re.compile(
    r"([0-9a-f]{24})-([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{3})?)?",
    re.ASCII,
)
MONTH = re.compile(r"([1-9][0-9]{3})-(0[1-9]|1[0-2])(-[0-9]{2}.*)?", re.ASCII)
FLAGS = {"true": True, "1": True, "false": False, "0": False}


class Flag(fields.Field[bool]):
    """`true`, `1`, `false` or `0`, also as JSON values; false if missing."""

    def __init__(self, description: str) -> None:
        facts = {"description": description, "type": "boolean"}
        super().__init__(load_default=False, metadata=facts)

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> bool:
        word = str(value).lower()
        if word not in FLAGS:
            raise ValidationError(INVALID)
        return FLAGS[word]


def required_text(description: str, **facts: Any) -> fields.String:
    """A text that must not be missing or empty."""
    return fields.String(
        required=True,
        validate=_not_empty,
        error_messages={"required": MISSING, "null": MISSING},
        metadata={"description": description, "minLength": 1, **facts},
    )


def optional_text(description: str) -> fields.String:
    """A text that may be missing."""
    return fields.String(metadata={"description": description})


def _not_empty(value: str) -> None:
    if not value:
        raise ValidationError(MISSING)


class WholeNumber(fields.Field[int]):
    """Decimal digits; a number above `maximum` means `maximum`."""

    def __init__(self, description: str, default: int, maximum: int = 10**15) -> None:
        facts = {"description": description, "type": "integer", "minimum": 0}
        super().__init__(load_default=default, metadata=facts)
        self._maximum = maximum

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> int:
        digits = str(value)
        if not (digits.isascii() and digits.isdigit()):
            raise ValidationError(INVALID)
        significant = digits.lstrip("0") or "0"
        return self._maximum if len(significant) > 15 else min(int(significant), self._maximum)


class SmsAddress(fields.Field[str]):
    """A number or a name. The `+` of a number may be missing, or a space: an unquoted `+` in a
    URL."""

    def __init__(self, description: str, *, data_key: str | None = None) -> None:
        facts = {"description": description, "type": "string"}
        super().__init__(data_key=data_key, metadata=facts)

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> str:
        address = str(value)
        if address and not address.strip():
            raise ValidationError(INVALID)  # ignoring the filter would list too much
        digits = address.strip()
        return to_e164(digits) or (digits if digits.isdigit() else address)


class Month(fields.Field[str]):
    """A month `yyyy-mm`; the rest of a longer date is ignored."""

    def __init__(self, description: str) -> None:
        facts = {"type": "string", "pattern": f"^{MONTH.pattern}$"}
        super().__init__(metadata={"description": description, **facts})

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> str:
        match = MONTH.fullmatch(str(value))
        if not match:
            raise ValidationError(INVALID)
        return f"{match[1]}-{match[2]}"


class SortOrder(fields.Field[Order]):
    """`CREATED`, `SENT` or `INVOICED`, in any case."""

    def __init__(self) -> None:
        facts = {"type": "string", "enum": [order.value for order in Order]}
        about = "Time to sort by, newest first; messages without it come last."
        super().__init__(load_default=Order.CREATED, metadata={"description": about, **facts})

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> Order:
        try:
            return Order(str(value).upper())
        except ValueError:
            raise ValidationError(INVALID) from None


class Choice(fields.Field[str]):
    """One of some words, in any case; the first one if missing."""

    def __init__(self, description: str, words: Collection[str]) -> None:
        facts = {"type": "string", "enum": list(words), "description": description}
        super().__init__(load_default=next(iter(words)), metadata=facts)
        self._words = frozenset(words)

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> str:
        word = str(value).lower()
        if word not in self._words:
            raise ValidationError(INVALID)
        return word


class PageCursor(fields.Field[ListPosition]):
    """A position in a list, as written by `format_cursor`."""

    def __init__(self, description: str) -> None:
        facts = {"type": "string", "pattern": f"^{CURSOR.pattern}$"}
        super().__init__(metadata={"description": description, **facts})

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> ListPosition:
        match = CURSOR.fullmatch(str(value))
        ids = from_wire_id(match[1]) if match else None
        if not match or not ids:
            raise ValidationError(INVALID)
        account_id, submission_id = ids
        return ListPosition((match[2] or "").replace("T", " ") or None, submission_id, account_id)


def format_cursor(position: ListPosition) -> str:
    """Write a position as an opaque text for a URL."""
    time = position.time.replace(" ", "T") if position.time else ""
    return f"{wire_id(position.id, position.account_id)}-{time}"
