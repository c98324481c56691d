"""Time zones: UTC in the store, the account's zone on the wire.

An instant of the store is a text, `yyyy-mm-dd hh:mm:ss` in UTC, with `.mmm` behind it where the
source knew milliseconds. Texts of this form sort like the instants they name, and the API's date
is the same text in the account's zone, cut to seconds.

Around a change of the clock the rules are: shown dates follow the zone, so an hour that is
repeated shows twice; a range bound inside a repeated hour takes in both passes; a bound inside a
skipped hour means the moment of the change. (The provider's documentation says nothing of zones.)
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from boxis_gateway.local_time_cache import local_time_cache

SECOND = timedelta(seconds=1)
EARLIEST = "0001-01-01 00:00:00"
LATEST = "9999-12-31 23:59:59"
LOG_REORDERING = timedelta(minutes=1)  # how far a line of a log may lie before the one above it


class NonexistentTime(ValueError):
    """A local time that the zone's clocks never showed."""

    def __init__(self) -> None:
        super().__init__("the time does not exist in the time zone (clocks were put forward)")


def utc_now() -> datetime:
    """The clock of production; everything else takes the time as an argument."""
    return datetime.now(UTC)


def utc_text(instant: datetime) -> str:
    """The store's text of an aware time, to the millisecond where it has a fraction."""
    text = instant.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "milliseconds")
    return text.removesuffix(".000")


def from_utc_text(text: str) -> datetime:
    """The aware time of a text of the store."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def next_second(text: str) -> str:
    """The text a second later: the end, itself outside, of a range that holds all of `text`."""
    if text >= LATEST:
        return LATEST
    return utc_text(from_utc_text(text) + SECOND)


class Zone:
    """A time zone that converts between the store's texts and local times."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._info = ZoneInfo(name)
        self._texts = local_time_cache(self._info)

    def to_local(self, instants: Sequence[str]) -> list[str]:
        """`yyyy-mm-dd hh:mm:ss` in this zone, for each text of the store."""
        if self.name == "UTC":
            return [instant[:19] for instant in instants]
        return self._texts.of(instants)

    @lru_cache(maxsize=4096)  # noqa: B019 - a zone is never let go of
    def utc_range(self, first: datetime | None, last: datetime | None) -> tuple[str, str]:
        """(start, end) of the store's texts, the end outside, for local times from `first` to
        `last`, inclusive to the second; None leaves a side open."""
        start = self.earliest_instant(first) if first else EARLIEST
        return start, next_second(self.latest_instant(last)) if last else LATEST

    def earliest_instant(self, local: datetime) -> str:
        """The text of the first instant whose local time is `local` (naive, whole seconds) or,
        if the clocks skipped it, of the change."""
        return self._bound(local, fold=0)

    def latest_instant(self, local: datetime) -> str:
        """The text of the last instant whose local time is `local` (naive, whole seconds) or,
        if the clocks skipped it, of the second before the change."""
        return self._bound(local, fold=1)

    def _bound(self, local: datetime, fold: int) -> str:
        try:
            offset = self._info.utcoffset(local)
            if offset is not None and offset == self._info.utcoffset(local.replace(fold=1)):
                return str(local - offset)  # the clocks showed it once
            first, last = (self._instant(local, f) for f in (0, 1))
        except OverflowError:
            return EARLIEST if local.year < 5000 else LATEST
        if first > last:  # skipped: fold 0 counts with the offset before the change
            change = self._change_between(last, first)
            return utc_text(change - fold * SECOND)
        return utc_text(last if fold else first)

    def instant(self, local: datetime, not_before: datetime | None = None) -> datetime:
        """The aware UTC time of a naive local time. In a repeated hour the first pass is meant,
        unless that lies well before `not_before` (the line before it in a log that runs in order
        of time). Raises NonexistentTime."""
        first, last = (self._instant(local, fold) for fold in (0, 1))
        if first > last:
            raise NonexistentTime
        if first < last and not_before is not None and first + LOG_REORDERING < not_before:
            return last
        return first

    def _instant(self, local: datetime, fold: int) -> datetime:
        return local.replace(tzinfo=self._info, fold=fold).astimezone(UTC)

    def _change_between(self, low: datetime, high: datetime) -> datetime:
        """The instant in (low, high] at which the offset becomes that of `high`."""
        target = high.astimezone(self._info).utcoffset()
        while high - low > SECOND:
            middle = low + timedelta(seconds=(high - low) // SECOND // 2)
            if middle.astimezone(self._info).utcoffset() == target:
                high = middle
            else:
                low = middle
        return high


@lru_cache(maxsize=1024)
def find_zone(name: str) -> Zone:
    """The zone of that name. Raises ValueError that says what is needed."""
    try:
        return Zone(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("expected a time zone name such as Europe/Warsaw") from None
