"""Search for a phone number in a text, in the usual human spellings."""

from __future__ import annotations

import re
from functools import lru_cache

_GAP = r"[\s\-.()\[\]/\u2010-\u2015]{0,3}"
_LEAST_NATIONAL = 7  # digits; shorter ones without country code match too much
_COUNTRY = re.compile(r"[17]|2[07]|3[0-469]|4[013-9]|5[1-8]|6[0-6]|8[1246]|9[0-58]|[0-9]{3}")
"""Country codes (ITU-T E.164, annex D)."""


def mentions(text: str, number: str) -> bool:
    """True if the text contains the E.164 number: its digits with or without `+` or `00` and with
    the usual punctuation; or without country code, if no other digit touches them."""
    national, mention = _patterns(number)
    return bool(national.search(text) and mention.search(text))


def mask_mentions(text: str, number: str) -> str:
    """Replace each digit of the mentions of the number by `×`."""
    return _patterns(number)[1].sub(lambda mention: re.sub("[0-9]", "×", mention[0]), text)


@lru_cache(maxsize=16)
def _patterns(number: str) -> tuple[re.Pattern[str], re.Pattern[str]]:
    """Patterns of the national digits, a fast pre-check since it begins with a literal digit, and
    of a whole mention."""
    digits = number.removeprefix("+")
    country = _COUNTRY.match(digits)
    assert country  # a number in E.164 begins with one
    national = digits[country.end() :]
    trunk = rf"(?:\(0\){_GAP})?"  # +44 (0)20 …
    pattern = f"(?:00{_GAP})?{_spaced(country[0])}{_GAP}{trunk}{_spaced(national)}"
    if len(national) >= _LEAST_NATIONAL:
        pattern += f"|(?<![0-9])0?{_GAP}{_spaced(national)}(?![0-9])"
    return re.compile(_spaced(national)), re.compile(pattern)


def _spaced(digits: str) -> str:
    return _GAP.join(digits)
