"""UTC in the store, the account's zone on the wire."""

from __future__ import annotations

import struct
from datetime import UTC, datetime, timedelta
from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boxis_gateway.zones import (
    NonexistentTime,
    Zone,
    find_zone,
    from_utc_text,
    next_second,
    utc_text,
)

ZONES = [
    "UTC",
    "Europe/Warsaw",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "America/St_Johns",
    "Africa/Monrovia",  # an offset with seconds until 1972
    "Pacific/Apia",  # a skipped day in 2011
]
instants = st.datetimes(datetime(1970, 1, 2), datetime(2200, 1, 1)).map(
    lambda moment: moment.replace(microsecond=0, tzinfo=UTC)
)


def test_texts_keep_milliseconds_only_where_there_are_some() -> None:
    moment = datetime(2012, 5, 9, 10, 28, tzinfo=UTC)
    assert utc_text(moment) == "2012-05-09 10:28:00"
    assert utc_text(moment + timedelta(milliseconds=7)) == "2012-05-09 10:28:00.007"
    assert from_utc_text("2012-05-09 10:28:00.007") == moment + timedelta(milliseconds=7)


def test_the_next_second_ends_with_the_calendar() -> None:
    assert next_second("2012-12-31 23:59:59") == "2013-01-01 00:00:00"
    assert next_second("9999-12-31 23:59:59") == "9999-12-31 23:59:59"


@given(st.sampled_from(ZONES), st.lists(instants, max_size=20))
def test_shown_dates_are_those_of_the_zone(name: str, moments: list[datetime]) -> None:
    zone = Zone(name)
    texts = [utc_text(moment) for moment in moments]
    shown = [f"{m.astimezone(zone._info):%Y-%m-%d %H:%M:%S}" for m in moments]
    assert zone.to_local(texts) == shown
    assert zone.to_local(texts) == shown  # from memory now


@given(st.sampled_from(ZONES), instants)
def test_the_bounds_of_a_shown_date_hold_its_instant(name: str, moment: datetime) -> None:
    zone = find_zone(name)
    local = datetime.fromisoformat(zone.to_local([utc_text(moment)])[0])
    assert zone.earliest_instant(local) <= utc_text(moment) <= zone.latest_instant(local)


@given(st.sampled_from(ZONES), st.datetimes(datetime(1970, 1, 3), datetime(2200, 1, 1)))
def test_bounds_are_exact_whether_a_time_is_repeated_or_skipped(name: str, local: datetime) -> None:
    """Seen from the clock on the wall: just before the first instant it showed less, just after
    the last one it shows more."""
    zone = find_zone(name)
    local = local.replace(microsecond=0)
    wanted = f"{local:%Y-%m-%d %H:%M:%S}"
    first, last = zone.earliest_instant(local), zone.latest_instant(local)
    before = utc_text(from_utc_text(first) - timedelta(seconds=1))
    shown_before, shown_first, shown_last, shown_after = zone.to_local(
        [before, first, last, next_second(last)]
    )
    assert shown_before < wanted <= shown_first
    assert shown_last <= wanted < shown_after or first < last  # a repeated hour starts over


def test_bounds_inside_a_repeated_hour_take_in_both_passes() -> None:
    zone, local = find_zone("Europe/Warsaw"), datetime(2026, 10, 25, 2, 30)
    assert zone.earliest_instant(local) == "2026-10-25 00:30:00"
    assert zone.latest_instant(local) == "2026-10-25 01:30:00"


def test_bounds_inside_a_skipped_hour_mean_the_change() -> None:
    zone, local = find_zone("Europe/Warsaw"), datetime(2026, 3, 29, 2, 30)
    assert zone.earliest_instant(local) == "2026-03-29 01:00:00"
    assert zone.latest_instant(local) == "2026-03-29 00:59:59"


def test_a_skipped_time_is_no_instant() -> None:
    with pytest.raises(NonexistentTime):
        find_zone("Europe/Warsaw").instant(datetime(2026, 3, 29, 2, 30))


def test_an_ordered_log_tells_the_two_passes_of_a_repeated_hour_apart() -> None:
    zone, latest, found = find_zone("Europe/Warsaw"), None, []
    for clock in ("01:59:58", "02:00:01", "02:59:59", "02:00:00", "02:57:59", "03:00:00"):
        latest = zone.instant(datetime.fromisoformat(f"2026-10-25 {clock}"), latest)
        found.append(f"{latest:%H:%M:%S}")
    assert found == ["23:59:58", "00:00:01", "00:59:59", "01:00:00", "01:57:59", "02:00:00"]


@pytest.mark.parametrize("name", ["", "Nowhere/None", "../etc/passwd", "/etc", "x\0y"])
def test_an_unknown_zone_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="a time zone name"):
        find_zone(name)


@pytest.mark.parametrize("name", ["Europe/Warsaw", "Asia/Kolkata"])
def test_the_memory_of_a_zone_is_bounded(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("boxis_gateway.local_time_cache.MOST_HOURS", 100)
    zone = Zone(name)
    for day in range(1, 29):
        zone.to_local([f"2026-01-{day:02} {hour:02}:00:00" for hour in range(8)])
        assert 0 < len(zone._cache._hours) <= 100


def changes_of(name: str) -> list[tuple[int, int]]:
    """(second, offset from then on) of a zone's changes, by its file (RFC 8536, second part)."""
    content = files("tzdata.zoneinfo").joinpath(*name.split("/")).read_bytes()
    isutc, isstd, leaps, times, kinds, letters = struct.unpack(">6l", content[20:44])
    start = 44 + 5 * times + 6 * kinds + letters + 8 * leaps + isstd + isutc
    times, kinds = struct.unpack(">2l", content[start + 32 : start + 40])
    numbers = struct.unpack_from(f">{times}q{times}B", content, start + 44)
    offsets = [
        struct.unpack_from(">lBB", content, start + 44 + 9 * times + 6 * kind)[0]
        for kind in range(kinds)
    ]
    return [
        (second, offsets[kind])
        for second, kind in zip(numbers[:times], numbers[times:], strict=True)
    ]


def test_no_zone_changes_its_offset_there_and_back_within_a_day() -> None:
    """Offsets at both ends of a day thus hold for all of it (local_time_cache.py)."""
    found = 0
    for name in files("tzdata").joinpath("zones").read_text().split():
        changes = changes_of(name)
        found += len(changes)
        for (_, before), (second, _), (later, after) in zip(
            changes, changes[1:], changes[2:], strict=False
        ):
            assert before != after or later - second >= 24 * 3600, name
    assert found > 10_000


def test_around_every_change_dates_are_those_of_the_zone() -> None:
    for name in ZONES:
        zone = Zone(name)
        moments = [
            datetime.fromtimestamp(second, UTC) + timedelta(minutes=minutes)
            for second, _ in changes_of(name)
            if second > -2_000_000_000
            for minutes in range(-2880, 2881, 97)
        ]
        shown = [f"{m.astimezone(zone._info):%Y-%m-%d %H:%M:%S}" for m in moments]
        assert zone.to_local([utc_text(moment) for moment in moments]) == shown
