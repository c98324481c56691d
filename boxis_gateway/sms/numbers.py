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
    """E.164, or a short code of 3 to 6 digits as it is; None for anything else."""
    return to_e164(number) or (number if _SHORT_CODE.fullmatch(number) else None)


def on_form_wire(addresses: Sequence[str]) -> Sequence[str]:
    """Senders or recipients as the form door shows them: numbers as digits with country code, no
    `+` (protocol page, section 5), names as they are."""
    joined = "".join(addresses)
    pluses = joined.count("+")
    if not pluses:
        return addresses
    rests = [address[1:] for address in addresses]
    if pluses == len(addresses) and "".join(rests).isdecimal() and "" not in rests:
        return rests  # no + in them: so each address has its own in front
    return [
        address[1:] if address[:1] == "+" and address[1:].isdecimal() else address
        for address in addresses
    ]
