"""The GSM 7-bit default alphabet and its extension table (3GPP TS 23.038, 6.2.1)."""

from __future__ import annotations

ESCAPE = "\x1b"
TABLE = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
"""The character of each septet; an escape says that the next one is of the extension table."""
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
"""What stands behind an escape, as the basic table reads it -> what it means."""

BASIC = frozenset(TABLE) - {ESCAPE}
EXTENSION = frozenset(EXTENSION_TABLE.values())
"""Characters that take two septets: an escape and their own."""

ALPHABET = BASIC | EXTENSION


def is_gsm(text: str) -> bool:
    """Whether the text can go out in the 7-bit alphabet."""
    return ALPHABET.issuperset(text)


def septets(character: str) -> int:
    """How many septets a character takes; what the alphabet lacks is sent as `?`, one septet."""
    return 2 if character in EXTENSION else 1


def decode(octets: bytes) -> str | None:
    """The text of septets that stand in an octet each; None if one of them has its eighth bit set.

    As phones do, an escape before what is not in the extension table is passed over."""
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
