"""Parsers of settings: text -> value. All raise ValueError with what they expect."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from boxis_gateway.networks import parse_networks
from boxis_gateway.zones import find_zone

Parse = Callable[[str], Any]


def whole_number(least: int, most: int) -> Parse:
    """Decimal digits with a value from `least` to `most`."""

    def parse(text: str) -> int:
        number = bounded(text, least, most)
        if number is None:
            raise ValueError(f"expected a whole number from {least} to {most}")
        return number

    return parse


def bounded(digits: str, least: int, most: int) -> int | None:
    """The number of ASCII digits, however many, if it is from `least` to `most`; else None."""
    significant = digits.lstrip("0")
    if not (digits.isascii() and digits.isdigit()) or len(significant) > len(str(most)):
        return None
    number = int(significant or "0")
    return number if least <= number <= most else None


def port_or(*words: str) -> Parse:
    """One of the words, or a port number from 0."""
    port = whole_number(0, 65535)

    def parse(text: str) -> str | int:
        try:
            return text if text in words else int(port(text))
        except ValueError as problem:
            raise ValueError(f"{problem}, or one of {', '.join(words)}") from None

    return parse


def one_of(*words: str) -> Parse:
    """One of the words; case counts."""

    def parse(text: str) -> str:
        if text not in words:
            raise ValueError(f"expected one of {', '.join(words)}")
        return text

    return parse


def yes_or_no(text: str) -> bool:
    """`1 true yes on` or `0 false no off`, in any case."""
    word = text.lower()
    if word in ("1", "true", "yes", "on"):
        return True
    if word in ("0", "false", "no", "off"):
        return False
    raise ValueError("expected yes or no")


def zone_name(text: str) -> str:
    """A name of the IANA time zone database."""
    find_zone(text)
    return text


def any_text(text: str) -> str:
    """Any text, also an empty one."""
    return text


def some_text(text: str) -> str:
    """Any text that is not empty."""
    if not text:
        raise ValueError("expected a value")
    return text


def rate_list(text: str) -> str:
    """`off`, or rates such as `20/second;600/minute`."""
    if text != "off":
        from limits import parse_many  # loads for a tenth of a second; few commands need it

        parse_many(text)
    return text


def network_list(text: str) -> str:
    """`any`, `none`, or a comma-separated list of networks and addresses."""
    if text not in ("any", "none") and not parse_networks(text):
        raise ValueError("expected networks such as 192.0.2.0/24")
    return text


def counters_url(text: str) -> str:
    """`memory`, or the URL of a Redis server."""
    if text != "memory" and not text.startswith(("redis://", "rediss://", "redis+unix://")):
        raise ValueError("expected memory or redis://HOST:PORT/N")
    return text


def origin_list(text: str) -> str:
    """`none`, or origins of web pages, separated by spaces."""
    if text != "none" and not all(_is_origin(word) for word in text.split() or [""]):
        raise ValueError("expected origins such as https://app.example.com")
    return text


def _is_origin(word: str) -> bool:
    url = urlsplit(word)
    return f"{url.scheme}://{url.netloc}" == word and url.scheme in ("http", "https")
