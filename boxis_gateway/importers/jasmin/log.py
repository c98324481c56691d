"""Lines of Jasmin's messages.log, version 0.6 and later.

    <time> INFO <pid> SMS-MT [cid:] [queue-msgid:] [smpp-msgid:] [status:CommandStatus.ESME_ROK]
    [prio:] [dlr:] [validity:] [from:] [to:] [content:]

on one line, for each answer of the SMSC; `[status:ERROR/…] [retry:]` without smpp-msgid if it
refused the message. Octets are Python literals, `b'…'`; older lines have the content without the
`b`, and the other fields without quotes. No field has the data coding: sms/short_message.py detects
it. With `log_privacy` only the length of the content is there. Times have no zone. A long message
is one line. Clients know it by the queue-msgid.

A delivery report names its message by the connector and the SMSC's id, see `references_of`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from boxis_gateway.importers.reading.columns import MOST_PARTS, short_text, to_address
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
from boxis_gateway.importers.reading.source import TOO_LONG, Source
from boxis_gateway.model import NewMessage, Status
from boxis_gateway.sms.dlr import DeliveryReport, reference_hash
from boxis_gateway.sms.segments import CONCATENATION_HEADER_OCTETS, Alphabet, capacity, count_parts
from boxis_gateway.sms.short_message import read_short_message

MOST_OCTETS = MOST_PARTS * capacity(Alphabet.GSM, CONCATENATION_HEADER_OCTETS)
LARGEST_COUNTER = 0xFFFFFF

_TIME = rb"(?P<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:[.,]\d{3})?) "
_START = _TIME + rb"[A-Z]+ +\d+ "
_QUOTED = rb"""b?(?:'(?:[^'\\]|\\.)*+'|"(?:[^"\\]|\\.)*+")"""


def _field(name: str, following: str) -> bytes:
    """Pattern of a field: octets in quotes, or anything up to the first of the following fields;
    atomic groups prevent backtracking."""
    end = rf"\] (?=\[(?:{following}):)".encode()
    group = name.replace("-", "_").encode()
    return rb"\[%b:(?>(?P<%b>%b(?=%b)|.*?)%b)" % (name.encode(), group, _QUOTED, end, end)


_SAMPLE = re.compile(rb"^" + _START + rb"(?:SMS-M[TO]|DLR) \[cid:", re.MULTILINE)
_TIMED = re.compile(_TIME)
_EVENT = re.compile(_START + rb"(?P<event>SMS-MT|SMS-MO|DLR)(?:-\w+)? (?=\[)")
_MESSAGE = re.compile(
    _field("cid", "queue-msgid")
    + _field("queue-msgid", "smpp-msgid|status")
    + rb"(?:%b)?" % _field("smpp-msgid", "status")
    + _field("status", "retry|prio")
    + rb"(?:%b)?" % _field("retry", "prio")
    + _field("prio", "dlr")
    + _field("dlr", "validity")
    + _field("validity", "from")
    + _field("from", "to")
    + _field("to", "content")
    + rb"\[content:(?P<content>%b|\*\* (?P<octets>\d{1,9}) byte content \*\*)\]" % _QUOTED
)
_REPORT = re.compile(
    _field("cid", "smpp-msgid") + _field("smpp-msgid", "status") + _field("status", "submit date")
)
_LITERAL = re.compile(
    rb"""b?(?P<quote>['"])(?P<octets>(?:[ -\[\]-~]|\\(?:x[0-9a-f]{2}|[nrt\\'"]))*)(?P=quote)"""
)

_CLASS = "CommandStatus."  # prefix of the name in Python 3
ACCEPTED = "ESME_ROK"
REFUSED = "ERROR/"
REPORTED = {
    "DELIVRD": Status.DELIVERED,
    "UNDELIV": Status.FAILED,
    "EXPIRED": Status.FAILED,
    "DELETED": Status.FAILED,
    "REJECTD": Status.FAILED,
    "UNKNOWN": Status.UNKNOWN,
}
"""Final states of a message (SMPP 3.4, appendix B)."""


def is_log(head: bytes) -> bool:
    """Return True if the head has a line about a message or a delivery report."""
    return bool(_SAMPLE.search(head))


def read_log(source: Source, options: ReadOptions) -> Iterator[Line]:
    """Yield the lines, see Importer.read."""
    latest = options.not_before  # tells the two passes of a repeated hour apart
    for number, raw in enumerate(source.lines(), 1):
        event = _EVENT.match(raw)
        try:
            latest = _time(raw, latest, options)
            yield _event(number, event, raw, latest, options) if event else _other(number, raw)
        except LineError as problem:
            yield BadLine(number, str(problem)) if event else _other(number, raw)


