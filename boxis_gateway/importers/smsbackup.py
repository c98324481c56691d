"""`smsbackup`: XML of SMS Backup & Restore, an Android app.

    <smses count="…"> <sms address="…" date="…" type="2" body="…" status="-1" …/> <mms …> … </smses>

The file is parsed as a stream, so that its size does not matter. External references are not
loaded, and a document type declaration is refused. Line numbers are numbers of messages, from 1.
The file lacks the phone's own number: the sender must be given.
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
from boxis_gateway.importers.reading.xml_references import repair_references
from boxis_gateway.model import NewMessage, Status
from boxis_gateway.setting_kinds import bounded
from boxis_gateway.sms.segments import count_parts
from boxis_gateway.zones import utc_text

NAME = "smsbackup"
ACCOUNT_FIELDS = ()
URL_SCHEMES = ()
LOCAL_TIMES = False
MOST_MILLISECONDS = 10**13  # of a date: the year 2286
MOST_DEPTH = 20  # of elements
MOST_OCTETS = 8_388_608  # of an element's start, which may hold a picture
NOTHING = ("", "null")  # spellings of a missing value
SEVERAL = "~"  # between the recipients of one message

_ROOT = re.compile(rb"(?:\xef\xbb\xbf)?\s*(?:(?><\?.*?\?>|<!--.*?-->)\s*)*<smses[\s/>]", re.DOTALL)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_SKIPPED = {"1": "incoming message", "3": "draft"}
_SENT = "2"
_NOT_SENT = {"4": Status.PENDING, "5": Status.REFUSED, "6": Status.PENDING}
"""Folders of the phone: outbox, failed and queued (android.provider.Telephony.Sms)."""
_STATUSES = {"0": Status.DELIVERED, "64": Status.FAILED}
"""Delivery status of a sent message; -1 is none, 32 is pending."""

Attributes = Mapping[str, str]


def matches(head: bytes) -> bool:
    """Return True for XML with the root element `smses`."""
    return bool(_ROOT.match(head))


def read(source: Source, options: ReadOptions) -> Iterator[Line]:
    """Yield the lines, see Importer.read."""
    if not options.sender:
        raise ImportFailed("The file lacks the phone's own number. Give it with --sender.")
    for number, (name, attributes) in enumerate(_elements(source), 1):
        yield _line(number, name, attributes, options.sender)


def _elements(source: Source) -> Iterator[tuple[str, Attributes]]:
    """Yield name and attributes of each message. Raises ImportFailed."""
    elements: list[tuple[str, Attributes]] = []
    depth = 0

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > MOST_DEPTH:
            raise ImportFailed(f"The file has elements in more than {MOST_DEPTH} others.")
        if name in ("sms", "mms"):
            elements.append((name, attributes))

    def end(name: str) -> None:
        nonlocal depth
        depth -= 1

    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = _refuse
    parser.StartElementHandler, parser.EndElementHandler = start, end
    count = fed = 0
    try:
        for piece in repair_references(source.chunks()):
            parser.Parse(piece, False)
            fed += len(piece)
            if fed - parser.CurrentByteIndex > MOST_OCTETS:
                raise ImportFailed(f"The file has an element of more than {MOST_OCTETS >> 20} MB.")
            yield from elements
            count += len(elements)
            elements.clear()
        parser.Parse(b"", True)
    except expat.ExpatError:
        yield from elements
        raise ImportFailed(
            f"The file is damaged or ends early, after message {count + len(elements)}. The "
            "messages before are imported. Import it again when it is whole."
        ) from None
    except (LookupError, ValueError):  # of Python's codecs
        raise ImportFailed(
            "The file declares an unknown encoding. Convert it to UTF-8, including its first line."
        ) from None


def _refuse(*_: object) -> None:
    raise ImportFailed("The file declares a document type, as no backup does. It is not imported.")


def _line(number: int, name: str, attributes: Attributes, sender: str) -> Line:
    if name == "mms":
        return OtherLine(number, "multimedia message")
    folder = attributes.get("type", "")
    if folder in _SKIPPED:
        return OtherLine(number, _SKIPPED[folder])
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
        raise LineError("type is not one of the phone's folders")
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
