"""`gammu`: what Gammu SMSD has sent, out of its table `sentitems`: in a file of SQLite, in
PostgreSQL or MySQL, or dumped as CSV in the order of its key.

A row is a part; the parts of a message follow one another and have the same `ID`. What still waits
is in another table (`outbox`) and stays there. So does a long message of which SMSD has sent some
parts and not yet given up the others: with the rest of its text it would come as another message.
SMSD does not tell the sender's number. Times have no zone; that of the delivery is the SMSC's.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

from boxis_gateway.errors import ImportFailed
from boxis_gateway.importers.reading.columns import MOST_PARTS, to_address
from boxis_gateway.importers.reading.dates import parse_date, parse_date_or_none
from boxis_gateway.importers.reading.lines import (
    BadLine,
    GoodLine,
    Line,
    LineError,
    OtherLine,
    ReadOptions,
)
from boxis_gateway.importers.reading.source import Source
from boxis_gateway.importers.reading.tables import (
    TABLE_SCHEMES,
    Row,
    has_csv_columns,
    has_sqlite_table,
    rows,
)
from boxis_gateway.model import NewMessage, Status

NAME = "gammu"
ACCOUNT_FIELDS = ("SenderID", "CreatorID")  # the phone, and who put the message into the outbox
URL_SCHEMES = TABLE_SCHEMES
LOCAL_TIMES = True

TABLE = "sentitems"
KEY = ("ID", "SequencePosition")


class Part(NamedTuple):
    """A row of the table."""

    ID: str | None
    SequencePosition: str | None
    Status: str | None
    SendingDateTime: str | None
    DeliveryDateTime: str | None
    DestinationNumber: str | None
    Coding: str | None
    Text: str | None
    TextDecoded: str | None
    UDH: str | None
    SenderID: str | None
    CreatorID: str | None


_STATUSES = {
    "SendingOK": Status.SENT,
    "SendingOKNoReport": Status.SENT,
    "SendingError": Status.REFUSED,
    "Error": Status.REFUSED,
    "DeliveryOK": Status.DELIVERED,
    "DeliveryFailed": Status.FAILED,
    "DeliveryPending": Status.SENT,
    "DeliveryUnknown": Status.UNKNOWN,
}
_DECIDING = (Status.FAILED, Status.SENT, Status.UNKNOWN, Status.DELIVERED)
"""What a long message has come to: the first of these that one of its parts has come to."""


def matches(head: bytes) -> bool:
    """A file of SQLite with the table, or a first line with its columns."""
    return has_sqlite_table(head, TABLE) or has_csv_columns(head, Part._fields)


def read(source: Source, options: ReadOptions) -> Iterator[Line]:
    """See importers/__init__.py. A number is that of a row (of a CSV: a line), the first of its
    message."""
    if options.sender is None:
        raise ImportFailed("SMSD does not tell who sent the messages: name the number by --sender.")
    for _, group in groupby(rows(source, options, TABLE, Part._fields, KEY), key=_message_of):
        first, *others = group
        if isinstance(first, BadLine):
            yield first
            continue
        parts = [Part(*row.cells) for row in (first, *others) if isinstance(row, Row)]
        yield _line(first.number, parts, options.sender, options)


def _message_of(row: Row | BadLine) -> Hashable:
    """What the rows of a message have in common; a row without ID is by itself."""
    return row if isinstance(row, BadLine) else row.cells[0] or row.number


def _line(number: int, parts: Sequence[Part], sender: str, options: ReadOptions) -> Line:
    try:
        if len(parts) > MOST_PARTS:
            raise LineError(f"more than {MOST_PARTS} rows have the same ID")
        parts = sorted(parts, key=_position)
        statuses = [_status(part) for part in parts]
        if len(parts) < _announced(parts[0]) and Status.REFUSED not in statuses:
            return OtherLine(number, "message of which not all parts are there")
        message = _message(parts, statuses, sender, options)
    except LineError as problem:
        return BadLine(number, str(problem))
    key = getattr(parts[0], options.account_field) if options.account_field else ""
    return GoodLine(number, message, key or "")


def _position(part: Part) -> int:
    digits = part.SequencePosition or ""
    if not (digits.isascii() and digits.isdigit() and len(digits) < 10):
        raise LineError("SequencePosition is not a number")
    return int(digits)


def _status(part: Part) -> Status:
    status = _STATUSES.get(part.Status or "")
    if status is None:
        raise LineError("Status is not one of SMSD's")
    return status


def _announced(part: Part) -> int:
    """How many parts the message has, by the concatenation header of one; 1 if it has none."""
    try:
        header = bytes.fromhex(part.UDH or "")[1:]
    except ValueError:
        return 1
    while len(header) > 2:
        element, size = header[0], header[1]
        if element in (0x00, 0x08) and len(header) >= 2 + size >= 5:
            return header[size]  # reference (1 or 2 octets), parts, position
        header = header[2 + size :]
    return 1


def _message(
    parts: Sequence[Part], statuses: Sequence[Status], sender: str, options: ReadOptions
) -> NewMessage:
    first = parts[0]
    if not first.ID:
        raise LineError("ID is missing")
    status = _together(statuses)
    complete = status is Status.DELIVERED
    delivered = [parse_date_or_none(part.DeliveryDateTime, options.zone) for part in parts]
    return NewMessage(
        to_address("DestinationNumber", first.DestinationNumber),
        sender,
        parse_date("SendingDateTime", first.SendingDateTime or "", options.zone),
        "".join(map(_text, parts)) or None,
        len(parts),
        credit_thousandths=1000 * sum(one is not Status.REFUSED for one in statuses),
        status=status,
        status_changed_at=max(filter(None, delivered), default=None) if complete else None,
        reference=f"gammu {first.ID}",
    )


def _together(statuses: Sequence[Status]) -> Status:
    """Of a message by those of its parts: refused if none was taken, failed if one will not come,
    delivered if all are."""
    if set(statuses) == {Status.REFUSED}:
        return Status.REFUSED
    taken = {Status.FAILED if one is Status.REFUSED else one for one in statuses}
    return next(status for status in _DECIDING if status in taken)


def _text(part: Part) -> str:
    """What the part says; of 8-bit data the hexadecimal digits."""
    if part.TextDecoded and part.Coding != "8bit":
        return part.TextDecoded
    try:
        octets = bytes.fromhex(part.Text or "")
    except ValueError:
        raise LineError("Text is not in hexadecimal digits") from None
    return octets.hex().upper() if part.Coding == "8bit" else octets.decode("utf-16-be", "replace")