def _time(raw: bytes, latest: str | None, options: ReadOptions) -> str:
    """Time of the line; of the line before if it has none."""
    timed = _TIMED.match(raw)
    if not timed:
        return latest or ""
    return parse_date("time", timed["time"].decode(), options.zone, latest)


def _other(number: int, raw: bytes) -> Line:
    if raw == TOO_LONG:
        return BadLine(number, "the line is too long")
    return OtherLine(number, "unrelated line")


def _event(number: int, event: re.Match[bytes], raw: bytes, at: str, options: ReadOptions) -> Line:
    if event["event"] == b"SMS-MO":
        return OtherLine(number, "incoming message")
    if event["event"] == b"DLR":
        return _report(number, _matched(_REPORT, raw, event.end()), at)
    if raw.startswith(b"[uid:", event.end()):
        return OtherLine(number, "incoming submission")  # of another log, see __init__.py
    fields = _matched(_MESSAGE, raw, event.end())
    if _word(fields, "retry") == "True":
        return OtherLine(number, "message that Jasmin retries")
    key = _word(fields, "cid") if options.account_field == "cid" else ""
    return GoodLine(number, _message(fields, at, options), key)


def _matched(pattern: re.Pattern[bytes], raw: bytes, start: int) -> re.Match[bytes]:
    match = pattern.match(raw, start)
    if not match:
        raise LineError("the line is incomplete")
    return match


def _report(number: int, fields: re.Match[bytes], at: str) -> Line:
    references = references_of(_word(fields, "cid"), _word(fields, "smpp_msgid"))
    status = REPORTED.get(_word(fields, "status"))
    if status is None:
        return OtherLine(number, "report of a message in transit")
    if not references:
        return OtherLine(number, "report without message id")
    return ReportLine(number, DeliveryReport(references, status, at))


def references_of(connector: str, smsc_id: str) -> tuple[int, ...]:
    """Hashes of the SMSC's id in its possible spellings, first as in the answer; none without an
    id.

    Case and leading zeros are ignored. Some SMSCs answer in hexadecimal and report in decimal
    digits or vice versa, so that each id is also converted to the other base, unless it is small:
    if an SMSC counts its messages, 1000 and 4096 (hexadecimal 1000) are two."""
    spelling = smsc_id.upper().lstrip("0")
    spellings = [spelling] if smsc_id else []
    if re.fullmatch("[0-9]+", spelling) and int(spelling) > LARGEST_COUNTER:
        spellings.append(f"{int(spelling):X}")
    if re.fullmatch("[0-9A-F]+", spelling) and int(spelling, 16) > LARGEST_COUNTER:
        spellings.append(str(int(spelling, 16)))
    return tuple(reference_hash(f"jasmin {connector} {spelled}") for spelled in spellings)


def _message(fields: re.Match[bytes], sent_at: str, options: ReadOptions) -> NewMessage:
    status = _status(_word(fields, "status"))
    text, parts = _text_and_parts(fields)
    references = references_of(_word(fields, "cid"), _word(fields, "smpp_msgid"))
    return NewMessage(
        to_address("to", _word(fields, "to")),
        _word(fields, "from") or options.sender or "",
        sent_at,
        text,
        parts,
        credit_thousandths=parts * 1000 if status is Status.SENT else 0,
        status=status,
        wire_id=_word(fields, "queue_msgid") or None,
        reported_as=references[0] if references else None,
    )


def _status(word: str) -> Status:
    if word.startswith(REFUSED):
        return Status.REFUSED
    if without_class(word) == ACCEPTED:
        return Status.SENT
    raise LineError("the status is not one of Jasmin's")


def without_class(word: str) -> str:
    """Name of a command status without its class, as in older versions."""
    return word.removeprefix(_CLASS)


def _text_and_parts(fields: re.Match[bytes]) -> tuple[str | None, int]:
    private = fields["octets"]
    octets = b"" if private else _octets(fields["content"])
    count = int(private) if private else len(octets)
    if count > MOST_OCTETS:
        raise LineError("the content is longer than a message can be")
    if private:
        return None, count_parts("x" * count, Alphabet.GSM)  # UCS-2 is rarer
    text, parts = read_short_message(octets)
    return text or None, parts


def _octets(field: bytes) -> bytes:
    """Evaluate a Python literal of octets."""
    literal = _LITERAL.fullmatch(field)
    if not literal:
        raise LineError("the content is not a Python literal of octets")
    return literal["octets"].decode("unicode_escape").encode("latin-1")


def _word(fields: re.Match[bytes], name: str) -> str:
    """Text of a field, with or without quotes; "" if it is missing."""
    raw = fields[name] or b""
    word = _octets(raw) if _LITERAL.fullmatch(raw) else raw
    return "" if word in (b"", b"None") else short_text(name, word.decode("utf-8", "replace"))
