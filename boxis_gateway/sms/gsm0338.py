"""The GSM 7-bit default alphabet and its extension table (3GPP TS 23.038, 6.2.1)."""

BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
EXTENSION = frozenset("\f^{}\\[~]|€")
"""Characters that take two septets: an escape and their own."""

ALPHABET = BASIC | EXTENSION


def is_gsm(text: str) -> bool:
    """Whether the text can go out in the 7-bit alphabet."""
    return ALPHABET.issuperset(text)


def septets(character: str) -> int:
    """How many septets a character takes; what the alphabet lacks is sent as `?`, one septet."""
    return 2 if character in EXTENSION else 1
