"""Cache of UTC offsets: converts UTC texts to local times, text to text.

Text is faster than datetime: the local hour of each UTC hour is looked up, and the rest of the text
is kept. Hours are cached by the day: a day that begins and ends with one offset has it in all its
hours (tests/test_zones.py checks the whole time zone database).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import Generic, TypeVar
from zoneinfo import ZoneInfo

DAY, HOUR = len("yyyy-mm-dd"), len("yyyy-mm-dd hh")
HOURS_OF_DAY = tuple(f" {hour:02}" for hour in range(24))
MOST_HOURS = 30_000  # over three years; about 3 MB
CHECKED_YEARS = range(1990, 2038)

T = TypeVar("T")
Minutes = Mapping[str, tuple[bool, str]]
"""`:mm` of UTC -> True if it is in the next local hour, and the local `:mm`."""


class LocalTimeCache(Generic[T]):
    """Cache of one zone. Subclasses define the value of an hour and its use."""

    def __init__(self, info: ZoneInfo) -> None:
        self._info = info
        self._hours: dict[str, T] = {}

    def convert(self, instants: Sequence[str]) -> list[str]:
        """Convert UTC texts to `yyyy-mm-dd hh:mm:ss` in the zone."""
        for _ in range(2):
            try:
                return self._look_up(instants)
            except KeyError:
                missing = {
                    instant[:DAY] for instant in instants if instant[:HOUR] not in self._hours
                }
                self._add_days(missing)
        return [
            self._look_up([instant])[0] if instant[:HOUR] in self._hours else self._local(instant)
            for instant in instants
        ]

    def _look_up(self, instants: Sequence[str]) -> list[str]:
        """Convert by the cache alone. Raises KeyError if an hour is missing."""
        raise NotImplementedError

    def _store(self, hours: Sequence[str], local: Sequence[str], minute: int) -> None:
        """Cache UTC hours that begin at `minute` of the local hours; the last ends in one more."""
        raise NotImplementedError

    def _add_days(self, days: Set[str]) -> None:
        if len(self._hours) + len(days) * len(HOURS_OF_DAY) > MOST_HOURS:
            self._hours.clear()
        for day in days:
            hours = _hours_of(day)
            if not self._add_hours(hours):
                for hour in hours:
                    self._add_hours([hour])

    def _add_hours(self, hours: Sequence[str]) -> bool:
        """Cache successive hours if they have one offset in whole minutes (before 1972 some have
        seconds); False if not."""
        first, last = _naive(f"{hours[0]}:00:00"), _naive(f"{hours[-1]}:59:59")
        try:
            begin, end = (self._local_time(instant) for instant in (first, last))
            tomorrow = begin + timedelta(days=1)
        except OverflowError:
            return False
        if end - begin != last - first or begin.second:
            return False
        local = [*_hours_of(str(begin.date())), *_hours_of(str(tomorrow.date()))]
        same = {hour: hour for hour in hours}  # equal texts share one object
        shared = [same.get(hour, hour) for hour in local[begin.hour :][: len(hours) + 1]]
        self._store(hours, shared, begin.minute)
        return True

    def _local_time(self, instant: datetime) -> datetime:
        """Convert naive UTC to naive local time. Raises OverflowError at the ends of the
        calendar."""
        return instant.replace(tzinfo=UTC).astimezone(self._info).replace(tzinfo=None)

    def _local(self, instant: str) -> str:
        try:
            return str(self._local_time(_naive(instant[:19])))
        except OverflowError:
            return instant[:19]


class WholeHourCache(LocalTimeCache[str]):
    """Cache of a zone with offsets in whole hours, as most have: UTC hour -> local hour."""

    def _look_up(self, instants: Sequence[str]) -> list[str]:
        hours = self._hours
        return [hours[instant[:HOUR]] + instant[HOUR:19] for instant in instants]

    def _store(self, hours: Sequence[str], local: Sequence[str], minute: int) -> None:
        if minute == 0:
            self._hours.update(zip(hours, local, strict=False))


class WholeMinuteCache(LocalTimeCache[tuple[str, str, Minutes]]):
    """Cache of any other zone: a UTC hour spans two local hours."""

    def _look_up(self, instants: Sequence[str]) -> list[str]:
        hours = self._hours
        return [
            (later if is_later else hour) + minute + instant[HOUR + 3 : 19]
            for instant in instants
            for hour, later, minutes in (hours[instant[:HOUR]],)
            for is_later, minute in (minutes[instant[HOUR : HOUR + 3]],)
        ]

    def _store(self, hours: Sequence[str], local: Sequence[str], minute: int) -> None:
        for hour, (begin, end) in zip(hours, pairwise(local), strict=True):
            self._hours[hour] = (begin, end, _minutes(minute))


def local_time_cache(info: ZoneInfo) -> WholeHourCache | WholeMinuteCache:
    """Create the cache for a zone."""
    days = (datetime(year, month, 1, tzinfo=UTC) for year in CHECKED_YEARS for month in (1, 7))
    offsets = (day.astimezone(info).utcoffset() for day in days)
    whole = all(offset is not None and offset.seconds % 3600 == 0 for offset in offsets)
    return WholeHourCache(info) if whole else WholeMinuteCache(info)


def _hours_of(day: str) -> list[str]:
    return [day + hour for hour in HOURS_OF_DAY]


@lru_cache(maxsize=60)
def _minutes(first: int) -> Minutes:
    """Minutes of a UTC hour that begins at that local minute."""
    return {
        f":{minute:02}": (minute + first >= 60, f":{(minute + first) % 60:02}")
        for minute in range(60)
    }


def _naive(instant: str) -> datetime:
    return datetime.fromisoformat(instant)
