"""Rows of `submit_log`, the table of Jasmin's example sms_logger.py.

A row is a message that the SMSC answered, with the state of its last delivery report.
`binary_message` has the octets in hexadecimal digits, without the headers of parts. `short_message`
has the same octets, or their text in UTF-8 if the data coding was UCS-2: comparing the two tells
the coding. Times have no zone.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from boxis_gateway.importers.jasmin.log import ACCEPTED, REPORTED, without_class
from boxis_gateway.importers.reading.columns import (
    MOST_PARTS,
    rounded_amount,
    short_text,
    to_address,
    to_millionths,
)
from boxis_gateway.importers.reading.dates import parse_date, parse_date_or_none
from boxis_gateway.importers.reading.lines import BadLine, GoodLine, Line, LineError, ReadOptions
from boxis_gateway.importers.reading.source import Source
from boxis_gateway.importers.reading.tables import has_csv_columns, read_table
from boxis_gateway.model import NewMessage, Prices, Status
from boxis_gateway.setting_kinds import bounded
from boxis_gateway.sms import gsm0338
from boxis_gateway.sms.segments import Alphabet, count_parts
from boxis_gateway.sms.short_message import read_short_message

TABLE = "submit_log"
KEY = ("msgid",)
NO_USER = "0"  # if no user is billed


class Submitted(NamedTuple):
    """Row of the table."""

    msgid: str | None
    routed_cid: str | None
    source_addr: str | None
    destination_addr: str | None
    charge: str | None
    pdu_count: str | None
    short_message: str | None
    binary_message: str | None
    status: str | None
    uid: str | None
    created_at: str | None
    status_at: str | None


_IN_TRANSIT = ("ACCEPTD", "ENROUTE", "BUFFERED")


def is_dump(head: bytes) -> bool:
    """Return True if the first line names the columns."""
    return has_csv_columns(head, Submitted._fields)


def read_submit_log(source: Source, options: ReadOptions) -> Iterator[Line]:
    """Yield the lines, see Importer.read. Numbers are those of rows (in a CSV, of lines)."""
    for row in read_table(source, options, TABLE, Submitted._fields, KEY):
        if isinstance(row, BadLine):
            yield row
        else:
            yield _line(row.number, Submitted(*row.cells), options)


def _line(number: int, row: Submitted, options: ReadOptions) -> Line:
    keys = {"cid": row.routed_cid, "uid": None if row.uid == NO_USER else row.uid}
    try:
        message = _message(row, options)
    except LineError as problem:
        return BadLine(number, str(problem))
    return GoodLine(number, message, keys.get(options.account_field or "") or "")


def _message(row: Submitted, options: ReadOptions) -> NewMessage:
    status = _status(without_class(row.status or ""))
    text, counted = _text_and_parts(row.short_message or "", row.binary_message or "")
    parts = bounded(row.pdu_count or "", 1, MOST_PARTS) or counted
    changed_at = parse_date_or_none(row.status_at, options.zone)
    return NewMessage(
        to_address("destination_addr", row.destination_addr),
        row.source_addr or options.sender or "",
        parse_date("created_at", row.created_at or "", options.zone),
        text or None,
        parts,
        credit_thousandths=0 if status is Status.REFUSED else parts * 1000,
        status=status,
        status_changed_at=changed_at if row.status in REPORTED else None,
        wire_id=short_text("msgid", row.msgid),
        prices=_prices(row.charge) if row.charge else None,
    )


def _status(word: str) -> Status:
    if word in REPORTED:
        return REPORTED[word]
    if word == ACCEPTED or word in _IN_TRANSIT:
        return Status.SENT
    if word.startswith("ESME_"):
        return Status.REFUSED
    raise LineError("the status is not one of the logger's")


def _text_and_parts(short: str, binary: str) -> tuple[str, int]:
    if not binary:
        return short, count_parts(short)
    octets = _from_hex(_blob(binary))
    wide = octets.decode("utf-16-be", "ignore")
    if wide and wide.encode() == _blob(short):
        return wide, count_parts(wide, Alphabet.UCS2)
    text = gsm0338.decode(octets)
    return read_short_message(octets) if text is None else (text, count_parts(text, Alphabet.GSM))


def _blob(cell: str) -> bytes:
    """Octets of a cell; PostgreSQL dumps them as `\\x` and hexadecimal digits."""
    return _from_hex(cell[2:].encode()) if cell.startswith(r"\x") else cell.encode()


def _from_hex(digits: bytes) -> bytes:
    try:
        return bytes.fromhex(digits.decode("ascii"))
    except ValueError:
        raise LineError("binary_message is not in hexadecimal digits") from None


def _prices(charge: str) -> Prices:
    """Prices of a charge, which has seven decimals in the table."""
    return Prices(price=to_millionths("charge", rounded_amount("charge", charge)))
