"""`boxis`: an account's history out of a Boxis-compatible API: what getHistory answers, as a file
that somebody saved (XML or JSON), or asked for at the server (boxis_server.py).

The answer is newest first, while messages come into a store in the order of time. So rows that
follow each other with the same date are turned around; and so are those of a repeated hour, where
only the order tells the two passes apart.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from functools import lru_cache, partial
from itertools import count, groupby

from boxis_gateway.errors import ImportFailed
from boxis_gateway.importers.boxis.answers import BrokenOff, NotAnEnvelope, Refused, Row, rows
from boxis_gateway.importers.boxis.server import whole_history
from boxis_gateway.importers.reading.columns import to_message
from boxis_gateway.importers.reading.dates import parse_date
from boxis_gateway.importers.reading.json_objects import require_texts
from boxis_gateway.importers.reading.lines import BadLine, GoodLine, Line, LineError, ReadOptions
from boxis_gateway.importers.reading.source import Source
from boxis_gateway.model import Kind, NewMessage, Status
from boxis_gateway.zones import LATEST, Zone, utc_now, utc_text

NAME = "boxis"
ACCOUNT_FIELDS = ()
URL_SCHEMES = ("http", "https")
LOCAL_TIMES = True
CHUNK = 65_536  # octets
CLOCKS = ("00:00", "29:59", "30:00", "59:59")  # of an hour; no zone's change is shorter
NO_DATE = "0000-00-00 00:00:00"  # what MySQL has where there is none

_XML = re.compile(rb"(?:\xef\xbb\xbf)?\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*<return[\s>]", re.S)
_JSON = re.compile(rb'(?:\xef\xbb\xbf)?\s*\{\s*"(?:result|resulttxt|params)"\s*:')

Numbered = tuple[Row, int]


def matches(head: bytes) -> bool:
    """The beginning of an envelope."""
    return bool(_XML.match(head) or _JSON.match(head))


def read(source: Source, options: ReadOptions) -> Iterator[Line]:
    """See importers/__init__.py. A line's number is that of its row, counted from the first."""
    parts = [_saved(source)] if source.url is None else whole_history(source.url, options)
    now, numbers = utc_text(utc_now()), count(1)
    for part in parts:
        numbered = zip(part, numbers)  # noqa: B905 - there is no end of numbers
        for _, stretch in groupby(numbered, lambda one: _stretch(one[0], options.zone)):
            yield from _oldest_first(list(stretch)[::-1], options, now)


def _saved(source: Source) -> Iterator[Row]:
    try:
        yield from rows(iter(partial(source.file.read, CHUNK), b""))
    except Refused as refused:
        raise ImportFailed(f"The file is no history, but an answer that says: {refused}.") from None
    except BrokenOff:
        raise ImportFailed(
            "The answer in the file is damaged or breaks off. What stood before is imported; the "
            "same again adds the rest when the file is whole."
        ) from None
    except NotAnEnvelope:
        raise ImportFailed("The file is no answer of the Boxis API.") from None


def _stretch(row: Row, zone: Zone) -> str:
    """What is the same for rows that are turned around together."""
    hour = row.date[:13]
    return hour if _is_repeated(hour, zone) else row.date


@lru_cache(maxsize=50_000)
def _is_repeated(hour: str, zone: Zone) -> bool:
    """Whether the clocks changed in the hour `yyyy-mm-dd hh`."""
    try:
        times = [datetime.fromisoformat(f"{hour}:{clock}") for clock in CLOCKS]
    except ValueError:
        return False
    return any(zone.earliest_instant(time) != zone.latest_instant(time) for time in times)


def _oldest_first(stretch: Iterable[Numbered], options: ReadOptions, now: str) -> Iterator[Line]:
    """The lines of rows, from the oldest on. Where their dates fall back, the clocks did."""
    date, again = "", False
    for row, number in stretch:
        again = again or row.date < date
        date = row.date
        try:
            yield GoodLine(number, _message(row, options, now, again=again))
        except LineError as problem:
            yield BadLine(number, str(problem))


def _message(row: Row, options: ReadOptions, now: str, *, again: bool) -> NewMessage:
    require_texts(row)
    date = row.date
    if again:
        date = parse_date("date", date, options.zone, not_before=LATEST) + "Z"
    columns = {
        "recipient": row.reciptient,
        "sender": row.sender or options.sender or "",
        "date": date,
        "parts": row.parts,
        "credit": row.credit,
        "type": row.type,
        "sms_id": row.sms_id,
        "status_date": "" if row.status_date == NO_DATE else row.status_date,
    }
    message = to_message(columns, options.zone)
    waits = message.kind is Kind.SCHEDULED and message.sent_at > now
    return message._replace(status=Status.PENDING) if waits else message
