"""Checks of answers: through real parsers, against plain SQL and zoneinfo."""

from __future__ import annotations

import hashlib
import http.client
import json
import re
import sqlite3
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple
from xml.parsers.expat import ExpatError, ParserCreate

from lxml import etree

from benchmarks.candidates import Running
from benchmarks.signed_requests import (
    LISTED,
    NEWEST_FIRST,
    UNKNOWN_ACTION,
    SignedRequest,
    local_text,
)

FIELDS = ("sender", "reciptient", "date", "parts", "credit", "type")
SAMPLE = 12  # requests of a workload whose answers are checked
EDGE = 100  # rows at both ends of a long answer that are compared as a whole
Row = tuple[str, ...]
"""The texts of FIELDS."""


class WrongAnswer(Exception):
    """An answer without the rows that it must have."""


def fetch(running: Running, request: SignedRequest) -> bytes:
    """The body of the answer."""
    connection = http.client.HTTPConnection(running.address.removeprefix("http://"), timeout=120)
    method, path, body = running.line(request)
    headers = {"Content-Type": "application/x-www-form-urlencoded"} if body else {}
    connection.request(method, path, body or None, headers)
    with connection.getresponse() as response:
        answer = response.read()
    connection.close()
    if response.status != 200:
        raise WrongAnswer(f"HTTP status {response.status}: {answer[:300]!r}")
    return answer


def check(
    running: Running, kind: str, store: Path, requests: Sequence[SignedRequest], answers: Path
) -> None:
    """Raise WrongAnswer unless the first SAMPLE answers are right."""
    for request in requests[:SAMPLE]:
        body = fetch(running, request)
        try:
            right = is_right(body, kind, store, request, answers)
        except (SyntaxError, ExpatError, ValueError, LookupError, TypeError) as problem:
            raise WrongAnswer(f"{request.workload.name}: {problem!r}: {body[:400]!r}") from None
        if not right:
            where = f"{request.workload.name}, {request.account.username}"
            raise WrongAnswer(f"{where}: {body[:400]!r}")


def is_right(body: bytes, kind: str, store: Path, request: SignedRequest, answers: Path) -> bool:
    """True if a candidate of that kind must answer so."""
    if kind == "bytes":
        return body == (answers / request.workload.name).read_bytes()
    if kind == "table":
        return table_rows(body) == list(expected(store, request, "UTC"))
    if request.workload.fault:
        return failure_of(request, body) == expected_failure(request)
    if request.workload.rows is None:
        return long_answer_is_right(store, request, body)
    return rows_of(request, body) == list(expected(store, request, request.account.zone))


def expected(
    store: Path, request: SignedRequest, zone: str, limit: int = -1, offset: int = 0
) -> Iterator[Row]:
    """Rows that the answer must have, with dates in that zone."""
    database = sqlite3.connect(f"file:{store}?mode=ro", uri=True)
    rows = database.execute(
        "SELECT sender, recipient, sent_at, parts, credit_thousandths, kind "
        f"{LISTED} {NEWEST_FIRST} LIMIT ? OFFSET ?",
        (request.account.id, request.datefrom, limit, offset),
    )
    for sender, recipient, sent_at, parts, credit, kind in rows:
        date = local_text(sent_at[:19], zone)
        yield digits(sender), digits(recipient), date, str(parts), f"{credit / 1000:g}", kind
    database.close()


def digits(address: str) -> str:
    """A number without its plus; a name unchanged."""
    return address[1:] if re.fullmatch(r"\+\d+", address) else address


def rows_of(request: SignedRequest, body: bytes) -> list[Row]:
    """The rows of a success; their names and fields must be the documented ones, in order."""
    members = _xml_members(body) if request.workload.returntype == "xml" else _json_members(body)
    names = [name for name, _ in members]
    numbered = names == [f"sms{number}" for number in range(1, len(names) + 1)]
    if not numbered or any(tuple(row) != FIELDS for _, row in members):
        raise WrongAnswer(f"names or fields: {body[:400]!r}")
    return [tuple(row.values()) for _, row in members]


def _xml_members(body: bytes) -> list[tuple[str, dict[str, str]]]:
    root = etree.fromstring(body)
    if [child.tag for child in root] != ["result", "resulttxt", "history", "timestamp"]:
        raise WrongAnswer(f"envelope: {body[:400]!r}")
    if (root[0].text, root[1].text) != ("1", "success"):
        raise WrongAnswer(f"no success: {body[:400]!r}")
    return [(row.tag, {field.tag: field.text or "" for field in row}) for row in root[2]]


