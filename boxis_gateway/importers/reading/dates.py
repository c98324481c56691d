"""Dates of a source -> UTC texts, with a cache of whole hours.

Lines of a file are seconds apart and offsets seldom change: an hour is converted at both ends, and
dates within it are looked up. If its ends do not map to the ends of one UTC hour (the clock
changes, or the offset is not in whole hours) a minute is cached instead, else the date is parsed in
full.
"""

from __future__ import annotations

from datetime import UTC, datetime

from boxis_gateway.bounded_cache import BoundedCache
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
        clock = date[13:19]
        if clock in _HOUR:
            hour = _utc_prefixes[zone, date[:13], date[19:]]
            if hour:
                return hour + clock
        if date[16:19] in _MINUTE:
            minute = _utc_prefixes[zone, date[:16], date[19:]]
            if minute:
                return minute + date[16:19]
    return parse_date_uncached(name, date, zone, not_before)


def parse_date_or_none(date: str | None, zone: Zone) -> str | None:
    """Convert an optional date; None if it is blank or invalid."""
    try:
        return parse_date("", date, zone) if date else None
    except LineError:
        return None


def _utc_prefix(dates: tuple[Zone, str, str]) -> str | None:
    """UTC prefix that replaces the start of dates, up to the hour or the minute; None if they have
    none in common, or are invalid. The dates are given by zone, start and offset."""
    zone, start, offset = dates
    first, last = (":00:00", ":59:59") if len(start) == len("yyyy-mm-dd hh") else (":00", ":59")
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


_utc_prefixes = BoundedCache(_utc_prefix, CACHED_PREFIXES)


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
