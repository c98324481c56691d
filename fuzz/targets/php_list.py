"""Parser of PHP lists, compared with a simpler one."""

from __future__ import annotations

import re
from collections.abc import Iterator

from boxis_gateway.form_api.php_list import NotPhpList, read_php_list

WORDS = ("a:1:{", "a:2:{", "i:0;", "i:1;", "i:-1;", 's:11:"', 's:0:""', '";', "}")
WHOLE = re.compile(rb"0|-?[1-9][0-9]*")


def seeds() -> Iterator[bytes]:
    """Yield the documented examples."""
    yield b'a:1:{i:0;s:11:"48599131568";}'
    yield b'a:3:{i:0;s:11:"48599131568";i:1;i:48599131568;i:0;s:2:"\xc5\x82";}'
    yield b"a:0:{}"


def check(octets: bytes) -> None:
    """Check the properties above."""
    try:
        values: list[bytes] | None = read_php_list(octets)
    except NotPhpList:
        values = None
    assert values == naive(octets), values


def naive(octets: bytes) -> list[bytes] | None:
    """Parse word by word; None if the text is no list."""
    try:
        count, rest = _number(octets, b"a:", b":{", largest=10_000)
        if count < 0:
            return None
        values: dict[int, bytes] = {}
        for _ in range(count):
            key, rest = _number(rest, b"i:", b";")
            values[key], rest = _value(rest)
    except ValueError:
        return None
    return list(values.values()) if rest == b"}" else None


def _number(
    text: bytes, before: bytes, after: bytes, largest: int = 10**19 - 1
) -> tuple[int, bytes]:
    digits, end, rest = text.removeprefix(before).partition(after)
    if not (text.startswith(before) and end and WHOLE.fullmatch(digits)):
        raise ValueError
    if abs(int(digits)) > largest:
        raise ValueError
    return int(digits), rest


def _value(text: bytes) -> tuple[bytes, bytes]:
    if text.startswith(b"i:"):
        number, rest = _number(text, b"i:", b";")
        return b"%d" % number, rest
    octets, rest = _number(text, b"s:", b':"', largest=9_999_999)
    if octets < 0 or len(rest) < octets + 2 or rest[octets : octets + 2] != b'";':
        raise ValueError
    return rest[:octets], rest[octets + 2 :]
