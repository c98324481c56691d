"""`twilio`: Twilio's messages, as its console exports them (CSV) or its bulk export does (a line of
JSON for each, compressed).

Both have the fields of the Message resource, as `SentDate` or `date_sent`: case and underscores
don't tell names apart. Times are in UTC. What was not sent has the time of its creation. A price is
negative, as it changes a balance, and in the currency of the Twilio account. Twilio refuses by
`failed` what no carrier took, for which it charges nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from email.utils import parsedate_to_datetime
from itertools import chain
from typing import Any

from boxis_gateway.errors import ImportFailed
from boxis_gateway.importers.json_lines import first_object, object_of, require_texts
from boxis_gateway.importers.reading.columns import MOST_PARTS, short_text, to_millionths
from boxis_gateway.importers.reading.csv_records import records, split_header
from boxis_gateway.importers.reading.dates import parse_date
from boxis_gateway.importers.reading.lines import (
    BadLine,
    GoodLine,
    Line,
    LineError,
    OtherLine,
    ReadOptions,
)
from boxis_gateway.importers.reading.source import Source
from boxis_gateway.model import Kind, NewMessage, Prices, Status
from boxis_gateway.setting_kinds import bounded
from boxis_gateway.sms.numbers import to_recipient
from boxis_gateway.sms.segments import count_parts
from boxis_gateway.zones import find_zone

NAME = "twilio"
ACCOUNT_FIELDS = ("AccountSid", "From")
URL_SCHEMES = ()
LOCAL_TIMES = False
ANY_JSON = b"\xef\xbb\xbf \t\r\n"  # what may stand before the first object

FIELDS = {
    "sid": "sid",
    "accountsid": "account_sid",
    "from": "from",
    "to": "to",
    "body": "body",
    "status": "status",
    "direction": "direction",
    "sentdate": "date_sent",
    "datesent": "date_sent",
    "datecreated": "date_created",
    "dateupdated": "date_updated",
    "numsegments": "num_segments",
    "price": "price",
}
"""What a field is called without underscores, in lower case -> what the API calls it."""
NEEDED = frozenset({"sid", "account_sid", "from", "to", "body", "status", "direction"})
"""Fields that every message has, and that calls and conferences have not all of."""

_STATUSES = {
    "accepted": Status.PENDING,
    "scheduled": Status.PENDING,
    "queued": Status.PENDING,
    "sending": Status.PENDING,
    "sent": Status.SENT,
    "delivered": Status.DELIVERED,
    "read": Status.DELIVERED,
    "undelivered": Status.FAILED,
    "failed": Status.REFUSED,
    "canceled": Status.REFUSED,
}
_FINAL = (Status.DELIVERED, Status.FAILED, Status.REFUSED)
_UTC = find_zone("UTC")

Record = Mapping[str, str]
"""The fields of a message. Without those that are empty."""
Records = Iterator[tuple[int, Record | str]]
"""Line numbers, and the record that begins there or what is wrong with it."""


def matches(head: bytes) -> bool:
    """A first line of JSON or CSV that names the fields of a message."""
    _, names = split_header(head.split(b"\n", 1)[0].decode("utf-8-sig", "replace"))
    return NEEDED.issubset(map(_field, first_object(head) or names))


def read(source: Source, options: ReadOptions) -> Iterator[Line]:
    """See importers/__init__.py. The account fields are AccountSid and From."""
    lines = source.lines()
    first = next(lines, b"")
    found = _of_json if first.lstrip(ANY_JSON).startswith(b"{") else _of_csv
    for number, record in found(first, lines):
        try:
            yield _line(number, record, options)
        except LineError as problem:
            yield BadLine(number, str(problem))


def _of_csv(header: bytes, lines: Iterator[bytes]) -> Records:
    delimiter, columns = split_header(header.decode("utf-8-sig", "replace"))
    names = [_field(column) for column in columns]
    if missing := [name for name in sorted(NEEDED) if names.count(name) != 1]:
        raise ImportFailed(f"The first line of the CSV is to name {', '.join(missing)} once.")
    for number, cells in records(lines, delimiter, len(names)):
        if isinstance(cells, str):
            yield number, cells
        elif len(cells) == len(names):
            yield number, _filled(zip(names, cells, strict=True))
        elif cells:
            yield number, f"{len(cells)} cells where the header has {len(names)}"


def _of_json(first: bytes, lines: Iterator[bytes]) -> Records:
    for number, raw in enumerate(chain([first], lines), 1):
        if raw.strip():
            yield number, _of_object(raw)


def _of_object(raw: bytes) -> Record | str:
    try:
        fields = _filled((_field(key), value) for key, value in object_of(raw).items())
        require_texts(fields.values())
    except LineError as problem:
        return str(problem)
    return fields


def _field(name: str) -> str:
    """What the API calls it; empty if it is of no use."""
    return FIELDS.get(name.strip().lower().replace("_", ""), "")


def _filled(fields: Iterator[tuple[str, Any]]) -> dict[str, Any]:
    return {name: value for name, value in fields if name and value not in (None, "")}


def _line(number: int, record: Record | str, options: ReadOptions) -> Line:
    if isinstance(record, str):
        return BadLine(number, record)
    if not _needed(record, "direction").lower().startswith("outbound"):
        return OtherLine(number, "incoming message")
    if ":" in record.get("from", "") or ":" in record.get("to", ""):
        return OtherLine(number, "message that is no SMS")  # `whatsapp:+48…`
    key = record.get(_field(options.account_field), "") if options.account_field else ""
    return GoodLine(number, _message(record, options), key)


def _message(record: Record, options: ReadOptions) -> NewMessage:
    word = _needed(record, "status").lower()
    status = _status(word)
    text, price = record.get("body"), record.get("price")
    parts = bounded(record.get("num_segments", ""), 1, MOST_PARTS) or count_parts(text or "")
    recipient = to_recipient(_needed(record, "to"))
    if recipient is None:
        raise LineError("to is not a phone number")
    return NewMessage(
        recipient,
        short_text("from", record.get("from") or options.sender),  # there may be none yet
        _instant(record, "date_sent")
        or _instant(record, "date_created")
        or _needed(record, "date_sent"),
        text,
        parts,
        credit_thousandths=0 if status is Status.REFUSED else parts * 1000,
        kind=Kind.SCHEDULED if word == "scheduled" else Kind.SENT,
        status=status,
        status_changed_at=_instant(record, "date_updated") if status in _FINAL else None,
        wire_id=short_text("sid", record.get("sid")),
        prices=Prices(price=to_millionths("price", price.removeprefix("-"))) if price else None,
    )


def _status(word: str) -> Status:
    if word not in _STATUSES:
        raise LineError(f"status is not one of {', '.join(_STATUSES)}")
    return _STATUSES[word]


def _needed(record: Record, name: str) -> str:
    value = record.get(name)
    if not value:
        raise LineError(f"{name} is missing")
    return value


def _instant(record: Record, name: str) -> str | None:
    """None if the field is empty. Beside ISO 8601, the console has ` UTC` for the offset, and the
    API writes as RFC 2822 does."""
    date = record.get(name)
    if date is None:
        return None
    if date[:1].isalpha():
        try:
            date = parsedate_to_datetime(date).isoformat()
        except (ValueError, OverflowError):
            raise LineError(f"{name}: not a date") from None
    return parse_date(name, date.replace(" UTC", "Z"), _UTC)
