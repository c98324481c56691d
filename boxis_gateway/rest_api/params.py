"""Kinds of parameters, of queries and of JSON bodies alike."""

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
WORDS = {"true": True, "1": True, "false": False, "0": False}


class YesOrNo(fields.Field[bool]):
    """`true` or `1`, `false` or `0`; JSON's own too. Not given means no."""

    def __init__(self, description: str) -> None:
        facts = {"description": description, "type": "boolean"}
        super().__init__(load_default=False, metadata=facts)

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> bool:
        word = str(value).lower()
        if word not in WORDS:
            raise ValidationError(INVALID)
        return WORDS[word]


def needed_text(description: str, **facts: Any) -> fields.String:
    """A text that has to be there and to say something."""
    return fields.String(
        required=True,
        validate=_not_empty,
        error_messages={"required": MISSING, "null": MISSING},
        metadata={"description": description, "minLength": 1, **facts},
    )


def text(description: str) -> fields.String:
    """A text that may be left out."""
    return fields.String(metadata={"description": description})


def _not_empty(value: str) -> None:
    if not value:
        raise ValidationError(MISSING)


class WholeNumber(fields.Field[int]):
    """Decimal digits; a number above `most` means `most`."""

    def __init__(self, description: str, default: int, most: int = 10**15) -> None:
        facts = {"description": description, "type": "integer", "minimum": 0}
        super().__init__(load_default=default, metadata=facts)
        self._most = most

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> int:
        digits = str(value)
        if not (digits.isascii() and digits.isdigit()):
            raise ValidationError(INVALID)
        significant = digits.lstrip("0") or "0"
        return self._most if len(significant) > 15 else min(int(significant), self._most)


class Address(fields.Field[str]):
    """A number or a name. Of a number the `+` may be missing, or a space: a `+` that is not
    quoted in a URL."""

    def __init__(self, description: str, *, data_key: str | None = None) -> None:
        facts = {"description": description, "type": "string"}
        super().__init__(data_key=data_key, metadata=facts)

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> str:
        address = str(value)
        if address and not address.strip():
            raise ValidationError(INVALID)  # an ignored filter would find too much
        digits = address.strip()
        return to_e164(digits) or (digits if digits.isdigit() else address)


class Month(fields.Field[str]):
    """`yyyy-mm`, or a date of it, which is cut."""

    def __init__(self, description: str) -> None:
        facts = {"type": "string", "pattern": f"^{MONTH.pattern}$"}
        super().__init__(metadata={"description": description, **facts})

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> str:
        found = MONTH.fullmatch(str(value))
        if not found:
            raise ValidationError(INVALID)
        return f"{found[1]}-{found[2]}"


class OrderWord(fields.Field[Order]):
    """`CREATED`, `SENT` or `INVOICED`, in any case."""

    def __init__(self) -> None:
        facts = {"type": "string", "enum": [order.value for order in Order]}
        about = "The time to sort by, newest first; what lacks it comes last."
        super().__init__(load_default=Order.CREATED, metadata={"description": about, **facts})

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> Order:
        try:
            return Order(str(value).upper())
        except ValueError:
            raise ValidationError(INVALID) from None


class Word(fields.Field[str]):
    """One of these words, in any case; the first if none is given."""

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


class Cursor(fields.Field[ListPosition]):
    """A place in a list, as `cursor_of` writes it."""

    def __init__(self, description: str) -> None:
        facts = {"type": "string", "pattern": f"^{CURSOR.pattern}$"}
        super().__init__(metadata={"description": description, **facts})

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> ListPosition:
        found = CURSOR.fullmatch(str(value))
        ids = from_wire_id(found[1]) if found else None
        if not found or not ids:
            raise ValidationError(INVALID)
        account_id, submission_id = ids
        return ListPosition((found[2] or "").replace("T", " ") or None, submission_id, account_id)


def cursor_of(place: ListPosition) -> str:
    """A text for the place, fit for a URL. Clients need not understand it."""
    time = place.time.replace(" ", "T") if place.time else ""
    return f"{wire_id(place.id, place.account_id)}-{time}"
