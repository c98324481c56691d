"""Dates of a file -> texts of the store.

A file's lines are seconds apart and clocks seldom change, so an hour is worked out once, in full at
both of its ends, and the lines within it are looked up. Where an hour is not one stretch of the
same offset (the clock changes in it, or a zone is half an hour off) a minute is tried, and where
that is not so either, each date goes the full way.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache

from boxis_gateway.importers.reading.lines import LineError
from boxis_gateway.zones import LATEST, Zone, from_utc_text, utc_text

YEARS = range(1970, 2262)  # what a 64-bit id made of the time can hold
STRETCHES_KEPT = 50_000
_MINUTE = frozenset(f":{second:02}" for second in range(60))
_HOUR = frozenset(f":{minute:02}{second}" for minute in range(60) for second in _MINUTE)
_OFFSETS = ("", "Z", "+", "-")  # what may follow whole seconds begins so


def parse_date(name: str, date: str, zone: Zone, not_before: str | None = None) -> str:
    """The store's text of an ISO 8601 date and time; without an offset it is in the zone, and of
    the second pass of a repeated hour if the first lies well before `not_before` (a text, too).

    Raises LineError, which says what is wrong with the column `name`."""
    if date[19:20] in _OFFSETS:
        if date[13:19] in _HOUR:
            hour = _utc_stretch(zone, date[:13], ":00:00", ":59:59", date[19:])
            if hour:
                return hour + date[13:19]
        if date[16:19] in _MINUTE:
            minute = _utc_stretch(zone, date[:16], ":00", ":59", date[19:])
            if minute:
                return minute + date[16:19]
    return parse_date_uncached(name, date, zone, not_before)


def parse_date_or_none(date: str | None, zone: Zone) -> str | None:
    """The same of a date that a message can do without: None if it is blank, or cannot be used."""
    try:
        return parse_date("", date, zone) if date else None
    except LineError:
        return None


@lru_cache(maxsize=STRETCHES_KEPT)
def _utc_stretch(zone: Zone, start: str, first: str, last: str, offset: str) -> str | None:
    """What stands in UTC for the `start` of all dates from `start + first + offset` to
    `start + last + offset`; None if it is not the same for all of them, or they are no dates."""
    try:
        ends = {
            parse_date_uncached("", start + end + offset, zone, not_before)
            for end in (first, last)
            for not_before in (None, LATEST)  # the first pass of a repeated hour, and the second
        }
    except LineError:
        return None
    utc_start = min(ends).removesuffix(first)
    return utc_start if ends == {utc_start + first, utc_start + last} else None


def parse_date_uncached(name: str, date: str, zone: Zone, not_before: str | None = None) -> str:
    """What `parse_date` returns and raises, without a look at what was worked out before."""
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
        known = str(problem) if str(problem).startswith("the ") else "not a date"
        raise LineError(f"{name}: {known}") from None
