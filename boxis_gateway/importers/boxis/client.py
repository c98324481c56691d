"""Client of a Boxis-compatible server: the whole history, in time windows.

getHistory has no pages: it answers everything between two dates, both inclusive (protocol page,
sections 8.1 and 11). The history is requested window by window, oldest first; windows get wider
after small answers and narrower after large ones or failures. A window contains the rows whose
shown date is in it, and requests a second more at both ends: so each row is in exactly one window,
however the server treats fractions of seconds and repeated hours.
"""

from __future__ import annotations

import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from urllib.parse import urlencode

from boxis_gateway.authcode import MOST_CLOCK_SECONDS, authcode_of
from boxis_gateway.errors import ImportFailed
from boxis_gateway.importers.boxis.answers import (
    HistoryRow,
    NotAnEnvelope,
    RefusedRequest,
    TruncatedAnswer,
    parse_history,
)
from boxis_gateway.importers.reading.lines import ReadOptions
from boxis_gateway.importers.reading.web import (
    Backoff,
    ResponseTooLarge,
    ServerUrl,
    TransientError,
    send,
)
from boxis_gateway.setting_kinds import bounded
from boxis_gateway.zones import utc_now

EARLIEST, LATEST = datetime(2000, 1, 1), datetime(2100, 1, 1)
LATEST_SECOND = 4_102_444_800  # LATEST in Unix time
SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
MONTH, YEAR = timedelta(days=32), timedelta(days=366)
FEW_OCTETS, MANY_OCTETS, MOST_OCTETS = 1 << 20, 1 << 22, 1 << 23
"""Sizes of an answer: below the first the next window is wider, above the second it is narrower;
above the third this window is split."""
INTERNAL_ERROR = "internal error"  # transient (protocol page, section 7)


@dataclass
class BoxisClient:
    """Client of an account. `clock_offset` is the server's clock minus ours, in seconds."""

    address: ServerUrl
    username: str
    user_key: str = field(repr=False)
    clock_offset: int = 0

    def history(
        self, first: datetime, last: datetime, max_octets: int | None
    ) -> tuple[list[HistoryRow], int]:
        """Request the rows between two dates; return them and the size of the answer in octets.

        Raises ResponseTooLarge above `max_octets`, TransientError and ImportFailed."""
        try:
            return self._request(first, last, max_octets)
        except RefusedRequest as refusal:
            now = bounded(refusal.clock or "", 0, LATEST_SECOND)
            if now is None:
                raise self._error(refusal) from None
            if abs(now - _seconds_now()) > MOST_CLOCK_SECONDS:
                raise ImportFailed(
                    f"{self.address.shown} says that its clock differs from ours by more than a "
                    "day. Nothing is signed with such a time. Check both clocks."
                ) from None
            self.clock_offset = now - _seconds_now()
        try:
            return self._request(first, last, max_octets)
        except RefusedRequest as refusal:
            raise self._error(refusal) from None

    def _request(
        self, first: datetime, last: datetime, max_octets: int | None
    ) -> tuple[list[HistoryRow], int]:
        with send(self._signed(first, last), max_octets) as answer:
            try:
                return list(parse_history(answer.chunks())), answer.octets
            except TruncatedAnswer:
                raise TransientError("broke its answer off", smaller=True) from None
            except NotAnEnvelope:
                status = "" if answer.status == 200 else f", but with HTTP status {answer.status}"
                raise ImportFailed(
                    f"{self.address.shown} did not answer with an envelope of the Boxis API"
                    f"{status}. Check the address."
                ) from None

    def _signed(self, first: datetime, last: datetime) -> urllib.request.Request:
        timestamp = str(_seconds_now() + self.clock_offset)
        form = {
            "version": "1.0",
            "section": "sms",
            "action": "getHistory",
            "returntype": self.address.query.get("returntype", "xml"),
            "datefrom": str(first),
            "dateto": str(last),
            "username": self.username,
            "timestamp": timestamp,
            "authcode": authcode_of(timestamp, self.user_key),
        }
        body = urlencode(form, errors="surrogateescape").encode()
        return urllib.request.Request(self.address.url, data=body, method="POST")

    def _error(self, refusal: RefusedRequest) -> Exception:
        text = str(refusal).removeprefix("error: ").removeprefix("Error: ")
        if text == INTERNAL_ERROR:
            return TransientError("answers that it has an internal error", smaller=True)
        return ImportFailed(
            f"{self.address.shown} refuses: {text}. Check the address, --source-user and the user "
            "key in BOXIS_GATEWAY_SOURCE_SECRET."
        )


def whole_history(url: str, options: ReadOptions) -> Iterator[list[HistoryRow]]:
    """Yield the rows since `options.since` by window, oldest window first, each in the order of
    the server's answer. Raises ImportFailed."""
    if not options.username or not options.secret:
        raise ImportFailed(
            "Credentials are missing. Give the user name with --source-user, the user key in "
            "BOXIS_GATEWAY_SOURCE_SECRET."
        )
    client = BoxisClient(ServerUrl.parse(url), options.username, options.secret)
    since = datetime.fromisoformat(options.since).replace(second=0) if options.since else EARLIEST
    future = datetime.combine(utc_now().date(), datetime.min.time()) + timedelta(days=2)
    yield from _windows(client, since, future, MONTH)
    yield from _windows(client, max(since, future), LATEST, LATEST - future)  # scheduled ones


def _windows(
    client: BoxisClient, start: datetime, stop: datetime, width: timedelta
) -> Iterator[list[HistoryRow]]:
    backoff = Backoff(client.address.shown)
    while start < stop:
        end = min(start + width, stop)
        max_octets = MOST_OCTETS if end - start > MINUTE else None
        try:
            rows, octets = client.history(start - SECOND, end, max_octets)
        except ResponseTooLarge:
            width = _half(end - start)
            continue
        except TransientError as problem:
            backoff.wait(problem, _so_far(start))
            width = _half(end - start) if problem.smaller else width
            continue
        backoff.reset()
        yield [row for row in rows if _is_in_window(row.date, start, end)]
        width = _next_width(end - start, octets)
        start = end


def _is_in_window(date: str, start: datetime, end: datetime) -> bool:
    """Compare whole minutes, as windows have; an invalid date is in any window."""
    minute = date[:16]
    return str(start)[:16] <= minute < str(end)[:16] or not _is_minute(minute)


def _is_minute(text: str) -> bool:
    try:
        return len(text) == 16 and bool(datetime.fromisoformat(text))
    except ValueError:
        return False


def _half(width: timedelta) -> timedelta:
    """Halve to whole hours if possible, so that no window ends within a repeated hour."""
    unit = HOUR if width > HOUR else MINUTE
    return max(width / 2 // unit * unit, unit)


def _next_width(width: timedelta, octets: int) -> timedelta:
    if octets < FEW_OCTETS:
        return min(width * 2, YEAR)
    return _half(width) if octets > MANY_OCTETS else width


def _so_far(start: datetime) -> str:
    return (
        f"Messages until {start} are imported. Import again to add the rest, faster with "
        f"--since '{start}'."
    )


def _seconds_now() -> int:
    return int(utc_now().timestamp())
