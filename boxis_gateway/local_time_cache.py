"""Dates of the store as dates in a zone, text to text.

Text is cheaper than time: what an hour of UTC is in the zone is looked up, and the rest of the text
is kept. Hours are learnt by the day, since the offset that a day begins and ends with is that of
all its hours (tests/test_zones.py looks through the whole time zone database).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import Generic, TypeVar
from zoneinfo import ZoneInfo

DAY, HOUR = len("yyyy-mm-dd"), len("yyyy-mm-dd hh")
HOURS_OF_A_DAY = tuple(f" {hour:02}" for hour in range(24))
HOURS_KEPT = 30_000  # more than three years; some 3 MB
YEARS_LOOKED_AT = range(1990, 2038)

T = TypeVar("T")
Minutes = Mapping[str, tuple[bool, str]]
"""`:mm` of UTC -> whether it is in the zone's next hour, and `:mm` of the zone."""


class LocalTimeCache(Generic[T]):
    """Texts of one zone. A kind of zone says what it remembers of an hour, and how it uses that."""

    def __init__(self, info: ZoneInfo) -> None:
        self._info = info
        self._known: dict[str, T] = {}

    def of(self, instants: Sequence[str]) -> list[str]:
        """`yyyy-mm-dd hh:mm:ss` in the zone, for each text of the store."""
        for _ in range(2):
            try:
                return self._looked_up(instants)
            except KeyError:
                unknown = {one[:DAY] for one in instants if one[:HOUR] not in self._known}
                self._learn(unknown)
        return [
            self._looked_up([one])[0] if one[:HOUR] in self._known else self._local(one)
            for one in instants
        ]

    def _looked_up(self, instants: Sequence[str]) -> list[str]:
        """The texts. Raises KeyError if one's hour is not known."""
        raise NotImplementedError

    def _remember(self, hours: Sequence[str], local: Sequence[str], minute: int) -> None:
        """Hours of UTC begin at this minute of these hours here, and the last ends in one more."""
        raise NotImplementedError

    def _learn(self, days: Set[str]) -> None:
        if len(self._known) + len(days) * len(HOURS_OF_A_DAY) > HOURS_KEPT:
            self._known.clear()
        for day in days:
            hours = _hours_of(day)
            if not self._learn_hours(hours):
                for hour in hours:
                    self._learn_hours([hour])

    def _learn_hours(self, hours: Sequence[str]) -> bool:
        """Remember successive hours, if they have one offset; some of before 1972 have seconds."""
        first, last = _naive(f"{hours[0]}:00:00"), _naive(f"{hours[-1]}:59:59")
        try:
            begin, end = (self._local_time(instant) for instant in (first, last))
            tomorrow = begin + timedelta(days=1)
        except OverflowError:
            return False
        if end - begin != last - first or begin.second:
            return False
        local = [*_hours_of(str(begin.date())), *_hours_of(str(tomorrow.date()))]
        same = {hour: hour for hour in hours}  # one text is enough for an hour
        shared = [same.get(hour, hour) for hour in local[begin.hour :][: len(hours) + 1]]
        self._remember(hours, shared, begin.minute)
        return True

    def _local_time(self, instant: datetime) -> datetime:
        """Naive UTC -> naive local time. Raises OverflowError at the two ends of the calendar."""
        return instant.replace(tzinfo=UTC).astimezone(self._info).replace(tzinfo=None)

    def _local(self, instant: str) -> str:
        try:
            return str(self._local_time(_naive(instant[:19])))
        except OverflowError:
            return instant[:19]


class WholeHourCache(LocalTimeCache[str]):
    """Of a zone that is whole hours off UTC, as most are: an hour is an hour."""

    def _looked_up(self, instants: Sequence[str]) -> list[str]:
        known = self._known
        return [known[instant[:HOUR]] + instant[HOUR:19] for instant in instants]

    def _remember(self, hours: Sequence[str], local: Sequence[str], minute: int) -> None:
        if minute == 0:
            self._known.update(zip(hours, local, strict=False))


class WholeMinuteCache(LocalTimeCache[tuple[str, str, Minutes]]):
    """Of any other zone: an hour is the end of one hour and the beginning of the next."""

    def _looked_up(self, instants: Sequence[str]) -> list[str]:
        known = self._known
        return [
            (later if is_later else hour) + minute + instant[HOUR + 3 : 19]
            for instant in instants
            for hour, later, minutes in (known[instant[:HOUR]],)
            for is_later, minute in (minutes[instant[HOUR : HOUR + 3]],)
        ]

    def _remember(self, hours: Sequence[str], local: Sequence[str], minute: int) -> None:
        for hour, (begin, end) in zip(hours, pairwise(local), strict=True):
            self._known[hour] = (begin, end, _minutes(minute))


def local_time_cache(info: ZoneInfo) -> WholeHourCache | WholeMinuteCache:
    """What makes the texts of that zone."""
    days = (datetime(year, month, 1, tzinfo=UTC) for year in YEARS_LOOKED_AT for month in (1, 7))
    offsets = (day.astimezone(info).utcoffset() for day in days)
    whole = all(offset is not None and offset.seconds % 3600 == 0 for offset in offsets)
    return WholeHourCache(info) if whole else WholeMinuteCache(info)


def _hours_of(day: str) -> list[str]:
    return [day + hour for hour in HOURS_OF_A_DAY]


@lru_cache(maxsize=60)
def _minutes(first: int) -> Minutes:
    """Of an hour of UTC that begins at that minute."""
    return {
        f":{minute:02}": (minute + first >= 60, f":{(minute + first) % 60:02}")
        for minute in range(60)
    }


def _naive(instant: str) -> datetime:
    return datetime.fromisoformat(instant)
