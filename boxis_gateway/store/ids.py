"""Ids of submissions: a time in milliseconds since 1970, times a million, plus a count within that
millisecond. On the wire they are 16 hexadecimal digits, with 8 of the account's behind them: so
they sort by creation, and tell what they name."""

from __future__ import annotations

import re
from functools import lru_cache

from boxis_gateway.zones import from_utc_text

IDS_PER_MILLISECOND = 1_000_000
UPPER_HALF = IDS_PER_MILLISECOND // 2  # of a millisecond's ids: those of grouped.py begin here
OWN_DIGITS, LARGEST_OWN_ID = 19, 9_000_000_000_000_000_000
LAST_DIGITS = 17  # of a longer id; their numbers fit between LARGEST_OWN_ID and 2**63
UNSIGNED = 1 << 64
LEAST_ID, GREATEST_ID = -(1 << 63), (1 << 63) - 1
GREATEST_ACCOUNT_ID = (1 << 31) - 1
YEARS = range(1970, 2262)  # those that ids can tell
WIRE_ID = re.compile(r"([0-9a-f]{16})([0-9a-f]{8})")


def first_id(instant: str) -> int:
    """The least of our ids at a time, a text of the store."""
    milliseconds = _minute_milliseconds(instant[:16]) + round(float(instant[17:]) * 1000)
    return milliseconds * IDS_PER_MILLISECOND


def is_ours(number: int, instant: str) -> bool:
    """Whether we give such a number to what is of that time."""
    return 0 <= number - first_id(instant) < IDS_PER_MILLISECOND


def is_in_lower_half(number: int, instant: str) -> bool:
    """Whether it is one of those that additions.py counts through."""
    return 0 <= number - first_id(instant) < UPPER_HALF


@lru_cache(maxsize=1024)
def _minute_milliseconds(minute: str) -> int:
    return int(from_utc_text(minute).timestamp()) * 1000


def ids_of_months(first: str, last: str) -> tuple[int, int]:
    """Where the ids of the months `yyyy-mm` begin, and where they end; "" is no bound."""
    return (
        _first_of(number_of(first)) if first else LEAST_ID,
        _first_of(number_of(last) + 1) if last else GREATEST_ID,
    )


def number_of(month: str) -> int:
    """Months since the year 0."""
    return int(month[:4]) * 12 + int(month[5:]) - 1


def _first_of(month: int) -> int:
    """The least id of a month; the ends of all ids for years that these can't tell."""
    year = month // 12
    if year not in YEARS:
        return LEAST_ID if year < YEARS[0] else GREATEST_ID
    return first_id(f"{year}-{month % 12 + 1:02}-01 00:00:00")


def wire_id(submission_id: int, account_id: int) -> str:
    """24 hexadecimal digits (REST protocol page, section 1)."""
    return f"{submission_id % UNSIGNED:016x}{account_id:08x}"


def from_wire_id(text: str) -> tuple[int, int] | None:
    """(account id, submission id) of what `wire_id` gave, in either case; None for other texts."""
    found = WIRE_ID.fullmatch(text.lower())
    if not found:
        return None
    number = int(found[1], 16)
    return int(found[2], 16), number - UNSIGNED if number > GREATEST_ID else number


def own_id(digits: str) -> int | None:
    """A number that puts the message where its wire id belongs among equal times: the id itself, if
    the store can hold it, else (24 digits in 2012) its last digits, above all others."""
    if not (digits.isascii() and digits.isdigit()) or digits[0] == "0":
        return None
    if len(digits) <= OWN_DIGITS:
        number = int(digits)
        return number if number <= LARGEST_OWN_ID else None
    return LARGEST_OWN_ID + 1 + int(digits[-LAST_DIGITS:])
