"""Text of a `short_message` (SMPP 3.4, 5.2.22) of unknown data coding.

The first coding that fits the octets is taken:

1. UCS-2 that looks like nothing else: an even number of octets, whole UTF-16 without control
   characters, and at least half of its characters below U+2000. Those are alphabets: the first
   octet of each character, 00 for Latin, 04 for Cyrillic, is a rare letter in GSM 03.38 (1B is the
   escape, and does not count).
2. GSM 03.38: no octet above 7F.
3. Latin-1: only printable characters, more than three quarters of them ASCII letters, digits and
   spaces.
4. UCS-2 as in 1, with any characters.
5. Binary data, shown as hexadecimal digits.

The rule fails for short texts in Chinese or Japanese without an octet above 7F, and for GSM texts
in which every second character is one of the first 32, most of them Greek.
"""

from __future__ import annotations

import re
import string

from boxis_gateway.sms import gsm0338
from boxis_gateway.sms.segments import Alphabet, count_octet_parts, count_parts

_ALPHABETS = bytes(octet for octet in range(0x20) if octet != 0x1B)

_CONTROLS = re.compile("[\x00-\x08\x0b-\x0c\x0e-\x1f\x7f-\x9f]")
_WORDS = (string.ascii_letters + string.digits + " ").encode()
_PART_OF_MANY = re.compile(rb"\x05\x00\x03.|\x06\x08\x04..", re.DOTALL)


def read_short_message(octets: bytes) -> tuple[str, int]:
    """Text and number of parts. A segment that the client concatenates itself (3GPP TS 23.040,
    9.2.3.24.1) is one part, and its user data header no text."""
    body = _without_header(octets)
    text, parts = _text_and_parts(body)
    return text, parts if body is octets else 1


def _text_and_parts(octets: bytes) -> tuple[str, int]:
    wide = _wide(octets)
    if wide and _is_of_alphabets(octets):
        return wide, count_parts(wide, Alphabet.UCS2)
    text = gsm0338.decode(octets)
    if text is not None:
        return text, count_parts(text, Alphabet.GSM)
    latin = octets.decode("latin-1")
    if not _CONTROLS.search(latin) and _is_of_words(octets):
        return latin, count_octet_parts(len(octets))
    if wide:
        return wide, count_parts(wide, Alphabet.UCS2)
    return octets.hex().upper(), count_octet_parts(len(octets))


def _without_header(octets: bytes) -> bytes:
    header = _PART_OF_MANY.match(octets)
    if header and len(octets) > header.end() + 2:
        total, number = octets[header.end() : header.end() + 2]
        if 1 <= number <= total:
            return octets[header.end() + 2 :]
    return octets


def _wide(octets: bytes) -> str | None:
    try:
        text = octets.decode("utf-16-be")
    except UnicodeDecodeError:
        return None
    return None if _CONTROLS.search(text) else text


def _is_of_alphabets(octets: bytes) -> bool:
    firsts = octets[::2]
    return 2 * len(firsts.translate(None, _ALPHABETS)) <= len(firsts)


def _is_of_words(octets: bytes) -> bool:
    return 4 * len(octets.translate(None, _WORDS)) < len(octets)
