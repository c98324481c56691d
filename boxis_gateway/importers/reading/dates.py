"""Dates of a source -> UTC texts, with a cache of whole hours.

Lines of a file are seconds apart and offsets seldom change: an hour is converted at both ends, and
dates within it are looked up. If its ends do not map to the ends of one UTC hour (the clock
changes, or the offset is not in whole hours) a minute is cached instead, else the date is parsed in
full.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache

from boxis_gateway.importers.reading.lines import LineError
from boxis_gateway.zones import LATEST, Zone, from_utc_text, utc_text

YEARS = range(1970, 2262)  # range of a 64-bit id made of the time
CACHED_PREFIXES = 50_000
_MINUTE = frozenset(f":{second:02}" for second in range(60))
_HOUR = frozenset(f":{minute:02}{second}" for minute in range(60) for second in _MINUTE)
_OFFSETS = ("", "Z", "+", "-")  # first character after whole seconds


def parse_date(name: str, date: str, zone: Zone, not_before: str | None = None) -> str:
    """Convert an ISO 8601 date and time to UTC text; without an offset it is in the zone.

    In a repeated hour it is in the first pass, or in the second if the first lies well before
    `not_before` (a UTC text). Raises LineError that names the column `name`."""
    if date[19:20] in _OFFSETS:
        if date[13:19] in _HOUR:
            hour = _utc_prefix(zone, date[:13], ":00:00", ":59:59", date[19:])
            if hour:
                return hour + date[13:19]
        if date[16:19] in _MINUTE:
            minute = _utc_prefix(zone, date[:16], ":00", ":59", date[19:])
            if minute:
                return minute + date[16:19]
    return parse_date_uncached(name, date, zone, not_before)


def parse_date_or_none(date: str | None, zone: Zone) -> str | None:
    """Convert an optional date; None if it is blank or invalid."""
    try:
        return parse_date("", date, zone) if date else None
    except LineError:
        return None


@lru_cache(maxsize=CACHED_PREFIXES)
def _utc_prefix(zone: Zone, start: str, first: str, last: str, offset: str) -> str | None:
    """UTC prefix that replaces `start` in all dates from `start + first + offset` to
    `start + last + offset`; None if they have none in common, or are invalid."""
    try:
        ends = {
            parse_date_uncached("", start + end + offset, zone, not_before)
            for end in (first, last)
            for not_before in (None, LATEST)  # both passes of a repeated hour
        }
    except LineError:
        return None
    utc_start = min(ends).removesuffix(first)
    return utc_start if ends == {utc_start + first, utc_start + last} else None


def parse_date_uncached(name: str, date: str, zone: Zone, not_before: str | None = None) -> str:
    """Convert a date as `parse_date` does, without the cache."""
    try:
        time = datetime.fromisoformat(date)
        if len(date) < len("yyyymmddThhmm"):
            raise ValueError("the time of day is missing")
        before = from_utc_text(not_before) if not_before else None
        instant = zone.instant(time, before) if time.tzinfo is None else time.astimezone(UTC)
        if instant.year not in YEARS:
            raise ValueError(f"the year is not from {YEARS[0]} to {YEARS[-1]}")
        return utc_text(instant)
    except (ValueError, OverflowError) as problem:
        reason = str(problem) if str(problem).startswith("the ") else "not a date"
        raise LineError(f"{name}: {reason}") from None
