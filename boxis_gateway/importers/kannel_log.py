"""`kannel`: access log of Kannel's bearerbox (1.4.x), default format.

    %t %l [SMSC:%i] [SVC:%n] [ACT:%A] [BINF:%B] [FID:%F] [META:%D] [from:%p] [to:%P]
    [flags:%m:%c:%M:%C:%d] [msg:%L:%b] [udh:%U:%u]

on one line. `%L` is the length of the message in octets. 8-bit and UCS-2 data (`%c` 1 and 2) is in
hexadecimal digits; other text is literal, with line ends as full stops, and can contain brackets:
so it is cut by its length. A long message is one line; its parts are counted here. Times have no
zone.

A delivery report names its message by the SMSC and the id that the SMSC gave it (`%F`), if any; its
event is the last of the flags.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from boxis_gateway.importers.reading.dates import parse_date
from boxis_gateway.importers.reading.lines import (
    BadLine,
    GoodLine,
    Line,
    LineError,
    OtherLine,
    ReadOptions,
    ReportLine,
)
from boxis_gateway.importers.reading.source import Source
from boxis_gateway.model import NewMessage, Status
from boxis_gateway.sms.dlr import DeliveryReport, reference_hash
from boxis_gateway.sms.numbers import to_e164
from boxis_gateway.sms.segments import Alphabet, count_octet_parts, count_parts

NAME = "kannel"
MOST_HEADER_OCTETS = 120  # of 140; a longer one leaves no room for a character
LONGEST_ADDRESS = 64  # characters, as in the other formats
ACCOUNT_FIELDS = ("ACT", "BINF")
URL_SCHEMES = ()
LOCAL_TIMES = True

_TIME = r"(?P<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) "
_FIELDS = ("SMSC", "SVC", "ACT", "BINF", "FID", "META", "from", "to")


def _head_pattern() -> str:
    """Pattern of the fields. Each ends where the next one first begins; atomic groups prevent
    backtracking. The faster first alternative ends at the first bracket."""
    pattern = _TIME + r"(?P<event>[^\[]+) \[SMSC:"
    for name, following in zip(_FIELDS, (*_FIELDS[1:], "flags"), strict=True):
        pattern += rf"(?>(?P<{name}>[^\]]*+|.*?)\] \[{following}:)"
    pattern += r"-?\d+:(?P<coding>-?\d{1,3}):-?\d+:-?\d+:(?P<dlr>-?\d+)\] "
    return pattern + r"\[msg:(?P<octets>\d{1,7}):"


# Patterns of a line that is decoded as Latin-1, so that each character is an octet.
_HEAD = re.compile(_head_pattern(), re.ASCII)
_TAIL = re.compile(r"\] \[udh:(?P<header_octets>\d{1,3}):[0-9A-Fa-f]*\][\r\n]*", re.ASCII)
_MARK = re.compile(_TIME + "Log (?:begins|ends)", re.ASCII)
_SAMPLE = re.compile("^" + _TIME + r"[^\[\n]+ \[SMSC:", re.ASCII | re.MULTILINE)

_ACCEPTED = Status.SENT
_SENT = {
    "Sent SMS": _ACCEPTED,
    "FAILED Send SMS": Status.REFUSED,
    "REJECTED Send SMS": Status.REFUSED,
    "DISCARDED SMS": Status.REFUSED,
    "EXPIRED SMS": Status.REFUSED,
    "MALFORMED SMS": Status.REFUSED,
}
"""Events of outgoing messages -> status."""

_REPORT = "Receive DLR"
_STATUS_OF_DLR = {
    "1": Status.DELIVERED,  # delivered to phone
    "2": Status.FAILED,  # not delivered
    "16": Status.REFUSED,  # rejected by the SMSC
}
"""Kannel's DLR codes that change the status; 4 (buffered) and 8 (accepted by the SMSC) do not."""

_OTHER_EVENTS = ("Receive SMS", "Sent DLR")

_CODING_8BIT, _CODING_UCS2 = 1, 2


def matches(head: bytes) -> bool:
    """Return True if the head has a line of the log, or the mark of a new one."""
    text = head.decode("latin-1")
    return bool(_MARK.match(text) or _SAMPLE.search(text))


def read(source: Source, options: ReadOptions) -> Iterator[Line]:
    """Yield the lines, see Importer.read."""
    latest = options.not_before  # tells the two passes of a repeated hour apart
    for number, raw in enumerate(source.lines(), 1):
        line = raw.decode("latin-1")
        head = _HEAD.match(line)
        if not head:
            yield _no_event(number, line)
            continue
        try:
            latest = parse_date("time", head["time"], options.zone, latest)
            yield _event(number, line, head, latest, options)
        except LineError as problem:
            yield BadLine(number, str(problem))


