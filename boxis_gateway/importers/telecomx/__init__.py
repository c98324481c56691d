"""`telecomx`: messages of a customer of a TelecomX-compatible API.

The source is a file of saved answers to `GET /sms`, one or several pages, or the URL of a server
(pages.py). A message of that API has several recipients; here each is a message of one submission,
which keeps its `_id`. The creation time is the start of the `_id`: nanoseconds in ours, seconds in
those of MongoDB. A message with `sent` null is pending. Pages are newest first; messages of one
time are reversed, since the store takes them in the order of time.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any, NamedTuple

from boxis_gateway.errors import ImportFailed
from boxis_gateway.importers.reading.columns import rounded_amount, to_message
from boxis_gateway.importers.reading.dates import parse_date
from boxis_gateway.importers.reading.json_objects import require_texts
from boxis_gateway.importers.reading.json_walk import NotJson, walk
from boxis_gateway.importers.reading.lines import (
    BadLine,
    GoodLine,
    Line,
    LineError,
    OtherLine,
    ReadOptions,
)
from boxis_gateway.importers.reading.source import Source
from boxis_gateway.importers.telecomx.client import MESSAGES, OPENED
from boxis_gateway.importers.telecomx.pages import RecentMessages, all_messages
from boxis_gateway.model import NewMessage, Status, SubmissionFacts
from boxis_gateway.zones import find_zone, from_utc_text, utc_text

NAME = "telecomx"
ACCOUNT_FIELDS = ("customer",)
URL_SCHEMES = ("http", "https")
LOCAL_TIMES = False
LONGEST_ID = 64  # characters
PRICES = {"price": "price", "wholeSale": "whole_sale", "cost": "cost"}

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
OLDEST_MONGODB_ID = int(datetime(2008, 1, 1, tzinfo=UTC).timestamp())
LONGEST_WAIT = timedelta(days=731)  # from creation to sending
CLOCK_SKEW = timedelta(days=1)

_ID = re.compile(r"[0-9A-Fa-f]{24}", re.ASCII)
_HEAD = re.compile(rb'(?:\xef\xbb\xbf)?\s*\{\s*"(?:offset|limit|total|messages)"\s*:')


class _Parsed(NamedTuple):
    """Lines of a message object; `created_at` is "" if unknown."""

    created_at: str
    lines: list[Line]


def matches(head: bytes) -> bool:
    """Return True for the start of a page."""
    return bool(_HEAD.match(head)) and b'"messages"' in head


def read(source: Source, options: ReadOptions) -> Iterator[Line]:
    """Yield the lines, see Importer.read. Numbers are those of message objects, from the first;
    all recipients of one have the same."""
    objects = _saved_messages(source) if source.url is None else all_messages(source.url, options)
    parsed = (_parse(number, value, options) for number, value in enumerate(objects, 1))
    for _, group in groupby(parsed, lambda message: message.created_at):
        for message in reversed(list(group)):
            yield from message.lines


def _saved_messages(source: Source) -> Iterator[Any]:
    recent, is_list = RecentMessages(), False
    try:
        for path, value in walk(source.chunks(), OPENED):
            if path == MESSAGES:
                is_list = True
                yield from recent.new([value] if value != [] else [])
    except NotJson:
        raise ImportFailed(
            "The file is damaged or truncated: not JSON in UTF-8 to its end. The messages before "
            "are imported. Import it again when it is whole."
        ) from None
    if not is_list:
        raise ImportFailed("The file is no list of messages of the TelecomX API.")


def _parse(number: int, value: Any, options: ReadOptions) -> _Parsed:
    if not isinstance(value, dict):
        return _Parsed("", [BadLine(number, "not a message object")])
    if value.get("type") == "MMS":
        return _Parsed("", [OtherLine(number, "MMS")])
    try:
        facts, columns, recipients = _facts(value), _columns(value, options), _recipients(value)
    except LineError as problem:
        return _Parsed("", [BadLine(number, str(problem))])
    key = columns["customer"] if options.account_field else ""
    lines: list[Line] = []
    for position, recipient in enumerate(recipients):
        try:
            message = _message(facts, {**columns, "recipient": recipient}, options)
            message = message._replace(reference=f"{facts.wire_id} {position}")
            lines.append(GoodLine(number, message, key))
        except LineError as problem:
            lines.append(BadLine(number, str(problem)))
    return _Parsed(facts.created_at, lines)


def _message(
    facts: SubmissionFacts, columns: Mapping[str, str], options: ReadOptions
) -> NewMessage:
    pending = not columns["date"]
    date = facts.created_at + "Z" if pending else columns["date"]
    message = to_message({**columns, "date": date}, options.zone)
    status = Status.PENDING if pending else Status.SENT
    return message._replace(status=status, submission=facts)


def _facts(value: Mapping[str, Any]) -> SubmissionFacts:
    wire_id, sent = _text(value, "_id"), _text(value, "sent")
    kind = _text(value, "type")
    if not wire_id or len(wire_id) > LONGEST_ID:
        raise LineError(f"_id is missing, or longer than {LONGEST_ID} characters")
    require_texts([wire_id])
    if kind not in ("SMS", "SMSFLASH"):
        raise LineError("type is neither SMS nor MMS")
    sent_at = parse_date("sent", sent, find_zone("UTC")) if sent else None
    created_at = _created_at(wire_id, sent_at)
    return SubmissionFacts(wire_id, created_at, flash=kind == "SMSFLASH")


def _created_at(wire_id: str, sent_at: str | None) -> str:
    """Creation time in the id if it is plausible, else the time of sending."""
    created = _time_of(wire_id)
    if sent_at is None:
        if created is None:
            raise LineError("it is not sent, and its _id has no creation time")
        return utc_text(created)
    sent = from_utc_text(sent_at)
    if created and sent - LONGEST_WAIT <= created <= sent + CLOCK_SKEW:
        return utc_text(created)
    return sent_at


def _time_of(wire_id: str) -> datetime | None:
    if not _ID.fullmatch(wire_id):
        return None
    seconds = int(wire_id[:8], 16)
    if seconds >= OLDEST_MONGODB_ID:
        return EPOCH + timedelta(seconds=seconds)
    return EPOCH + timedelta(milliseconds=int(wire_id[:16], 16) // 1_000_000)


def _columns(value: Mapping[str, Any], options: ReadOptions) -> dict[str, str]:
    columns = {
        "sender": _text(value, "from") or options.sender or "",
        "date": _text(value, "sent"),
        "text": _text(value, "message"),
        "customer": _text(value, "customer"),
    }
    require_texts(columns.values())
    return columns | {name: _amount(value, key) for key, name in PRICES.items()}


def _recipients(value: Mapping[str, Any]) -> list[str]:
    recipients = value.get("to")
    if isinstance(recipients, str):
        recipients = [recipients]
    if not isinstance(recipients, list) or not recipients:
        raise LineError("to is not a list of recipients")
    if not all(isinstance(recipient, str) for recipient in recipients):
        raise LineError("a recipient is not a text")
    return recipients


def _amount(value: Mapping[str, Any], key: str) -> str:
    """Amount to six decimals, since sums in JavaScript have rounding errors; "" if missing."""
    amount = _text(value, key)
    return rounded_amount(key, amount) if amount else ""


def _text(value: Mapping[str, Any], key: str) -> str:
    """Text of a field, or a number as it is spelled; "" if missing or null."""
    text = value.get(key)
    if text is None:
        return ""
    if not isinstance(text, str):
        raise LineError(f"{key} is neither a text nor a number")
    return text
