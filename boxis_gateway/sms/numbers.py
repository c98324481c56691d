"""Phone numbers: E.164 in the store (`+48514151563`), digits alone at the form door.

What is no E.164 number (a short code, a name) is kept as it is: real logs have them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_PUNCTUATION = str.maketrans("", "", " -.()/\u00a0")
_E164 = re.compile(r"[1-9][0-9]{6,14}", re.ASCII)  # protocol page, section 5: 7 to 15 digits
_PLAIN = re.compile(r"\+?([1-9][0-9]{6,14})", re.ASCII)  # as most are written
_SHORT_CODE = re.compile(r"[0-9]{3,6}", re.ASCII)

NOBODY = "0"
"""In place of a number that was erased: digits, which clients of the form door expect, that no
number is."""


def to_e164(number: str) -> str | None:
    """`+` and digits, from a number with country code written with `+`, `00` or neither, and with
    the usual punctuation; None if it is not one."""
    plain = _PLAIN.fullmatch(number)
    if plain:
        return "+" + plain[1]
    digits = number.translate(_PUNCTUATION)
    digits = digits[1:] if digits.startswith("+") else digits.removeprefix("00")
    return f"+{digits}" if _E164.fullmatch(digits) else None


def to_recipient(number: str) -> str | None:
    """E.164, or a short code of 3 to 6 digits or NOBODY as it is; None for anything else."""
    e164 = to_e164(number)
    if e164 or not (number == NOBODY or _SHORT_CODE.fullmatch(number)):
        return e164
    return number


def sender_key(sender: str) -> str:
    """What senders are compared by: a number is the same with and without its `+`, a name is in any
    case."""
    return to_e164(sender) or sender.casefold()


def on_rest_wire(sender: str) -> str:
    """A sender as the REST door shows it: a number as E.164 (REST protocol page, section 1), a name
    as it is."""
    return to_e164(sender) or sender


def on_form_wire(address: str) -> str:
    """A sender or recipient as the form door shows it: a number as digits with country code, no
    `+` (protocol page, section 5), a name as it is."""
    rest = address[1:]
    return rest if address.startswith("+") and rest.isascii() and rest.isdigit() else address


def all_on_form_wire(addresses: Sequence[str]) -> Sequence[str]:
    """The same of many, quick where all are numbers or short codes."""
    lines = "\n" + "\n".join(addresses)
    shown = lines.replace("\n+", "\n")
    if (
        lines.isascii()
        and not lines.encode().translate(None, delete=b"\n+0123456789")
        and lines.count("\n") == len(addresses)
        and "+" not in shown
        and not ("\n\n" in shown or shown.endswith("\n"))  # nothing, or a + alone
    ):
        return shown[1:].split("\n")
    return [on_form_wire(address) for address in addresses]
