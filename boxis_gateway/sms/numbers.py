"""Phone numbers: E.164 in the store, bare digits in the form API.

Example: `+48514151563`. Other addresses (short codes, names) are kept unchanged, since real logs
contain them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_PUNCTUATION = str.maketrans("", "", " -.()/\u00a0")
_E164 = re.compile(r"[1-9][0-9]{6,14}", re.ASCII)  # protocol page, section 5: 7 to 15 digits
_PLAIN = re.compile(r"\+?([1-9][0-9]{6,14})", re.ASCII)  # the usual spelling
_SHORT_CODE = re.compile(r"[0-9]{3,6}", re.ASCII)

ERASED_NUMBER = "0"
"""Replacement of an erased number: a digit, as clients of the form API expect, but no number."""


def to_e164(number: str) -> str | None:
    """Normalise a number with country code, written with `+`, `00` or neither and with the usual
    punctuation, to `+` and digits; None if it is not one."""
    plain = _PLAIN.fullmatch(number)
    if plain:
        return "+" + plain[1]
    digits = number.translate(_PUNCTUATION)
    digits = digits[1:] if digits.startswith("+") else digits.removeprefix("00")
    return f"+{digits}" if _E164.fullmatch(digits) else None


def to_recipient(number: str) -> str | None:
    """Normalise to E.164; short codes (3 to 6 digits) and ERASED_NUMBER stay, None otherwise."""
    e164 = to_e164(number)
    if e164 or not (number == ERASED_NUMBER or _SHORT_CODE.fullmatch(number)):
        return e164
    return number


def sender_key(sender: str) -> str:
    """Normalised sender for comparisons: numbers with or without `+`, names in any case."""
    return to_e164(sender) or sender.casefold()


def rest_sender(sender: str) -> str:
    """Sender in the REST API: a number as E.164 (REST protocol page, section 1), a name
    unchanged."""
    return to_e164(sender) or sender


def form_address(address: str) -> str:
    """Address in the form API: a number as digits without `+` (protocol page, section 5), a name
    unchanged."""
    rest = address[1:]
    return rest if address.startswith("+") and rest.isascii() and rest.isdigit() else address


def form_addresses(addresses: Sequence[str]) -> Sequence[str]:
    """Apply `form_address` to many addresses; fast if all are numbers or short codes."""
    lines = "\n" + "\n".join(addresses)
    shown = lines.replace("\n+", "\n")
    if (
        lines.isascii()
        and not lines.encode().translate(None, delete=b"\n+0123456789")
        and lines.count("\n") == len(addresses)
        and "+" not in shown
        and not ("\n\n" in shown or shown.endswith("\n"))  # an empty address, or a lone +
    ):
        return shown[1:].split("\n")
    return [form_address(address) for address in addresses]
