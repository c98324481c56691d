"""`twilio`: Twilio's console export (CSV) or bulk export (JSON lines).

Both have the fields of the Message resource, spelled `SentDate` or `date_sent`: case and
underscores are ignored. Times are in UTC; a message that was not sent has its creation time. Prices
are negative, as changes of a balance, and in the currency of the Twilio account. `failed` means
that no carrier accepted the message, which is free of charge.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from email.utils import parsedate_to_datetime
from itertools import chain
from typing import Any

from boxis_gateway.importers.reading.columns import MOST_PARTS, required, short_text, to_millionths
from boxis_gateway.importers.reading.csv_records import parse_header, read_records, require_columns
from boxis_gateway.importers.reading.dates import parse_date
from boxis_gateway.importers.reading.json_objects import first_object, parse_object, require_texts
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
BLANK = b"\xef\xbb\xbf \t\r\n"  # allowed before the first object

REQUIRED = frozenset({"sid", "account_sid", "from", "to", "body", "status", "direction"})
"""Fields of every message; records of calls and conferences lack some."""
OPTIONAL = frozenset({"date_sent", "date_created", "date_updated", "num_segments", "price"})
FIELDS = {name.replace("_", ""): name for name in REQUIRED | OPTIONAL} | {"sentdate": "date_sent"}
"""Field name in lower case without underscores -> name in the API."""

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
"""Fields of a message that are not empty."""
Records = Iterator[tuple[int, Record | str]]
"""Line numbers with the record, or the reason why it is bad."""


def matches(head: bytes) -> bool:
    """Return True if the first line, JSON or CSV, has the fields of a message."""
    _, names = parse_header(head.split(b"\n", 1)[0])
    return REQUIRED.issubset(map(_field, first_object(head) or names))


def read(source: Source, options: ReadOptions) -> Iterator[Line]:
    """Yield the lines, see Importer.read."""
    lines = source.lines()
    first = next(lines, b"")
    records = _json_records if first.lstrip(BLANK).startswith(b"{") else _csv_records
    for number, record in records(first, lines):
        try:
            yield _line(number, record, options)
        except LineError as problem:
            yield BadLine(number, str(problem))


def _csv_records(header: bytes, lines: Iterator[bytes]) -> Records:
    delimiter, columns = parse_header(header)
    names = [_field(column) for column in columns]
    require_columns(names, sorted(REQUIRED))
    for number, cells in read_records(lines, delimiter, len(names)):
        if isinstance(cells, str):
            yield number, cells
        else:
            yield number, _filled(zip(names, cells, strict=True))


def _json_records(first: bytes, lines: Iterator[bytes]) -> Records:
    for number, raw in enumerate(chain([first], lines), 1):
        if raw.strip():
            yield number, _json_record(raw)


def _json_record(raw: bytes) -> Record | str:
    try:
        fields = _filled((_field(key), value) for key, value in parse_object(raw).items())
        require_texts(fields.values())
    except LineError as problem:
        return str(problem)
    return fields


def _field(name: str) -> str:
    """Name of the field in the API; "" for fields that are not used."""
    return FIELDS.get(name.strip().lower().replace("_", ""), "")


def _filled(fields: Iterator[tuple[str, Any]]) -> dict[str, Any]:
    return {name: value for name, value in fields if name and value not in (None, "")}


def _line(number: int, record: Record | str, options: ReadOptions) -> Line:
    if isinstance(record, str):
        return BadLine(number, record)
    if not required("direction", record.get("direction")).lower().startswith("outbound"):
        return OtherLine(number, "incoming message")
    if ":" in record.get("from", "") or ":" in record.get("to", ""):
        return OtherLine(number, "message of another channel")  # `whatsapp:+48…`
    key = record.get(_field(options.account_field), "") if options.account_field else ""
    return GoodLine(number, _message(record, options), key)


def _message(record: Record, options: ReadOptions) -> NewMessage:
    word = required("status", record.get("status")).lower()
    status = _status(word)
    text, price = record.get("body"), record.get("price")
    parts = bounded(record.get("num_segments", ""), 1, MOST_PARTS) or count_parts(text or "")
    recipient = to_recipient(required("to", record.get("to")))
    if recipient is None:
        raise LineError("to is not a phone number")
    return NewMessage(
        recipient,
        short_text(
            "from", record.get("from") or options.sender
        ),  # a message that waits may have none
        required("date_sent", _instant(record, "date_sent") or _instant(record, "date_created")),
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


def _instant(record: Record, name: str) -> str | None:
    """Convert an optional date in ISO 8601, with ` UTC` for the offset (the console), or in
    RFC 2822 (the API)."""
    date = record.get(name)
    if date is None:
        return None
    if date[:1].isalpha():
        try:
            date = parsedate_to_datetime(date).isoformat()
        except (ValueError, OverflowError):
            raise LineError(f"{name}: not a date") from None
    return parse_date(name, date.replace(" UTC", "Z"), _UTC)
