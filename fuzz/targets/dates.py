"""Parsers of dates of the form API and of files.

Input: one character for the zone, then the date. The parser agrees with the standard library; the
instants that a date bounds show that date in the zone, and none outside of them does; dates of
files are the same with and without the cache.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from marshmallow import ValidationError

from boxis_gateway.form_api.params import WireDate
from boxis_gateway.importers.reading.dates import parse_date, parse_date_uncached
from boxis_gateway.importers.reading.lines import LineError
from boxis_gateway.zones import Zone, find_zone

ZONES = (
    "UTC",
    "Europe/Warsaw",
    "America/New_York",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "Europe/Amsterdam",
    "Africa/Monrovia",
    "Pacific/Apia",
    "Africa/Casablanca",
    "Asia/Tehran",
)
WORDS = ("2012-03-25 02:30", "2012-10-28 02:30:00", "2011-12-30", "+02:00", "T", "Z", ".123", "W")
DATE = WireDate("", seconds_if_missing=0)
SHAPES = {
    re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d", re.ASCII): "%Y-%m-%d %H:%M",
    re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", re.ASCII): "%Y-%m-%d %H:%M:%S",
}


def seeds() -> Iterator[bytes]:
    """Yield dates around changes of clocks, in each shape."""
    for number in range(len(ZONES)):
        for date in ("2012-03-25 02:30", "2012-10-28 02:30:00", "2011-12-30T12:00:00+01:00"):
            yield f"{number}{date}".encode()


def check(octets: bytes) -> None:
    """Check the properties above."""
    text = octets.decode("utf-8", "replace")
    zone, date = find_zone(ZONES[ord(text[:1] or "0") % len(ZONES)]), text[1:]
    assert _instant(parse_date, date, zone) == _instant(parse_date_uncached, date, zone)
    local = _wire_date(date)
    assert local == _read_by_the_standard_library(date)
    if local and 1 < local.year < 9999:
        _check_bounds(zone, local)


def _instant(read: object, date: str, zone: Zone) -> str:
    assert callable(read)
    try:
        return str(read("date", date, zone))
    except LineError as problem:
        return str(problem)


def _wire_date(date: str) -> datetime | None:
    try:
        return DATE.deserialize(date)
    except ValidationError:
        return None


def _read_by_the_standard_library(date: str) -> datetime | None:
    for shape, pattern in SHAPES.items():
        if shape.fullmatch(date):
            try:
                return datetime.strptime(date, pattern)
            except ValueError:
                return None
    return None


def _check_bounds(zone: Zone, local: datetime) -> None:
    first, last = zone.earliest_instant(local), zone.latest_instant(local)
    info = ZoneInfo(zone.name)
    passes = {local.replace(tzinfo=info, fold=fold).astimezone(UTC) for fold in (0, 1)}
    shown = [time for time in passes if time.astimezone(info).replace(tzinfo=None) == local]
    if shown:
        assert [first, last] == [str(end(shown).replace(tzinfo=None)) for end in (min, max)]
    for instant in (first, last):
        in_zone = datetime.fromisoformat(f"{instant}+00:00").astimezone(info).replace(tzinfo=None)
        assert zone.to_local([instant]) == [str(in_zone.replace(microsecond=0))]
        assert not shown or in_zone == local