def _json_members(body: bytes) -> list[tuple[str, dict[str, str]]]:
    answer = json.loads(body)
    head = (*answer, answer["result"], answer["resulttxt"])
    if head != ("result", "resulttxt", "params", "timestamp", "1", "success"):
        raise WrongAnswer(f"envelope: {body[:400]!r}")
    return list((answer["params"]["senders"] or {}).items())


def table_rows(body: bytes) -> list[Row]:
    """The rows of Datasette's array of objects."""

    def row(values: dict[str, Any]) -> Row:
        sender, recipient = digits(values["sender"]), digits(values["reciptient"])
        credit = f"{values['credit']:g}"
        return sender, recipient, values["date"][:19], str(values["parts"]), credit, values["type"]

    return [row(values) for values in json.loads(body)]


def failure_of(request: SignedRequest, body: bytes) -> tuple[str, str]:
    """`result` and `resulttxt` of an answer."""
    if request.workload.returntype == "json":
        answer = json.loads(body)
        return answer["result"], answer["resulttxt"]
    root = etree.fromstring(body)
    return root.findtext("result", ""), root.findtext("resulttxt", "")


def expected_failure(request: SignedRequest) -> tuple[str, str]:
    """`result` and `resulttxt` of the documented failure."""
    field = "action" if request.workload.fault == UNKNOWN_ACTION else "authcode"
    word = "error" if request.workload.returntype == "xml" else "Error"
    return "0", f"{word}: '{field}' is not valid"


def long_answer_is_right(store: Path, request: SignedRequest, body: bytes) -> bool:
    """True if it is well-formed, has all recipients in order, and the right rows at both ends."""
    returntype = request.workload.returntype
    if returntype == "xml":
        ParserCreate().Parse(body, True)
        recipients = re.findall(rb"<reciptient>([^<]*)</reciptient>", body)
    else:
        json.loads(body)
        recipients = re.findall(rb'"reciptient": ?"([^"]*)"', body)
    right = long_answer(store, request)
    rows = [row for end in _edges(returntype, body, right.rows) for row in rows_of(request, end)]
    same = hashlib.sha256(b"\n".join(recipients)).hexdigest() == right.checksum
    return same and rows == right.edges


def _edges(returntype: str, body: bytes, count: int) -> Iterator[bytes]:
    """Two short documents: the first and the last EDGE rows, numbered from 1."""
    for first in (1, count - EDGE + 1):
        names = (f"sms{first}", f"sms{first + EDGE - 1}")
        opening, closing = ("<{}>", "</{}>") if returntype == "xml" else ('"{}":', '"{}":')
        start = body.index(opening.format(names[0]).encode())
        end = body.index(closing.format(names[1]).encode())
        if returntype == "xml":
            rows = body[start : end + len(closing.format(names[1]))]
            wrapped = (b"<return><result>1</result><resulttxt>success</resulttxt><history>", rows)
            document = b"".join(wrapped) + b"</history><timestamp>0</timestamp></return>"
        else:
            rows = body[start : body.index(b"}", end) + 1]
            document = b'{"result":"1","resulttxt":"success","params":{"senders":{' + rows
            document += b'}},"timestamp":0}'
        yield _numbered_from_1(document, first)


def _numbered_from_1(document: bytes, first: int) -> bytes:
    return re.sub(rb"sms(\d+)", lambda name: b"sms%d" % (int(name[1]) - first + 1), document)


class LongAnswer(NamedTuple):
    """Facts about a long answer: the number of rows, a checksum of all recipients, and the first
    and last EDGE rows."""

    rows: int
    checksum: str
    edges: list[Row]


@cache
def long_answer(store: Path, request: SignedRequest) -> LongAnswer:
    """The facts about the right answer, by SQL."""
    database = sqlite3.connect(f"file:{store}?mode=ro", uri=True)
    values = (request.account.id, request.datefrom)
    select = f"SELECT recipient {LISTED} {NEWEST_FIRST}"
    recipients = [digits(row[0]).encode() for row in database.execute(select, values)]
    count, zone = len(recipients), request.account.zone
    first = list(expected(store, request, zone, EDGE))
    last = list(expected(store, request, zone, EDGE, count - EDGE))
    return LongAnswer(count, hashlib.sha256(b"\n".join(recipients)).hexdigest(), first + last)
