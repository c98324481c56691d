"""What a Boxis-compatible server answers to getHistory, in XML or JSON: octets -> rows.

All that the protocol page knows is read (sections 4 and 8.1): in JSON the list is called `senders`
or `history`, or stands there under both names; `sms_id` and `status_date` may be there or not.
A row is read as soon as it is there, so that memory does not grow with the answer.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import Any, NamedTuple

from lxml import etree

from boxis_gateway.importers.reading.json_walk import KeyPath, NotJson, walk

_LISTS: frozenset[KeyPath] = frozenset({("params", "senders"), ("params", "history")})
_OPENED = _LISTS | {(), ("params",)}
_ENVELOPE = ("result", "resulttxt", "timestamp", "timestamperror")
_NUMBERED = re.compile(rb"(</?sms)\d+(?=[\s/>])")
_BLANK = b" \t\r\n"


class Row(NamedTuple):
    """A row of the history, as the wire has it; "" for what it lacks."""

    sms_id: str = ""
    sender: str = ""
    reciptient: str = ""  # the wire's spelling
    date: str = ""
    status_date: str = ""
    parts: str = ""
    credit: str = ""
    type: str = ""


class NotAnEnvelope(Exception):
    """This is no answer of the API."""


class BrokenOff(Exception):
    """This is the beginning of an answer, and no more."""


class Refused(Exception):
    """The answer is an error; `str()` is its text. `clock` is the server's timestamp if the error
    is that ours is off, else None."""

    def __init__(self, text: str, clock: str | None) -> None:
        super().__init__("".join(one for one in text if one.isprintable())[:200])
        self.clock = clock


def rows(chunks: Iterable[bytes]) -> Iterator[Row]:
    """The rows of an answer, in its order. Raises, perhaps at its end only, NotAnEnvelope,
    BrokenOff or Refused."""
    rest = iter(chunks)
    first = next(rest, b"").removeprefix(b"\xef\xbb\xbf").lstrip(_BLANK)
    envelope: dict[str, str] = {}
    read = {b"<": _from_xml, b"{": _from_json}.get(first[:1])
    if read is None:
        raise NotAnEnvelope
    try:
        yield from read(chain([first], rest), envelope)
    except (etree.XMLSyntaxError, NotJson):
        raise (BrokenOff if "begun" in envelope else NotAnEnvelope) from None
    if "result" not in envelope:
        raise NotAnEnvelope
    if envelope["result"] != "1":
        clock = envelope.get("timestamperror", "") not in ("", "0")
        text = envelope.get("resulttxt", "")
        raise Refused(text, envelope.get("timestamp", "") if clock else None)


def _from_json(chunks: Iterable[bytes], envelope: dict[str, str]) -> Iterator[Row]:
    shown_as: KeyPath | None = None  # under the other name are the same rows
    for path, value in walk(chunks, _OPENED):
        if path[:1] in [("params",), *((name,) for name in _ENVELOPE)]:
            envelope["begun"] = "yes"
        if path[:2] in _LISTS:
            shown_as = shown_as or path[:2]
            if path[:2] == shown_as and value:
                yield _row(value if isinstance(value, dict) else {})
        elif len(path) == 1 and path[0] in _ENVELOPE:
            envelope[path[0]] = "1" if value is True else value if isinstance(value, str) else ""


def _row(values: Mapping[str, Any]) -> Row:
    found = [values.get(name) for name in Row._fields]
    return Row(*[text if isinstance(text, str) else "" for text in found])


def _from_xml(chunks: Iterable[bytes], envelope: dict[str, str]) -> Iterator[Row]:
    parser: Any = etree.XMLPullParser(
        ("start", "end"),
        tag=("return", "sms", *_ENVELOPE),
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        remove_comments=True,
        remove_pis=True,
    )
    for damage in _fed(parser, _unnumbered(chunks)):
        for event, element in parser.read_events():
            parent = element.getparent()
            if event == "start":
                if parent is None and element.tag == "return":
                    envelope["begun"] = "yes"
            elif parent is not None and parent.tag == "history" and element.tag == "sms":
                yield _row({child.tag: child.text for child in element})
                _forget(element)
            elif parent is not None and parent.tag == "return":
                envelope[element.tag] = element.text or ""
        if damage:
            raise damage


def _fed(parser: Any, chunks: Iterable[bytes]) -> Iterator[etree.XMLSyntaxError | None]:
    """Feed the parser, chunk by chunk; where it fails, what it says."""
    for chunk in chain(chunks, [None]):
        try:
            parser.close() if chunk is None else parser.feed(chunk)
        except etree.XMLSyntaxError as damage:
            yield damage
        else:
            yield None


def _unnumbered(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """`sms1`, `sms2`, … as `sms`: a parser keeps every name that it has met."""
    left = b""
    for chunk in chunks:
        text = left + chunk
        cut = text.rfind(b"<")
        cut = len(text) if cut < 0 or b">" in text[cut:] else cut
        left = text[cut:]
        yield _NUMBERED.sub(rb"\1", text[:cut])
    yield left


def _forget(element: Any) -> None:
    """What was read of the tree, up to here."""
    element.clear(keep_tail=True)
    parent = element.getparent()
    while element.getprevious() is not None:
        del parent[0]
