"""Signature of form API requests (protocol page, section 3)."""

from __future__ import annotations

import hashlib

MOST_CLOCK_SECONDS = 86_400
"""Largest difference from our clock of a server's time that we sign. Who knows an authcode of a far
time could use it then."""


def authcode_of(timestamp: str, user_key: str) -> str:
    """Return MD5(timestamp + user_key) in lower-case hexadecimal digits.

    >>> authcode_of("1336553826", "0123456789abcdefABCDEF01")
    'e49d1e748e14e9f170251d8f0c053b01'
    """
    joined = (timestamp + user_key).encode("utf-8", "surrogateescape")
    return hashlib.md5(joined, usedforsecurity=False).hexdigest()
