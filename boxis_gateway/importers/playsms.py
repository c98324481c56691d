"""`playsms`: table `playsms_tblSMSOutgoing` of playSMS (1.0 and later).

The table is in MySQL, MariaDB, PostgreSQL or a SQLite file, or in a CSV dump. A row is a message;
its parts are counted here. The footer belongs to the text. Deleted rows are skipped. `smslog_id` is
a counter that repeats in other installations: it is the message's `reference`, not its id. Times
have no zone; playSMS means GMT.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from boxis_gateway.importers.reading.columns import short_text, to_address, to_thousandths
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
    has_csv_columns,
    has_sqlite_table,
    read_table,
)
from boxis_gateway.model import NewMessage, Status
from boxis_gateway.sms.segments import Alphabet, count_parts

NAME = "playsms"
ACCOUNT_FIELDS = ("uid", "parent_uid", "p_smsc")
URL_SCHEMES = TABLE_SCHEMES
LOCAL_TIMES = True

TABLE = "playsms_tblSMSOutgoing"
KEY = ("smslog_id",)


class Outgoing(NamedTuple):
    """Row of the table."""

    smslog_id: str | None
    flag_deleted: str | None
    uid: str | None
    parent_uid: str | None
    p_smsc: str | None
    p_src: str | None
    p_dst: str | None
    p_footer: str | None
    p_msg: str | None
    p_datetime: str | None
    p_update: str | None
    p_status: str | None
    p_credit: str | None
    unicode: str | None


_STATUSES = {
    "0": Status.PENDING,
    "1": Status.SENT,
    "2": Status.FAILED,
    "3": Status.DELIVERED,
}


def matches(head: bytes) -> bool:
    """Return True for a SQLite file with the table, or a header with its columns."""
    return has_sqlite_table(head, TABLE) or has_csv_columns(head, Outgoing._fields)


def read(source: Source, options: ReadOptions) -> Iterator[Line]:
    """Yield the lines, see Importer.read. Numbers are those of rows (in a CSV, of lines)."""
    for row in read_table(source, options, TABLE, Outgoing._fields, KEY):
        if isinstance(row, BadLine):
            yield row
        else:
            yield _line(row.number, Outgoing(*row.cells), options)


def _line(number: int, row: Outgoing, options: ReadOptions) -> Line:
    if row.flag_deleted not in ("0", "", None):
        return OtherLine(number, "deleted message")
    try:
        message = _message(row, options)
    except LineError as problem:
        return BadLine(number, str(problem))
    key = getattr(row, options.account_field) if options.account_field else ""
    return GoodLine(number, message, key or "")


def _message(row: Outgoing, options: ReadOptions) -> NewMessage:
    if not row.smslog_id:
        raise LineError("smslog_id is missing")
    if row.p_status not in _STATUSES:
        raise LineError("p_status is not one of playSMS's")
    status = _STATUSES[row.p_status]
    text = (row.p_msg or "") + (row.p_footer or "")  # the footer begins with a blank
    parts = count_parts(text, Alphabet.UCS2 if row.unicode == "1" else None) if text else 1
    changed_at = parse_date_or_none(row.p_update, options.zone)
    return NewMessage(
        to_address("p_dst", row.p_dst),
        short_text("p_src", row.p_src or options.sender),
        parse_date("p_datetime", row.p_datetime or "", options.zone),
        text or None,
        parts,
        _credit(row.p_credit or "0") or parts * 1000,
        status=status,
        status_changed_at=None if status is Status.PENDING else changed_at,
        reference=f"playsms {row.smslog_id}",
    )


def _credit(amount: str) -> int:
    """Credit in thousandths; 0 if the message was not charged."""
    return 0 if amount.startswith("-") else to_thousandths(amount)
