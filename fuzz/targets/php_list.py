"""The reader of PHP's lists, against one that takes the text apart word by word."""

from __future__ import annotations

import re
from collections.abc import Iterator

from boxis_gateway.form_api.php_list import NotPhpList, read_php_list

WORDS = ("a:1:{", "a:2:{", "i:0;", "i:1;", "i:-1;", 's:11:"', 's:0:""', '";', "}")
WHOLE = re.compile(rb"0|-?[1-9][0-9]*")


def seeds() -> Iterator[bytes]:
    """As they were documented."""
    yield b'a:1:{i:0;s:11:"48599131568";}'
    yield b'a:3:{i:0;s:11:"48599131568";i:1;i:48599131568;i:0;s:2:"\xc5\x82";}'
    yield b"a:0:{}"


def check(octets: bytes) -> None:
    """See above."""
    try:
        found: list[bytes] | None = read_php_list(octets)
    except NotPhpList:
        found = None
    assert found == naive(octets), found


def naive(octets: bytes) -> list[bytes] | None:
    """The values; None if it is no list."""
    try:
        count, rest = _number(octets, b"a:", b":{", most=10_000)
        if count < 0:
            return None
        values: dict[int, bytes] = {}
        for _ in range(count):
            key, rest = _number(rest, b"i:", b";")
            values[key], rest = _value(rest)
    except ValueError:
        return None
    return list(values.values()) if rest == b"}" else None


def _number(text: bytes, before: bytes, after: bytes, most: int = 10**19 - 1) -> tuple[int, bytes]:
    digits, found, rest = text.removeprefix(before).partition(after)
    if not (text.startswith(before) and found and WHOLE.fullmatch(digits)):
        raise ValueError
    if abs(int(digits)) > most:
        raise ValueError
    return int(digits), rest


def _value(text: bytes) -> tuple[bytes, bytes]:
    if text.startswith(b"i:"):
        number, rest = _number(text, b"i:", b";")
        return b"%d" % number, rest
    octets, rest = _number(text, b"s:", b':"', most=9_999_999)
    if octets < 0 or len(rest) < octets + 2 or rest[octets : octets + 2] != b'";':
        raise ValueError
    return rest[:octets], rest[octets + 2 :]
