"""Kinds of settings: what the text of one may be, and what it stands for. All raise ValueError."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from boxis_gateway.networks import networks_of
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


def port_or(*words: str) -> Parse:
    """One of the words, or a port as a number, of which 0 is one too."""
    port = whole_number(0, 65535)

    def parse(text: str) -> str | int:
        try:
            return text if text in words else int(port(text))
        except ValueError as problem:
            raise ValueError(f"{', '.join(words)}, or {problem}") from None

    return parse


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


def any_text(text: str) -> str:
    """Any text, or none."""
    return text


def some_text(text: str) -> str:
    """Any text that is not empty."""
    if not text:
        raise ValueError("a value is needed")
    return text


def rate_list(text: str) -> str:
    """`off`, or rates such as `20/second;600/minute`."""
    if text != "off":
        from limits import (
            parse_many,
        )  # takes a tenth of a second to load; hardly any command needs it

        parse_many(text)
    return text


def network_list(text: str) -> str:
    """`any`, `none`, or networks and addresses with commas between them."""
    if text not in ("any", "none") and not networks_of(text):
        raise ValueError("networks such as 192.0.2.0/24 are needed")
    return text


def counters_place(text: str) -> str:
    """`memory`, or the URL of a Redis server."""
    if text != "memory" and not text.startswith(("redis://", "rediss://", "redis+unix://")):
        raise ValueError("memory or redis://HOST:PORT/NUMBER is needed")
    return text


def origin_list(text: str) -> str:
    """`none`, or origins of pages with blanks between them."""
    if text != "none" and not all(_is_origin(word) for word in text.split() or [""]):
        raise ValueError("origins such as https://app.example.com are needed")
    return text


def _is_origin(word: str) -> bool:
    url = urlsplit(word)
    return f"{url.scheme}://{url.netloc}" == word and url.scheme in ("http", "https")
