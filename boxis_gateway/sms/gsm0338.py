"""GSM 7-bit default alphabet with extension table (3GPP TS 23.038, 6.2.1)."""

from __future__ import annotations

ESCAPE = "\x1b"
TABLE = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
"""Character of each septet; the escape switches to the extension table for the next one."""
EXTENSION_TABLE = {
    "\n": "\f",
    "Λ": "^",
    "(": "{",
    ")": "}",
    "/": "\\",
    "<": "[",
    "=": "~",
    ">": "]",
    "¡": "|",
    "e": "€",
}
"""Septet after an escape, as the basic table reads it -> character."""

BASIC = frozenset(TABLE) - {ESCAPE}
EXTENSION = frozenset(EXTENSION_TABLE.values())
"""Characters of two septets: the escape and their own."""

ALPHABET = BASIC | EXTENSION


def is_gsm(text: str) -> bool:
    """True if the 7-bit alphabet has all characters of the text."""
    return ALPHABET.issuperset(text)


def septets(character: str) -> int:
    """Number of septets of a character; one outside the alphabet is sent as `?`, one septet."""
    return 2 if character in EXTENSION else 1


def decode(octets: bytes) -> str | None:
    """Decode unpacked septets, one in each octet; None if an eighth bit is set.

    An escape before a septet outside the extension table is ignored, as phones do."""
    if not octets.isascii():
        return None
    text = octets.decode("ascii").translate(_CHARACTERS)
    if ESCAPE not in text:
        return text
    first, *escaped = text.split(ESCAPE)
    return first + "".join(
        EXTENSION_TABLE.get(piece[:1], piece[:1]) + piece[1:] for piece in escaped
    )


_CHARACTERS = dict(enumerate(TABLE))
