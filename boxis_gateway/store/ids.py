"""Ids of submissions and messages, and their digits on the wire.

An id is milliseconds since 1970 times a million, plus a count within that millisecond. On the wire
it is 16 hexadecimal digits, followed by 8 of the account's id: wire ids sort by creation.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta

IDS_PER_MILLISECOND = 1_000_000
UPPER_HALF = IDS_PER_MILLISECOND // 2  # where a millisecond's ids of free_ids.py begin
STORED_DIGITS, LARGEST_STORED_ID = 19, 9_000_000_000_000_000_000
LAST_DIGITS = 17  # of a longer id: they fit between LARGEST_STORED_ID and 2**63
UNSIGNED = 1 << 64
LEAST_ID, GREATEST_ID = -(1 << 63), (1 << 63) - 1
GREATEST_ACCOUNT_ID = (1 << 31) - 1
EPOCH, MILLISECOND = datetime(1970, 1, 1), timedelta(milliseconds=1)
YEARS = range(1970, 2262)  # that ids can express
WIRE_ID = re.compile(r"([0-9a-f]{16})([0-9a-f]{8})")


def first_id(instant: str) -> int:
    """The lowest id of a time, given as the store's text."""
    return (datetime.fromisoformat(instant) - EPOCH) // MILLISECOND * IDS_PER_MILLISECOND


def is_generated_id(number: int, instant: str) -> bool:
    """True if the number is an id of that time."""
    return 0 <= number - first_id(instant) < IDS_PER_MILLISECOND


def is_in_lower_half(number: int, instant: str) -> bool:
    """True for an id of that time that additions.py may give."""
    return 0 <= number - first_id(instant) < UPPER_HALF


def id_range_of_months(first: str, last: str) -> tuple[int, int]:
    """First id, and end, of the months from `first` to `last` (`yyyy-mm`, "" for no bound)."""
    return (
        _first_id_of_month(month_number(first)) if first else LEAST_ID,
        _first_id_of_month(month_number(last) + 1) if last else GREATEST_ID,
    )


def month_number(month: str) -> int:
    """The month `yyyy-mm` as months since the year 0."""
    return int(month[:4]) * 12 + int(month[5:]) - 1


def _first_id_of_month(month: int) -> int:
    """The lowest id of a month; years outside of YEARS give the bounds of all ids."""
    year = month // 12
    if year not in YEARS:
        return LEAST_ID if year < YEARS[0] else GREATEST_ID
    return first_id(f"{year}-{month % 12 + 1:02}-01 00:00:00")


def wire_id(submission_id: int, account_id: int) -> str:
    """The id on the wire: 24 hexadecimal digits (REST protocol page, section 1)."""
    return f"{submission_id % UNSIGNED:016x}{account_id:08x}"


def from_wire_id(text: str) -> tuple[int, int] | None:
    """(account id, submission id) of a wire id in either case; None for other texts."""
    match = WIRE_ID.fullmatch(text.lower())
    if not match:
        return None
    number = int(match[1], 16)
    return int(match[2], 16), number - UNSIGNED if number > GREATEST_ID else number


def order_id(digits: str) -> int | None:
    """The number that orders a message with a foreign wire id among equal times: the id itself, if
    it fits the store, else (24 digits in 2012) its last digits, above all others. None for what is
    no number."""
    if not (digits.isascii() and digits.isdigit()) or digits[0] == "0":
        return None
    if len(digits) <= STORED_DIGITS:
        number = int(digits)
        return number if number <= LARGEST_STORED_ID else None
    return LARGEST_STORED_ID + 1 + int(digits[-LAST_DIGITS:])
