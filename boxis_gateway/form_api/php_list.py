"""A list as PHP's `serialize` writes it: `a:1:{i:0;s:11:"48599131568";}` (protocol page, section
8.2), in which recipients were sent at first.

Only this is read: one array of whole-number keys, whose values are strings or whole numbers. A
general unserialiser makes objects, nests without end and passes over what stands behind.
"""

from __future__ import annotations

import re

MOST_ITEMS = 10_000
_WHOLE = rb"(0|-?[1-9][0-9]{0,18})"  # 64 bits, as PHP writes them
_COUNT = re.compile(rb"a:(0|[1-9][0-9]{0,4}):\{")
_NUMBER = re.compile(b"i:" + _WHOLE + b";")
_STRING = re.compile(rb's:(0|[1-9][0-9]{0,6}):"')


class NotPhpList(ValueError):
    """The octets are no such list, or one of more than MOST_ITEMS. It is for the caller to say
    which field is wrong."""


def read_php_list(octets: bytes) -> list[bytes]:
    """The values in the order of their keys' first appearance; of values with one key the last one
    counts, as in PHP. The length of a string is in octets as they were sent, in whatever encoding.

    Raises NotPhpList."""
    start = _at(_COUNT, octets, 0)
    count, at = int(start[1]), start.end()
    if count > MOST_ITEMS:
        raise NotPhpList
    values: dict[bytes, bytes] = {}
    for _ in range(count):
        key = _at(_NUMBER, octets, at)
        values[key[1]], at = _value(octets, key.end())
    if octets[at:] != b"}":
        raise NotPhpList
    return list(values.values())


def _value(octets: bytes, at: int) -> tuple[bytes, int]:
    """The value that begins there, and where it ends."""
    if whole := _NUMBER.match(octets, at):
        return whole[1], whole.end()
    string = _at(_STRING, octets, at)
    end = string.end() + int(string[1])
    if octets[end : end + 2] != b'";':
        raise NotPhpList
    return octets[string.end() : end], end + 2


def _at(pattern: re.Pattern[bytes], octets: bytes, at: int) -> re.Match[bytes]:
    found = pattern.match(octets, at)
    if not found:
        raise NotPhpList
    return found
