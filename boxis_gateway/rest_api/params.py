"""Fields of parameters, in queries and JSON bodies."""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Collection
from typing import Any, TypeVar

from marshmallow import ValidationError, fields, validate

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

T = TypeVar("T")


def required_text(description: str, longest: int, **facts: Any) -> fields.String:
    """A text that must not be missing or empty, nor longer than so many characters."""
    return fields.String(
        required=True,
        validate=[_not_empty, validate.Length(max=longest, error=INVALID)],
        error_messages={"required": MISSING, "null": MISSING},
        metadata={"description": description, "minLength": 1, **facts},
    )


def optional_text(description: str) -> fields.String:
    """A text that may be missing."""
    return fields.String(metadata={"description": description})


def _not_empty(value: str) -> None:
    if not value:
        raise ValidationError(MISSING)


class Param(fields.Field[T]):
    """A parameter parsed from the text of a JSON value that is no container. `facts` are JSON
    Schema."""

    def __init__(self, description: str, facts: dict[str, Any], **options: Any) -> None:
        super().__init__(metadata={"description": description, **facts}, **options)

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> T:
        if isinstance(value, (list, dict)):  # nested too deep, its text would be a RecursionError
            raise ValidationError(INVALID)
        return self._parse(str(value))

    @abstractmethod
    def _parse(self, text: str) -> T:
        """Parse the text. Raises ValidationError."""


class Flag(Param[bool]):
    """`true`, `1`, `false` or `0`, also as JSON values; false if missing."""

    def __init__(self, description: str) -> None:
        super().__init__(description, {"type": "boolean"}, load_default=False)

    def _parse(self, text: str) -> bool:
        if text.lower() not in FLAGS:
            raise ValidationError(INVALID)
        return FLAGS[text.lower()]


class WholeNumber(Param[int]):
    """Decimal digits; a number above `maximum` means `maximum`."""

    def __init__(self, description: str, default: int, maximum: int = 10**15) -> None:
        super().__init__(description, {"type": "integer", "minimum": 0}, load_default=default)
        self._maximum = maximum

    def _parse(self, text: str) -> int:
        if not (text.isascii() and text.isdigit()):
            raise ValidationError(INVALID)
        significant = text.lstrip("0") or "0"
        return self._maximum if len(significant) > 15 else min(int(significant), self._maximum)


class SmsAddress(Param[str]):
    """A number or a name. The `+` of a number may be missing, or a space: an unquoted `+` in a
    URL."""

    def __init__(self, description: str, *, data_key: str | None = None) -> None:
        super().__init__(description, {"type": "string"}, data_key=data_key)

    def _parse(self, text: str) -> str:
        digits = text.strip()
        if text and not digits:
            raise ValidationError(INVALID)  # ignoring the filter would list too much
        return to_e164(digits) or (digits if digits.isdigit() else text)


class Month(Param[str]):
    """A month `yyyy-mm`; the rest of a longer date is ignored."""

    def __init__(self, description: str) -> None:
        super().__init__(description, {"type": "string", "pattern": f"^{MONTH.pattern}$"})

    def _parse(self, text: str) -> str:
        match = MONTH.fullmatch(text)
        if not match:
            raise ValidationError(INVALID)
        return f"{match[1]}-{match[2]}"


class SortOrder(Param[Order]):
    """`CREATED`, `SENT` or `INVOICED`, in any case."""

    def __init__(self) -> None:
        description = "Time to sort by, newest first; messages without it come last."
        facts = {"type": "string", "enum": [order.value for order in Order]}
        super().__init__(description, facts, load_default=Order.CREATED)

    def _parse(self, text: str) -> Order:
        try:
            return Order(text.upper())
        except ValueError:
            raise ValidationError(INVALID) from None


class Choice(Param[str]):
    """A choice of words, in any case; the first one if missing."""

    def __init__(self, description: str, words: Collection[str]) -> None:
        facts = {"type": "string", "enum": list(words)}
        super().__init__(description, facts, load_default=next(iter(words)))
        self._words = frozenset(words)

    def _parse(self, text: str) -> str:
        if text.lower() not in self._words:
            raise ValidationError(INVALID)
        return text.lower()


class PageCursor(Param[ListPosition]):
    """A position in a list, as written by `format_cursor`."""

    def __init__(self, description: str) -> None:
        super().__init__(description, {"type": "string", "pattern": f"^{CURSOR.pattern}$"})

    def _parse(self, text: str) -> ListPosition:
        match = CURSOR.fullmatch(text)
        ids = from_wire_id(match[1]) if match else None
        if not match or not ids:
            raise ValidationError(INVALID)
        account_id, submission_id = ids
        return ListPosition((match[2] or "").replace("T", " ") or None, submission_id, account_id)


def format_cursor(position: ListPosition) -> str:
    """Write a position as an opaque text for a URL."""
    time = position.time.replace(" ", "T") if position.time else ""
    return f"{wire_id(position.id, position.account_id)}-{time}"
