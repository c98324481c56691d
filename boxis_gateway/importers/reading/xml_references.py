"""Repair of character references that XML forbids, ahead of the parser.

Java apps write characters beyond U+FFFF as two references, one for each half of the surrogate pair:
`&#55357;&#56838;`. They are joined. A lone half and a control character, as a reference or literal,
become U+FFFD, the replacement character.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

MOST_ZEROS = 8  # before the digits of a reference
REPLACEMENT = b"&#xFFFD;"


def _number(decimal: str, hexadecimal: str) -> str:
    """Pattern of a number between `&#` and `;`."""
    zeros = f"0{{0,{MOST_ZEROS}}}"
    return f"(?:{zeros}(?:{decimal})|x{zeros}(?:{hexadecimal}))"


_HIGH = _number(r"5529[6-9]|55[3-9]\d\d|56[0-2]\d\d|563[01]\d", "[dD][89abAB][0-9a-fA-F]{2}")
_LOW = _number(
    r"563[2-9]\d|56[4-9]\d\d|57[0-2]\d\d|573[0-3]\d|5734[0-3]", "[dD][c-fC-F][0-9a-fA-F]{2}"
)
_CONTROL = _number(r"[0-8]|1[124-9]|2\d|3[01]|6553[45]", "[0-8bBcCeEfF]|1[0-9a-fA-F]|[fF]{3}[eEfF]")
_FORBIDDEN = re.compile(
    f"&#(?:(?P<high>{_HIGH});&#(?P<low>{_LOW});|{_HIGH};|{_LOW};|{_CONTROL};)".encode()
)
_BARE_CONTROL = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]")
_UNFINISHED = re.compile(rf"(?:&#{_HIGH};)?(?:&(?:#(?:x?[0-9a-fA-F]*)?)?)?\Z".encode())
_LONGEST = 2 * (len("&#x;") + MOST_ZEROS + len("55357"))  # octets of a pair


def repair_references(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the octets without forbidden references, in other pieces."""
    held = b""
    for piece in pieces:
        block = held + piece
        unfinished = _UNFINISHED.search(block, max(0, len(block) - _LONGEST))
        held = unfinished[0] if unfinished else b""
        yield _repair(block[: len(block) - len(held)])
    yield held  # the file ends within a reference: the parser fails


def _repair(octets: bytes) -> bytes:
    return _BARE_CONTROL.sub(REPLACEMENT, _FORBIDDEN.sub(_replacement, octets))


def _replacement(match: re.Match[bytes]) -> bytes:
    if match["high"] is None:
        return REPLACEMENT
    high, low = _code(match["high"]), _code(match["low"])
    return b"&#%d;" % (0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00))


def _code(number: bytes) -> int:
    return int(number[1:], 16) if number.startswith(b"x") else int(number)
