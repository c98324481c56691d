"""Character references that XML forbids, made into what was meant, before a parser sees them.

Java writes what is not in Unicode's first plane as two halves, and some apps write each half as a
reference: `&#55357;&#56838;` for one character. They are joined here. A half without its other
half, and a control character, becomes U+FFFD, which stands for what cannot be told. So does a
control character that stands there as it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

MOST_ZEROS = 8  # before the digits of a reference
REPLACEMENT = b"&#xFFFD;"


def _number(decimal: str, hexadecimal: str) -> str:
    """What stands between `&#` and `;`, of any of those numbers."""
    zeros = f"0{{0,{MOST_ZEROS}}}"
    return f"(?:{zeros}(?:{decimal})|x{zeros}(?:{hexadecimal}))"


_HIGH = _number(r"5529[6-9]|55[3-9]\d\d|56[0-2]\d\d|563[01]\d", "[dD][89abAB][0-9a-fA-F]{2}")
_LOW = _number(
    r"563[2-9]\d|56[4-9]\d\d|57[0-2]\d\d|573[0-3]\d|5734[0-3]", "[dD][c-fC-F][0-9a-fA-F]{2}"
)
_CONTROL = _number(r"[0-8]|1[124-9]|2\d|3[01]|6553[45]", "[0-8bBcCeEfF]|1[0-9a-fA-F]|[fF]{3}[eEfF]")
_WRONG = re.compile(
    f"&#(?:(?P<high>{_HIGH});&#(?P<low>{_LOW});|{_HIGH};|{_LOW};|{_CONTROL};)".encode()
)
_BARE_CONTROL = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]")
_UNFINISHED = re.compile(rf"(?:&#{_HIGH};)?(?:&(?:#(?:x?[0-9a-fA-F]*)?)?)?\Z".encode())
_LONGEST = 2 * (len("&#x;") + MOST_ZEROS + len("55357"))  # octets of a pair


def settled(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The same octets, in other pieces, without references that XML forbids."""
    held = b""
    for piece in pieces:
        block = held + piece
        unfinished = _UNFINISHED.search(block, max(0, len(block) - _LONGEST))
        held = unfinished[0] if unfinished else b""
        yield _corrected(block[: len(block) - len(held)])
    yield held  # the file ends within a reference: no parser will like it


def _corrected(octets: bytes) -> bytes:
    return _BARE_CONTROL.sub(REPLACEMENT, _WRONG.sub(_right, octets))


def _right(match: re.Match[bytes]) -> bytes:
    if match["high"] is None:
        return REPLACEMENT
    high, low = _code(match["high"]), _code(match["low"])
    return b"&#%d;" % (0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00))


def _code(number: bytes) -> int:
    return int(number[1:], 16) if number.startswith(b"x") else int(number)
