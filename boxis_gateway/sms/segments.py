"""Segments ("parts" on the wire) of a text (3GPP TS 23.040, 9.2.3.24.1).

An SMS carries 140 octets: 160 septets, 140 octets or 70 UCS-2 code units. In a concatenated
message a user data header takes 6 octets of each segment, which leaves 153, 134 and 67. Neither an
escape pair nor a surrogate pair is split over two segments.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum

from boxis_gateway.sms import gsm0338

OCTETS = 140
CONCATENATION_HEADER_OCTETS = 6


class Alphabet(IntEnum):
    """Data coding of a message: bits of a unit."""

    GSM = 7
    OCTET = 8
    UCS2 = 16


_GSM, _UCS2 = Alphabet.GSM, Alphabet.UCS2  # members are slow to look up


def capacity(alphabet: Alphabet, header_octets: int = 0) -> int:
    """Number of units that fit into one segment beside a user data header of that size."""
    return (OCTETS - header_octets) * 8 // alphabet


def count_parts(text: str, alphabet: Alphabet | None = None, header_octets: int = 0) -> int:
    """Number of segments of a text, at least 1; by default in the smaller alphabet that fits.

    `header_octets` is the size of a user data header that precedes the text, length octet included;
    if text and header fit into one segment, the message is a segment that the client made."""
    if 2 * len(text) <= capacity(alphabet or _UCS2, header_octets):
        return 1  # no character takes more than two units: short texts need no scan
    if alphabet is None:
        alphabet = _GSM if gsm0338.is_gsm(text) else _UCS2
    units = _units(text, alphabet)
    if units is None:
        return _count(len(text), alphabet, header_octets)
    if sum(units) <= capacity(alphabet, header_octets):
        return 1
    return _fill(units, capacity(alphabet, header_octets + CONCATENATION_HEADER_OCTETS))


def count_octet_parts(octets: int, header_octets: int = 0) -> int:
    """Number of segments of an 8-bit message."""
    return _count(octets, Alphabet.OCTET, header_octets)


def _count(units: int, alphabet: Alphabet, header_octets: int) -> int:
    if units <= capacity(alphabet, header_octets):
        return 1
    return -(-units // capacity(alphabet, header_octets + CONCATENATION_HEADER_OCTETS))


def _units(text: str, alphabet: Alphabet) -> Sequence[int] | None:
    """Units of each character; None if every character takes one."""
    if alphabet is _GSM:
        if not any(map(text.__contains__, gsm0338.EXTENSION)):
            return None
        return [gsm0338.septets(character) for character in text]
    if text.isascii() or len(text.encode("utf-16-le", "surrogatepass")) == 2 * len(text):
        return None
    return [2 if character > "\uffff" else 1 for character in text]


def _fill(units: Sequence[int], room: int) -> int:
    """Number of segments if each takes as many whole characters as fit."""
    parts, used = 1, 0
    for size in units:
        if used + size > room:
            parts, used = parts + 1, 0
        used += size
    return parts
