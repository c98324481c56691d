"""Lists written by PHP's `serialize`: `a:1:{i:0;s:11:"48599131568";}`.

The first form of recipients (protocol page, section 8.2). Only a flat array with integer keys and
string or integer values is read: a general unserializer creates objects, nests without limit and
ignores trailing bytes.
"""

from __future__ import annotations

import re

MAX_ITEMS = 10_000
_INTEGER = rb"(0|-?[1-9][0-9]{0,18})"  # 64 bits, as PHP writes them
_BEGINNING = re.compile(r"a:[-0-9]*:\{")
_COUNT = re.compile(rb"a:(0|[1-9][0-9]{0,4}):\{")
_NUMBER = re.compile(b"i:" + _INTEGER + b";")
_STRING = re.compile(rb's:(0|[1-9][0-9]{0,6}):"')


class NotPhpList(ValueError):
    """The bytes are not such a list, or it has more than MAX_ITEMS; the caller knows the field."""


def begins_like_php_list(text: str) -> bool:
    """Return True for a text that is meant as such a list, malformed or not."""
    return _BEGINNING.match(text) is not None


def read_php_list(data: bytes) -> list[bytes]:
    """Values in the order of their keys' first appearance; the last value of a key counts, as in
    PHP. Lengths of strings are in bytes as sent, in any encoding. Raises NotPhpList."""
    start = _at(_COUNT, data, 0)
    count, at = int(start[1]), start.end()
    if count > MAX_ITEMS:
        raise NotPhpList
    values: dict[bytes, bytes] = {}
    for _ in range(count):
        key = _at(_NUMBER, data, at)
        values[key[1]], at = _value(data, key.end())
    if data[at:] != b"}":
        raise NotPhpList
    return list(values.values())


def _value(data: bytes, at: int) -> tuple[bytes, int]:
    """The value at an offset, and the offset after it."""
    if whole := _NUMBER.match(data, at):
        return whole[1], whole.end()
    string = _at(_STRING, data, at)
    end = string.end() + int(string[1])
    if data[end : end + 2] != b'";':
        raise NotPhpList
    return data[string.end() : end], end + 2


def _at(pattern: re.Pattern[bytes], data: bytes, at: int) -> re.Match[bytes]:
    match = pattern.match(data, at)
    if not match:
        raise NotPhpList
    return match
