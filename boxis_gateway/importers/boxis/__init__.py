"""`boxis`: history of an account of a Boxis-compatible API.

The source is a saved answer of getHistory (XML or JSON) or the URL of a server (client.py). Answers
are newest first, while the store takes messages in the order of time: so adjacent rows of one date
are reversed, and those of a repeated hour, where only their order tells the two passes apart.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from functools import lru_cache
from itertools import count, groupby

from boxis_gateway.errors import ImportFailed
from boxis_gateway.importers.boxis.answers import (
    HistoryRow,
    NotAnEnvelope,
    RefusedRequest,
    TruncatedAnswer,
    parse_history,
)
from boxis_gateway.importers.boxis.client import whole_history
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
CLOCKS = ("00:00", "29:59", "30:00", "59:59")  # of an hour; no zone changes its offset by less
NO_DATE = "0000-00-00 00:00:00"  # MySQL's spelling of a missing date

_XML = re.compile(rb"(?:\xef\xbb\xbf)?\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*<return[\s>]", re.S)
_JSON = re.compile(rb'(?:\xef\xbb\xbf)?\s*\{\s*"(?:result|resulttxt|params)"\s*:')

NumberedRow = tuple[HistoryRow, int]


def matches(head: bytes) -> bool:
    """Return True for the start of an envelope."""
    return bool(_XML.match(head) or _JSON.match(head))


def read(source: Source, options: ReadOptions) -> Iterator[Line]:
    """Yield the lines, see Importer.read. Numbers are those of rows, from the first."""
    answers = [_saved_rows(source)] if source.url is None else whole_history(source.url, options)
    now, numbers = utc_text(utc_now()), count(1)
    for rows in answers:
        numbered = zip(rows, numbers)  # noqa: B905 - numbers are endless
        for _, group in groupby(numbered, lambda pair: _reversal_key(pair[0], options.zone)):
            yield from _oldest_first(list(group)[::-1], options, now)


def _saved_rows(source: Source) -> Iterator[HistoryRow]:
    try:
        yield from parse_history(source.chunks())
    except RefusedRequest as refusal:
        raise ImportFailed(f"The file has no history, but an error: {refusal}.") from None
    except TruncatedAnswer:
        raise ImportFailed(
            "The answer in the file is damaged or truncated. The rows before are imported. Import "
            "it again when it is whole."
        ) from None
    except NotAnEnvelope:
        raise ImportFailed("The file is no answer of the Boxis API.") from None


def _reversal_key(row: HistoryRow, zone: Zone) -> str:
    """Key that adjacent rows share if they are reversed together."""
    hour = row.date[:13]
    return hour if _is_repeated(hour, zone) else row.date


@lru_cache(maxsize=50_000)
def _is_repeated(hour: str, zone: Zone) -> bool:
    """True if the clocks were put back or forward in the hour `yyyy-mm-dd hh`."""
    try:
        times = [datetime.fromisoformat(f"{hour}:{clock}") for clock in CLOCKS]
    except ValueError:
        return False
    return any(zone.earliest_instant(time) != zone.latest_instant(time) for time in times)


def _oldest_first(rows: Iterable[NumberedRow], options: ReadOptions, now: str) -> Iterator[Line]:
    """Yield the lines of rows, oldest first. A date before the last one is in the second pass of
    a repeated hour."""
    date, repeated = "", False
    for row, number in rows:
        repeated = repeated or row.date < date
        date = row.date
        try:
            yield GoodLine(number, _message(row, options, now, repeated=repeated))
        except LineError as problem:
            yield BadLine(number, str(problem))


def _message(row: HistoryRow, options: ReadOptions, now: str, *, repeated: bool) -> NewMessage:
    require_texts(row)
    date = row.date
    if repeated:
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
    pending = message.kind is Kind.SCHEDULED and message.sent_at > now
    return message._replace(status=Status.PENDING) if pending else message
