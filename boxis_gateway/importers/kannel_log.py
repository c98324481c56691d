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
from collections.abc import Iterator

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

_TIME = rb"(?P<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) "
_FIELDS = ("SMSC", "SVC", "ACT", "BINF", "FID", "META", "from", "to")


def _head_pattern() -> bytes:
    """Pattern of the fields. Each ends where the next one first begins; atomic groups prevent
    backtracking. The faster first alternative ends at the first bracket."""
    pattern = _TIME + rb"(?P<event>[^\[]+) \[SMSC:"
    for name, following in zip(_FIELDS, (*_FIELDS[1:], "flags"), strict=True):
        pattern += rf"(?>(?P<{name}>[^\]\n]*+|.*?)\] \[{following}:)".encode()
    pattern += rb"-?\d+:(?P<coding>-?\d{1,3}):-?\d+:-?\d+:(?P<dlr>-?\d+)\] "
    return pattern + rb"\[msg:(?P<octets>\d{1,7}):"


_HEAD = re.compile(_head_pattern())
_TAIL = re.compile(rb"\] \[udh:(?P<header_octets>\d{1,3}):[0-9A-Fa-f]*\]")
_MARK = re.compile(_TIME + rb"Log (?:begins|ends)")
_SAMPLE = re.compile(rb"^" + _TIME + rb"[^\[\n]+ \[SMSC:", re.MULTILINE)

_SENT = {
    "Sent SMS": Status.SENT,
    "FAILED Send SMS": Status.REFUSED,
    "REJECTED Send SMS": Status.REFUSED,
    "DISCARDED SMS": Status.REFUSED,
    "EXPIRED SMS": Status.REFUSED,
    "MALFORMED SMS": Status.REFUSED,
}
"""Events of outgoing messages -> status."""

_REPORT = "Receive DLR"
_STATUS_OF_DLR = {
    b"1": Status.DELIVERED,  # delivered to phone
    b"2": Status.FAILED,  # not delivered
    b"16": Status.REFUSED,  # rejected by the SMSC
}
"""Kannel's DLR codes that change the status; 4 (buffered) and 8 (accepted by the SMSC) do not."""

_OTHER_EVENTS = ("Receive SMS", "Sent DLR")

_CODING_8BIT, _CODING_UCS2 = 1, 2


def matches(head: bytes) -> bool:
    """Return True if the head has a line of the log, or the mark of a new one."""
    return bool(_MARK.match(head) or _SAMPLE.search(head))


def read(source: Source, options: ReadOptions) -> Iterator[Line]:
    """Yield the lines, see Importer.read."""
    latest = options.not_before  # tells the two passes of a repeated hour apart
    for number, raw in enumerate(source.lines(), 1):
        raw = raw.rstrip(b"\r\n")
        head = _HEAD.match(raw)
        if not head:
            yield _no_event(number, raw)
            continue
        try:
            latest = parse_date("time", head["time"].decode(), options.zone, latest)
            yield _event(number, raw, head, latest, options)
        except LineError as problem:
            yield BadLine(number, str(problem))


def _no_event(number: int, raw: bytes) -> Line:
    if not raw or _MARK.match(raw):
        return OtherLine(number, "log mark")
    return BadLine(number, "not a line of the log")


def _event(number: int, raw: bytes, head: re.Match[bytes], at: str, options: ReadOptions) -> Line:
    event = _plain(head["event"])
    if event == _REPORT:
        return _report(number, head, at)
    if event not in _SENT:
        return OtherLine(number, event if event in _OTHER_EVENTS else "other event")
    message = _message(head, raw, at, _SENT[event])
    if options.sender and not message.sender:
        message = message._replace(sender=options.sender)
    key = head[options.account_field].decode("utf-8", "replace") if options.account_field else ""
    return GoodLine(number, message, key)


def _report(number: int, head: re.Match[bytes], at: str) -> Line:
    reference = _reference(head)
    if head["dlr"] not in _STATUS_OF_DLR:
        return OtherLine(number, "report of acceptance by the SMSC")
    if reference is None:
        return OtherLine(number, "report without message id")
    return ReportLine(number, DeliveryReport((reference,), _STATUS_OF_DLR[head["dlr"]], at))


def _reference(head: re.Match[bytes]) -> int | None:
    """Hash of the SMSC's id of the message, and of the recipient, since some SMSCs give recipients
    of one text the same id; None without an id."""
    smsc, foreign_id, recipient = _plain(head["SMSC"]), _plain(head["FID"]), _plain(head["to"])
    name = f"kannel {smsc} {foreign_id} {to_e164(recipient) or recipient}"
    return reference_hash(name) if foreign_id else None


def _message(head: re.Match[bytes], raw: bytes, sent_at: str, status: Status) -> NewMessage:
    coding = int(head["coding"])
    data, header_octets = _user_data(head, raw, coding)
    text, parts = _text_and_parts(data, coding, header_octets)
    sender, recipient = _plain(head["from"]), _plain(head["to"])
    if not recipient:
        raise LineError("the recipient is missing")
    if max(len(sender), len(recipient)) > LONGEST_ADDRESS:
        raise LineError(f"an address is longer than {LONGEST_ADDRESS} characters")
    return NewMessage(
        to_e164(recipient) or recipient,
        sender,
        sent_at,
        text,
        parts,
        credit_thousandths=parts * 1000 if status is _SENT["Sent SMS"] else 0,
        status=status,
        reference=f"{_plain(head['SMSC'])} {_plain(head['FID'])}",
        reported_as=_reference(head),
    )


def _user_data(head: re.Match[bytes], raw: bytes, coding: int) -> tuple[bytes, int]:
    """Octets of the message, and the length of its user data header."""
    start, octets = head.end(), int(head["octets"])
    if coding in (_CODING_8BIT, _CODING_UCS2):
        tail = _TAIL.fullmatch(raw, start + 2 * octets)
        if tail:
            header_octets = _header(tail)
            try:
                return bytes.fromhex(raw[start : start + 2 * octets].decode()), header_octets
            except ValueError:
                raise LineError("the message is not in hexadecimal digits") from None
    tail = _TAIL.fullmatch(raw, start + octets)
    if not tail:
        raise LineError("the message does not have the length that the line gives")
    return raw[start : start + octets], _header(tail)


def _header(tail: re.Match[bytes]) -> int:
    octets = int(tail["header_octets"])
    if octets > MOST_HEADER_OCTETS:
        raise LineError("the user data header leaves no room for a message")
    return octets


def _text_and_parts(data: bytes, coding: int, header_octets: int) -> tuple[str, int]:
    if coding == _CODING_UCS2:
        text = data.decode("utf-16-be", "replace")
        return text, count_parts(text, Alphabet.UCS2, header_octets) if text else 1
    if coding == _CODING_8BIT:
        return data.hex().upper(), count_octet_parts(len(data), header_octets)
    text = _plain(data)
    return text, count_parts(text, Alphabet.GSM, header_octets)


def _plain(octets: bytes) -> str:
    """Decode UTF-8, as Kannel writes it, or else Windows-1252, so that nothing is lost."""
    try:
        return octets.decode()
    except UnicodeDecodeError:
        return octets.decode("cp1252", "replace")
