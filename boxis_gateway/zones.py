"""Time zones: UTC in the store, the account's zone in the form API.

The store keeps times as UTC texts: `yyyy-mm-dd hh:mm:ss`, with `.mmm` if the source has
milliseconds. They sort by time. A date of the form API is the same text in the account's zone, cut
to seconds.

At a change of the clock, shown dates follow the zone: a repeated hour is shown twice. A range bound
in a repeated hour includes both passes; a bound in a skipped hour means the moment of the change.
(The provider's documentation does not mention zones.)
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
LOG_REORDERING = timedelta(minutes=1)  # a log line may be older than the one before by that


class NonexistentTime(ValueError):
    """Local time in a skipped hour of the zone."""

    def __init__(self) -> None:
        super().__init__("the time does not exist in the time zone (clocks were put forward)")


def utc_now() -> datetime:
    """Current time. Other code takes the time as an argument."""
    return datetime.now(UTC)


def utc_text(instant: datetime) -> str:
    """UTC text of an aware time, with milliseconds if it has a fraction."""
    text = instant.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "milliseconds")
    return text.removesuffix(".000")


def from_utc_text(text: str) -> datetime:
    """Aware time of a UTC text."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def next_second(text: str) -> str:
    """UTC text a second later, the exclusive end of a range that includes the whole second."""
    if text >= LATEST:
        return LATEST
    return utc_text(from_utc_text(text) + SECOND)


class Zone:
    """Time zone: converts between UTC texts and local times."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._info = ZoneInfo(name)
        self._cache = local_time_cache(self._info)

    def to_local(self, instants: Sequence[str]) -> list[str]:
        """Convert UTC texts to `yyyy-mm-dd hh:mm:ss` in this zone."""
        if self.name == "UTC":
            return [instant[:19] for instant in instants]
        return self._cache.convert(instants)

    @lru_cache(maxsize=4096)  # noqa: B019 - zones are never freed
    def utc_range(self, first: datetime | None, last: datetime | None) -> tuple[str, str]:
        """Range of UTC texts, the end exclusive, for local times from `first` to `last`, both
        inclusive to the second; None is unbounded."""
        start = self.earliest_instant(first) if first else EARLIEST
        return start, next_second(self.latest_instant(last)) if last else LATEST

    def earliest_instant(self, local: datetime) -> str:
        """UTC text of the first instant with this local time (naive, whole seconds), or of the
        change if the clocks skipped it."""
        return self._bound(local, fold=0)

    def latest_instant(self, local: datetime) -> str:
        """UTC text of the last instant with this local time (naive, whole seconds), or of the
        second before the change if the clocks skipped it."""
        return self._bound(local, fold=1)

    def _bound(self, local: datetime, fold: int) -> str:
        try:
            offset = self._info.utcoffset(local)
            if offset is not None and offset == self._info.utcoffset(local.replace(fold=1)):
                return str(local - offset)  # unambiguous
            first, last = (self._instant(local, f) for f in (0, 1))
        except OverflowError:
            return EARLIEST if local.year < 5000 else LATEST
        if first > last:  # skipped: fold 0 has the offset before the change
            change = self._change_between(last, first)
            return utc_text(change - fold * SECOND)
        return utc_text(last if fold else first)

    def instant(self, local: datetime, not_before: datetime | None = None) -> datetime:
        """Convert a naive local time to UTC. In a repeated hour it is in the first pass, unless
        that is well before `not_before`, the time of the log line before it. Raises
        NonexistentTime."""
        first, last = (self._instant(local, fold) for fold in (0, 1))
        if first > last:
            raise NonexistentTime
        if first < last and not_before is not None and first + LOG_REORDERING < not_before:
            return last
        return first

    def _instant(self, local: datetime, fold: int) -> datetime:
        return local.replace(tzinfo=self._info, fold=fold).astimezone(UTC)

    def _change_between(self, low: datetime, high: datetime) -> datetime:
        """Instant in (low, high] at which the offset changes to that of `high`."""
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
    """Return the zone of that name. Raises ValueError with a message for the operator."""
    try:
        return Zone(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("expected a time zone name such as Europe/Warsaw") from None
