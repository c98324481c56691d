"""`gammu`: table `sentitems` of Gammu SMSD.

The table is in a SQLite file, in PostgreSQL or MySQL, or in a CSV dump in the order of its key. A
row is a part; the parts of a message are adjacent and have the same `ID`. Pending messages are in
another table (`outbox`) and not imported. Nor is a long message before SMSD has sent or given up
all its parts: with the rest of its text it would be another message. SMSD does not store the
sender's number. Times have no zone; the delivery time is the SMSC's.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

from boxis_gateway.errors import ImportFailed
from boxis_gateway.importers.reading.columns import MOST_PARTS, to_address, whole_number
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
    TableRow,
    has_csv_columns,
    has_sqlite_table,
    read_table,
)
from boxis_gateway.model import NewMessage, Status

NAME = "gammu"
ACCOUNT_FIELDS = ("SenderID", "CreatorID")  # phone, and program that queued the message
URL_SCHEMES = TABLE_SCHEMES
LOCAL_TIMES = True

TABLE = "sentitems"
KEY = ("ID", "SequencePosition")


class Part(NamedTuple):
    """Row of the table."""

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
"""Status of a long message: the first of these among its parts."""


def matches(head: bytes) -> bool:
    """Return True for a SQLite file with the table, or a header with its columns."""
    return has_sqlite_table(head, TABLE) or has_csv_columns(head, Part._fields)


def read(source: Source, options: ReadOptions) -> Iterator[Line]:
    """Yield the lines, see Importer.read. Numbers are those of the first row of a message (in a
    CSV, of its line)."""
    if options.sender is None:
        raise ImportFailed("SMSD does not store the sender. Name the number with --sender.")
    for _, group in groupby(read_table(source, options, TABLE, Part._fields, KEY), _message_key):
        first, *others = group
        if isinstance(first, BadLine):
            yield first
            continue
        parts = [Part(*row.cells) for row in (first, *others) if isinstance(row, TableRow)]
        yield _line(first.number, parts, options.sender, options)


def _message_key(row: TableRow | BadLine) -> Hashable:
    """Key that the rows of a message share; a row without ID is a message of its own."""
    return row if isinstance(row, BadLine) else row.cells[0] or row.number


def _line(number: int, parts: Sequence[Part], sender: str, options: ReadOptions) -> Line:
    try:
        if len(parts) > MOST_PARTS:
            raise LineError(f"more than {MOST_PARTS} rows have the same ID")
        parts = sorted(parts, key=_position)
        statuses = [_status(part) for part in parts]
        if len(parts) < _total_parts(parts[0]) and Status.REFUSED not in statuses:
            return OtherLine(number, "message with missing parts")
        message = _message(parts, statuses, sender, options)
    except LineError as problem:
        return BadLine(number, str(problem))
    key = getattr(parts[0], options.account_field) if options.account_field else ""
    return GoodLine(number, message, key or "")


def _position(part: Part) -> int:
    return whole_number("SequencePosition", part.SequencePosition or "", 0, 10**9 - 1)


def _status(part: Part) -> Status:
    status = _STATUSES.get(part.Status or "")
    if status is None:
        raise LineError("Status is not one of SMSD's")
    return status


def _total_parts(part: Part) -> int:
    """Number of parts by the concatenation header of one (3GPP TS 23.040, 9.2.3.24.1); 1
    without."""
    try:
        header = bytes.fromhex(part.UDH or "")[1:]
    except ValueError:
        return 1
    while len(header) > 2:
        element, size = header[0], header[1]
        if element in (0x00, 0x08) and len(header) >= 2 + size >= 5:
            return header[size]  # reference (1 or 2 octets), parts, sequence number
        header = header[2 + size :]
    return 1


def _message(
    parts: Sequence[Part], statuses: Sequence[Status], sender: str, options: ReadOptions
) -> NewMessage:
    first = parts[0]
    if not first.ID:
        raise LineError("ID is missing")
    status = _overall(statuses)
    complete = status is Status.DELIVERED
    delivered = [parse_date_or_none(part.DeliveryDateTime, options.zone) for part in parts]
    return NewMessage(
        to_address("DestinationNumber", first.DestinationNumber),
        sender,
        parse_date("SendingDateTime", first.SendingDateTime or "", options.zone),
        "".join(map(_text, parts)) or None,
        len(parts),
        credit_thousandths=1000 * sum(part is not Status.REFUSED for part in statuses),
        status=status,
        status_changed_at=max(filter(None, delivered), default=None) if complete else None,
        reference=f"gammu {first.ID}",
    )


def _overall(statuses: Sequence[Status]) -> Status:
    """Status of a message from those of its parts: refused if all are, failed if one is refused or
    failed, delivered if all are."""
    if set(statuses) == {Status.REFUSED}:
        return Status.REFUSED
    accepted = {Status.FAILED if part is Status.REFUSED else part for part in statuses}
    return next(status for status in _DECIDING if status in accepted)


def _text(part: Part) -> str:
    """Text of the part; of 8-bit data the hexadecimal digits."""
    if part.TextDecoded and part.Coding != "8bit":
        return part.TextDecoded
    try:
        octets = bytes.fromhex(part.Text or "")
    except ValueError:
        raise LineError("Text is not in hexadecimal digits") from None
    return octets.hex().upper() if part.Coding == "8bit" else octets.decode("utf-16-be", "replace")
