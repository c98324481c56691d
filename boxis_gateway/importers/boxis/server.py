"""The whole history of an account at a Boxis-compatible server, asked for in windows of time.

getHistory has no pages, and answers everything between two dates, both inclusive (protocol page,
sections 8.1 and 11). So it is asked window by window, oldest first: wider ones where there is
little, narrower ones where there is much or the server fails. A window takes in the rows whose date
as it is shown lies in it, and asks for a second more on both sides: so every row is in one window,
whatever the server does with fractions of seconds and repeated hours.
"""

from __future__ import annotations

import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from urllib.parse import urlencode

from boxis_gateway.authcode import authcode_of
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
LATEST_SECOND = 4_102_444_800  # the same in Unix time
SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
MONTH, YEAR = timedelta(days=32), timedelta(days=366)
FEW_OCTETS, MANY_OCTETS, MOST_OCTETS = 1 << 20, 1 << 22, 1 << 23
"""Of an answer: below, the next window is wider; above, it is narrower; this one is."""
INTERNAL_ERROR = "internal error"  # protocol page, section 7: nobody's fault, and it may pass


@dataclass
class Server:
    """An account at a server. `ahead` is how many seconds the server's clock is before ours."""

    address: ServerUrl
    username: str
    user_key: str = field(repr=False)
    ahead: int = 0

    def history(
        self, first: datetime, last: datetime, most: int | None
    ) -> tuple[list[HistoryRow], int]:
        """The rows from one date to the other, as they come, and how many octets they were.

        Raises ResponseTooLarge above `most` octets, TransientError and ImportFailed."""
        try:
            return self._ask(first, last, most)
        except RefusedRequest as refused:
            now = bounded(refused.clock or "", 0, LATEST_SECOND)
            if now is None:
                raise self._refusal(refused) from None
            self.ahead = now - _seconds_now()
        try:
            return self._ask(first, last, most)
        except RefusedRequest as refused:
            raise self._refusal(refused) from None

    def _ask(
        self, first: datetime, last: datetime, most: int | None
    ) -> tuple[list[HistoryRow], int]:
        with send(self._request(first, last), most) as answer:
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

    def _request(self, first: datetime, last: datetime) -> urllib.request.Request:
        timestamp = str(_seconds_now() + self.ahead)
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

    def _refusal(self, refused: RefusedRequest) -> Exception:
        said = str(refused).removeprefix("error: ").removeprefix("Error: ")
        if said == INTERNAL_ERROR:
            return TransientError("answers that it has an internal error", smaller=True)
        return ImportFailed(
            f"{self.address.shown} refuses: {said}. Check the address, --source-user and the user "
            "key in BOXIS_GATEWAY_SOURCE_SECRET."
        )


def whole_history(url: str, options: ReadOptions) -> Iterator[list[HistoryRow]]:
    """All rows since `options.since`, window by window from the oldest to the newest, those of each
    as the server answers them. Raises ImportFailed."""
    if not options.username or not options.secret:
        raise ImportFailed(
            "Say who asks: the user name with --source-user, the user key in "
            "BOXIS_GATEWAY_SOURCE_SECRET."
        )
    server = Server(ServerUrl.parse(url), options.username, options.secret)
    since = datetime.fromisoformat(options.since).replace(second=0) if options.since else EARLIEST
    ahead = datetime.combine(utc_now().date(), datetime.min.time()) + timedelta(days=2)
    yield from _windows(server, since, ahead, MONTH)
    yield from _windows(server, max(since, ahead), LATEST, LATEST - ahead)  # what is scheduled


def _windows(
    server: Server, start: datetime, stop: datetime, width: timedelta
) -> Iterator[list[HistoryRow]]:
    backoff = Backoff(server.address.shown)
    while start < stop:
        end = min(start + width, stop)
        most = MOST_OCTETS if end - start > MINUTE else None
        try:
            found, octets = server.history(start - SECOND, end, most)
        except ResponseTooLarge:
            width = _half(end - start)
            continue
        except TransientError as problem:
            backoff.wait(problem, _so_far(start))
            width = _half(end - start) if problem.smaller else width
            continue
        backoff.reset()
        yield [row for row in found if _lies_in(row.date, start, end)]
        width = _next(end - start, octets)
        start = end


def _lies_in(date: str, start: datetime, end: datetime) -> bool:
    """By whole minutes, as windows are; a date that is none belongs wherever it is."""
    minute = date[:16]
    return str(start)[:16] <= minute < str(end)[:16] or not _is_minute(minute)


def _is_minute(text: str) -> bool:
    try:
        return len(text) == 16 and bool(datetime.fromisoformat(text))
    except ValueError:
        return False


def _half(width: timedelta) -> timedelta:
    """In whole hours as long as it can be, lest a window end within a repeated hour."""
    unit = HOUR if width > HOUR else MINUTE
    return max(width / 2 // unit * unit, unit)


def _next(width: timedelta, octets: int) -> timedelta:
    if octets < FEW_OCTETS:
        return min(width * 2, YEAR)
    return _half(width) if octets > MANY_OCTETS else width


def _so_far(start: datetime) -> str:
    return (
        f"It came as far as {start}, which is imported; the same again adds what is missing, "
        f"quicker with --since '{start}'."
    )


def _seconds_now() -> int:
    return int(utc_now().timestamp())