def _no_event(number: int, line: str) -> Line:
    if not line.strip("\r\n") or _MARK.match(line):
        return OtherLine(number, "log mark")
    return BadLine(number, "not a line of the log")


def _event(number: int, line: str, head: re.Match[str], at: str, options: ReadOptions) -> Line:
    event = head["event"]
    if event == _REPORT:
        return _report(number, head, at)
    status = _SENT.get(event)
    if status is None:
        return OtherLine(number, event if event in _OTHER_EVENTS else "other event")
    message = _message(head, line, at, status)
    if options.sender and not message.sender:
        message = message._replace(sender=options.sender)
    if not options.account_field:
        return GoodLine(number, message)
    key = head[options.account_field].encode("latin-1")
    return GoodLine(number, message, key.decode("utf-8", "replace"))


def _report(number: int, head: re.Match[str], at: str) -> Line:
    status = _STATUS_OF_DLR.get(head["dlr"])
    if status is None:
        return OtherLine(number, "report of acceptance by the SMSC")
    smsc, foreign_id, recipient = _fields(head, "SMSC", "FID", "to")
    reference = _reference(smsc, foreign_id, to_e164(recipient) or recipient)
    if reference is None:
        return OtherLine(number, "report without message id")
    return ReportLine(number, DeliveryReport((reference,), status, at))


def _reference(smsc: str, foreign_id: str, recipient: str) -> int | None:
    """Hash of the SMSC's id of the message, and of the recipient, since some SMSCs give recipients
    of one text the same id; None without an id."""
    return reference_hash(f"kannel {smsc} {foreign_id} {recipient}") if foreign_id else None


def _message(head: re.Match[str], line: str, sent_at: str, status: Status) -> NewMessage:
    text, parts = _text_and_parts(line, head.end(), int(head["octets"]), int(head["coding"]))
    smsc, foreign_id, sender, address = _fields(head, "SMSC", "FID", "from", "to")
    if not address:
        raise LineError("the recipient is missing")
    if max(len(sender), len(address)) > LONGEST_ADDRESS:
        raise LineError(f"an address is longer than {LONGEST_ADDRESS} characters")
    recipient = to_e164(address) or address
    return NewMessage(
        recipient,
        sender,
        sent_at,
        text,
        parts,
        credit_thousandths=parts * 1000 if status is _ACCEPTED else 0,
        status=status,
        reference=f"{smsc} {foreign_id}",
        reported_as=_reference(smsc, foreign_id, recipient),
    )


def _text_and_parts(line: str, start: int, octets: int, coding: int) -> tuple[str, int]:
    if coding == _CODING_UCS2:
        data, header_octets = _data(line, start, octets)
        text = data.decode("utf-16-be", "replace")
        return text, count_parts(text, Alphabet.UCS2, header_octets) if text else 1
    if coding == _CODING_8BIT:
        data, header_octets = _data(line, start, octets)
        return data.hex().upper(), count_octet_parts(len(data), header_octets)
    header_octets = _header_octets(_TAIL.fullmatch(line, start + octets))
    text = _decoded(line[start : start + octets])
    return text, count_parts(text, Alphabet.GSM, header_octets)


def _data(line: str, start: int, octets: int) -> tuple[bytes, int]:
    """Octets in hexadecimal digits, or else literal, and the length of their user data header."""
    end = start + 2 * octets
    tail = _TAIL.fullmatch(line, end)
    if tail is None:
        end = start + octets
        header_octets = _header_octets(_TAIL.fullmatch(line, end))
        return line[start:end].encode("latin-1"), header_octets
    header_octets = _header_octets(tail)
    try:
        return bytes.fromhex(line[start:end]), header_octets
    except ValueError:
        raise LineError("the message is not in hexadecimal digits") from None


def _header_octets(tail: re.Match[str] | None) -> int:
    if tail is None:
        raise LineError("the message does not have the length that the line gives")
    octets = int(tail["header_octets"])
    if octets > MOST_HEADER_OCTETS:
        raise LineError("the user data header leaves no room for a message")
    return octets


def _fields(head: re.Match[str], *names: str) -> Sequence[str]:
    fields: Sequence[str] = head.group(*names)
    return fields if head.string.isascii() else [_decoded(field) for field in fields]


def _decoded(octets: str) -> str:
    """Decode UTF-8, as Kannel writes it, or else Windows-1252, so that nothing is lost."""
    if octets.isascii():
        return octets
    encoded = octets.encode("latin-1")
    try:
        return encoded.decode()
    except UnicodeDecodeError:
        return encoded.decode("cp1252", "replace")
