"""`smsbackup`: the XML of SMS Backup & Restore, an app for Android.

    <smses count="…"> <sms address="…" date="…" type="2" body="…" status="-1" …/> <mms …> … </smses>

The file is read as it comes, so that it may be of any size; nothing that it refers to is loaded,
and a document that declares entities is refused. The number of a line is that of the message in the
file, the first being 1. Whose phone it was stands nowhere: the sender has to be given.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from xml.parsers import expat

from boxis_gateway.errors import ImportFailed
from boxis_gateway.importers.reading.columns import to_address
from boxis_gateway.importers.reading.dates import YEARS
from boxis_gateway.importers.reading.lines import (
    BadLine,
    GoodLine,
    Line,
    LineError,
    OtherLine,
    ReadOptions,
)
from boxis_gateway.importers.reading.source import Source
from boxis_gateway.importers.reading.xml_references import settled
from boxis_gateway.model import NewMessage, Status
from boxis_gateway.setting_kinds import bounded
from boxis_gateway.sms.segments import count_parts
from boxis_gateway.zones import utc_text

NAME = "smsbackup"
ACCOUNT_FIELDS = ()
URL_SCHEMES = ()
LOCAL_TIMES = False
PIECE = 65_536  # octets that are read at once
MOST_MILLISECONDS = 10**13  # of a date: the year 2286
NOTHING = ("", "null")  # how the app writes what is not there
SEVERAL = "~"  # between the recipients of one message

_ROOT = re.compile(rb"(?:\xef\xbb\xbf)?\s*(?:(?><\?.*?\?>|<!--.*?-->)\s*)*<smses[\s/>]", re.DOTALL)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_PASSED_OVER = {"1": "incoming message", "3": "draft"}
_SENT = "2"
_NOT_SENT = {"4": Status.PENDING, "5": Status.REFUSED, "6": Status.PENDING}
"""Folders of the phone: outbox, failed and queued (android.provider.Telephony.Sms)."""
_STATUSES = {"0": Status.DELIVERED, "64": Status.FAILED}
"""What a delivery report said of a sent message; -1 is none, and 32 that it is waited for."""

Attributes = Mapping[str, str]


def matches(head: bytes) -> bool:
    """XML whose first element is `smses`."""
    return bool(_ROOT.match(head))


def read(source: Source, options: ReadOptions) -> Iterator[Line]:
    """See importers/__init__.py."""
    if not options.sender:
        raise ImportFailed("The file does not tell the phone's own number. Give it with --sender.")
    for number, (name, attributes) in enumerate(_elements(source), 1):
        yield _line(number, name, attributes, options.sender)


def _elements(source: Source) -> Iterator[tuple[str, Attributes]]:
    """Name and attributes of each message. Raises ImportFailed."""
    found: list[tuple[str, Attributes]] = []
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = _refuse
    parser.StartElementHandler = lambda name, attributes: (
        found.append((name, attributes)) if name in ("sms", "mms") else None
    )
    count = 0
    try:
        for piece in settled(iter(lambda: source.file.read(PIECE), b"")):
            parser.Parse(piece, False)
            yield from found
            count += len(found)
            found.clear()
        parser.Parse(b"", True)
    except expat.ExpatError:
        yield from found
        raise ImportFailed(
            f"The file is damaged or ends early, behind message {count + len(found)}. Those before "
            "it are imported; the same again adds the rest when the file is whole."
        ) from None
    except (LookupError, ValueError):  # of Python's codecs
        raise ImportFailed(
            "The file declares an encoding that cannot be read. Convert it to UTF-8, and its first "
            "line too."
        ) from None


def _refuse(*_: object) -> None:
    raise ImportFailed("The file declares a document type, which no backup has. It is not read.")


def _line(number: int, name: str, attributes: Attributes, sender: str) -> Line:
    if name == "mms":
        return OtherLine(number, "multimedia message")
    folder = attributes.get("type", "")
    if folder in _PASSED_OVER:
        return OtherLine(number, _PASSED_OVER[folder])
    try:
        return GoodLine(number, _message(attributes, folder, sender))
    except LineError as problem:
        return BadLine(number, str(problem))


def _message(attributes: Attributes, folder: str, sender: str) -> NewMessage:
    status = _status(folder, attributes.get("status", ""))
    body = attributes.get("body", "")
    text = None if body in NOTHING else body
    parts = count_parts(text) if text else 1
    return NewMessage(
        _recipient(attributes.get("address", "")),
        sender,
        _instant(attributes.get("date", "")),
        text,
        parts,
        credit_thousandths=0 if status is Status.REFUSED else parts * 1000,
        status=status,
    )


def _status(folder: str, reported: str) -> Status:
    if folder == _SENT:
        return _STATUSES.get(reported, Status.SENT)
    if folder not in _NOT_SENT:
        raise LineError("type is none of the phone's folders")
    return _NOT_SENT[folder]


def _recipient(address: str) -> str:
    if address in NOTHING:
        raise LineError("address is missing")
    if SEVERAL in address:
        raise LineError("address holds several recipients")
    return to_address("address", address)


def _instant(date: str) -> str:
    milliseconds = bounded(date, 1, MOST_MILLISECONDS)
    if milliseconds is None:
        raise LineError("date is not a number of milliseconds since 1970")
    instant = _EPOCH + timedelta(milliseconds=milliseconds)
    if instant.year not in YEARS:
        raise LineError(f"date: the year is not from {YEARS[0]} to {YEARS[-1]}")
    return utc_text(instant)
