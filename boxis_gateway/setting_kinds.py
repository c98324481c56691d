"""Kinds of settings: what the text of one may be, and what it stands for. All raise ValueError."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from boxis_gateway.zones import find_zone

Parse = Callable[[str], Any]


def whole_number(least: int, most: int) -> Parse:
    """Decimal digits with a value from `least` to `most`."""

    def parse(text: str) -> int:
        number = bounded(text, least, most)
        if number is None:
            raise ValueError(f"a whole number from {least} to {most} is needed")
        return number

    return parse


def bounded(digits: str, least: int, most: int) -> int | None:
    """The number that ASCII digits stand for, however many, if it is from `least` to `most`."""
    significant = digits.lstrip("0")
    if not (digits.isascii() and digits.isdigit()) or len(significant) > len(str(most)):
        return None
    number = int(significant or "0")
    return number if least <= number <= most else None


def one_of(*words: str) -> Parse:
    """One of the words, as written."""

    def parse(text: str) -> str:
        if text not in words:
            raise ValueError(f"one of {', '.join(words)} is needed")
        return text

    return parse


def yes_or_no(text: str) -> bool:
    """`1 true yes on` or `0 false no off`, in any case."""
    word = text.lower()
    if word in ("1", "true", "yes", "on"):
        return True
    if word in ("0", "false", "no", "off"):
        return False
    raise ValueError("yes or no is needed")


def zone_name(text: str) -> str:
    """A name of the IANA time zone database."""
    find_zone(text)
    return text


def some_text(text: str) -> str:
    """Any text that is not empty."""
    if not text:
        raise ValueError("a value is needed")
    return text
