"""`telecomx`: a customer's messages out of a TelecomX-compatible API: what `GET /sms` answers, as a
file that somebody saved (a page, or several behind each other), or asked for at the server
(telecomx_pages.py).

A message there has several recipients; here each is a message of one submission, which keeps its
`_id`. The time of creation is not told, but the `_id` begins with it: ours with nanoseconds, as one
of MongoDB's with seconds. A message that is null in `sent` waits. Pages are newest first; messages
of one time are turned around, since they come into a store in the order of time.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from itertools import groupby
from typing import Any, NamedTuple

from boxis_gateway.errors import ImportFailed
from boxis_gateway.importers.reading.columns import to_message
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
from boxis_gateway.importers.telecomx.pages import Seen, all_messages
from boxis_gateway.importers.telecomx.server import MESSAGES, OPENED
from boxis_gateway.model import NewMessage, Status, SubmissionFacts
from boxis_gateway.zones import find_zone, from_utc_text, utc_text

NAME = "telecomx"
ACCOUNT_FIELDS = ("customer",)
URL_SCHEMES = ("http", "https")
LOCAL_TIMES = False
CHUNK = 65_536  # octets
LONGEST_ID = 64  # characters
MILLIONTH = Decimal("0.000001")
PRICES = {"price": "price", "wholeSale": "whole_sale", "cost": "cost"}

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FIRST_OF_MONGODB = int(datetime(2008, 1, 1, tzinfo=UTC).timestamp())
LONGEST_WAIT = timedelta(days=731)  # from creation to sending
CLOCKS_APART = timedelta(days=1)

_ID = re.compile(r"[0-9A-Fa-f]{24}", re.ASCII)
_HEAD = re.compile(rb'(?:\xef\xbb\xbf)?\s*\{\s*"(?:offset|limit|total|messages)"\s*:')


class _Read(NamedTuple):
    """What is read of a message object; "" if its time of creation cannot be told."""

    created_at: str
    lines: list[Line]


def matches(head: bytes) -> bool:
    """The beginning of a page."""
    return bool(_HEAD.match(head)) and b'"messages"' in head


def read(source: Source, options: ReadOptions) -> Iterator[Line]:
    """See importers/__init__.py. A line's number is that of its message object, counted from the
    first; its recipients have the same."""
    found = _saved(source) if source.url is None else all_messages(source.url, options)
    objects = (_read(number, one, options) for number, one in enumerate(found, 1))
    for _, of_one_time in groupby(objects, lambda one: one.created_at):
        for one in reversed(list(of_one_time)):
            yield from one.lines


def _saved(source: Source) -> Iterator[Any]:
    seen, is_list = Seen(), False
    try:
        for path, value in walk(iter(partial(source.file.read, CHUNK), b""), OPENED):
            if path == MESSAGES:
                is_list = True
                yield from seen.new([value] if value != [] else [])
    except NotJson:
        raise ImportFailed(
            "The file is damaged or breaks off: it is no JSON in UTF-8 to its end. What stood "
            "before is imported; the same again adds the rest when the file is whole."
        ) from None
    if not is_list:
        raise ImportFailed("The file has no list of messages, as the TelecomX API answers it.")


def _read(number: int, one: Any, options: ReadOptions) -> _Read:
    if not isinstance(one, dict):
        return _Read("", [BadLine(number, "not a message object")])
    if one.get("type") == "MMS":
        return _Read("", [OtherLine(number, "MMS")])
    try:
        facts, columns, recipients = _facts(one), _columns(one, options), _recipients(one)
    except LineError as problem:
        return _Read("", [BadLine(number, str(problem))])
    key = columns["customer"] if options.account_field else ""
    lines: list[Line] = []
    for place, recipient in enumerate(recipients):
        try:
            message = _message(facts, {**columns, "recipient": recipient}, options)
            message = message._replace(reference=f"{facts.wire_id} {place}")
            lines.append(GoodLine(number, message, key))
        except LineError as problem:
            lines.append(BadLine(number, str(problem)))
    return _Read(facts.created_at, lines)


def _message(
    facts: SubmissionFacts, columns: Mapping[str, str], options: ReadOptions
) -> NewMessage:
    waits = not columns["date"]
    date = facts.created_at + "Z" if waits else columns["date"]
    message = to_message({**columns, "date": date}, options.zone)
    status = Status.PENDING if waits else Status.SENT
    return message._replace(status=status, submission=facts)


def _facts(one: Mapping[str, Any]) -> SubmissionFacts:
    wire_id, sent = _text(one, "_id"), _text(one, "sent")
    kind = _text(one, "type")
    if not wire_id or len(wire_id) > LONGEST_ID:
        raise LineError(f"_id is missing, or longer than {LONGEST_ID} characters")
    require_texts([wire_id])
    if kind not in ("SMS", "SMSFLASH"):
        raise LineError("type is neither SMS nor MMS")
    sent_at = parse_date("sent", sent, find_zone("UTC")) if sent else None
    created_at = _created_at(wire_id, sent_at)
    return SubmissionFacts(wire_id, created_at, flash=kind == "SMSFLASH")


def _created_at(wire_id: str, sent_at: str | None) -> str:
    """What the id tells, if that can be; else when it was sent."""
    told = _time_of(wire_id)
    if sent_at is None:
        if told is None:
            raise LineError("it is not sent, and its _id does not tell when it was made")
        return utc_text(told)
    sent = from_utc_text(sent_at)
    if told and sent - LONGEST_WAIT <= told <= sent + CLOCKS_APART:
        return utc_text(told)
    return sent_at


def _time_of(wire_id: str) -> datetime | None:
    if not _ID.fullmatch(wire_id):
        return None
    seconds = int(wire_id[:8], 16)
    if seconds >= FIRST_OF_MONGODB:
        return EPOCH + timedelta(seconds=seconds)
    return EPOCH + timedelta(milliseconds=int(wire_id[:16], 16) // 1_000_000)


def _columns(one: Mapping[str, Any], options: ReadOptions) -> dict[str, str]:
    columns = {
        "sender": _text(one, "from") or options.sender or "",
        "date": _text(one, "sent"),
        "text": _text(one, "message"),
        "customer": _text(one, "customer"),
    }
    require_texts(columns.values())
    return columns | {name: _amount(one, key) for key, name in PRICES.items()}


def _recipients(one: Mapping[str, Any]) -> list[str]:
    recipients = one.get("to")
    if isinstance(recipients, str):
        recipients = [recipients]
    if not isinstance(recipients, list) or not recipients:
        raise LineError("to is not a list of recipients")
    if not all(isinstance(recipient, str) for recipient in recipients):
        raise LineError("a recipient is not a text")
    return recipients


def _amount(one: Mapping[str, Any], key: str) -> str:
    """To the millionth: sums in JavaScript have tails."""
    amount = _text(one, key)
    try:
        return f"{Decimal(amount).quantize(MILLIONTH):f}" if amount else ""
    except ArithmeticError:
        raise LineError(f"{key} is not a number") from None


def _text(one: Mapping[str, Any], key: str) -> str:
    """Numbers are texts already; "" for what is missing or null."""
    value = one.get(key)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise LineError(f"{key} is neither a text nor a number")
    return value
