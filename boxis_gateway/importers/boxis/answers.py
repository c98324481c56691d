"""Streaming parser of getHistory answers, XML and JSON: octets -> rows.

It reads all variants of the protocol page (sections 4 and 8.1): in JSON the list is named
`senders`, `history` or both; `sms_id` and `status_date` are optional. Memory does not grow with the
answer.
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
LONGEST_TAG = 65_536  # octets
MOST_FIELDS = 100  # of a row


class HistoryRow(NamedTuple):
    """Row of the history as on the wire; "" for missing fields."""

    sms_id: str = ""
    sender: str = ""
    reciptient: str = ""  # the wire's spelling
    date: str = ""
    status_date: str = ""
    parts: str = ""
    credit: str = ""
    type: str = ""


class _Oversized(Exception):
    """A tag or row longer than any of an answer."""


class NotAnEnvelope(Exception):
    """Content that is no answer of the API."""


class TruncatedAnswer(Exception):
    """Answer that ends early or is damaged."""


class RefusedRequest(Exception):
    """Answer with an error; `str()` is its text. `clock` is the server's timestamp if the error is
    a clock mismatch, else None."""

    def __init__(self, text: str, clock: str | None) -> None:
        super().__init__("".join(filter(str.isprintable, text))[:200])
        self.clock = clock


def parse_history(chunks: Iterable[bytes]) -> Iterator[HistoryRow]:
    """Yield the rows of an answer in its order.

    Raises NotAnEnvelope, TruncatedAnswer or RefusedRequest, possibly after rows."""
    rest = iter(chunks)
    first = next(rest, b"").removeprefix(b"\xef\xbb\xbf").lstrip(_BLANK)
    envelope: dict[str, str] = {}
    parse = {b"<": _parse_xml, b"{": _parse_json}.get(first[:1])
    if parse is None:
        raise NotAnEnvelope
    try:
        yield from parse(chain([first], rest), envelope)
    except (etree.XMLSyntaxError, NotJson, _Oversized):
        raise (TruncatedAnswer if "begun" in envelope else NotAnEnvelope) from None
    if "result" not in envelope:
        raise NotAnEnvelope
    if envelope["result"] != "1":
        clock = envelope.get("timestamperror", "") not in ("", "0")
        text = envelope.get("resulttxt", "")
        raise RefusedRequest(text, envelope.get("timestamp", "") if clock else None)


def _parse_json(chunks: Iterable[bytes], envelope: dict[str, str]) -> Iterator[HistoryRow]:
    list_path: KeyPath | None = None  # a list under the other name has the same rows
    for path, value in walk(chunks, _OPENED):
        if path[:1] in [("params",), *((name,) for name in _ENVELOPE)]:
            envelope["begun"] = "yes"
        if path[:2] in _LISTS:
            list_path = list_path or path[:2]
            if path[:2] == list_path and value:
                yield _row(value if isinstance(value, dict) else {})
        elif len(path) == 1 and path[0] in _ENVELOPE:
            envelope[path[0]] = "1" if value is True else value if isinstance(value, str) else ""


def _row(values: Mapping[str, Any]) -> HistoryRow:
    fields = [values.get(name) for name in HistoryRow._fields]
    return HistoryRow(*[text if isinstance(text, str) else "" for text in fields])


def _parse_xml(chunks: Iterable[bytes], envelope: dict[str, str]) -> Iterator[HistoryRow]:
    parser: Any = etree.XMLPullParser(
        ("start", "end"),
        tag=("return", "sms", *_ENVELOPE),
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        remove_comments=True,
        remove_pis=True,
    )
    root: Any = None
    for error in _feed(parser, _unnumbered(chunks)):
        for event, element in parser.read_events():
            parent = element.getparent()
            if event == "start":
                if parent is None and element.tag == "return":
                    envelope["begun"] = "yes"
                    root = element
            elif parent is not None and parent.tag == "history" and element.tag == "sms":
                yield _row({child.tag: child.text for child in element})
                _discard(element)
            elif parent is not None and parent.tag == "return":
                envelope[element.tag] = element.text or ""
        if error:
            raise error
        if root is not None:
            _prune(root)


def _prune(root: Any) -> None:
    """Free the elements before the open ones. Raises _Oversized for a row with more than
    MOST_FIELDS."""
    element = root
    while len(element):
        if element.tag == "sms":
            if len(element) > MOST_FIELDS:
                raise _Oversized
            return
        del element[:-1]
        element = element[-1]


def _feed(parser: Any, chunks: Iterable[bytes]) -> Iterator[etree.XMLSyntaxError | None]:
    """Feed the parser chunk by chunk; yield its error after each, or None."""
    for chunk in chain(chunks, [None]):
        try:
            parser.close() if chunk is None else parser.feed(chunk)
        except etree.XMLSyntaxError as error:
            yield error
        else:
            yield None


def _unnumbered(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Rename `sms1`, `sms2`, … to `sms`, since a parser keeps every name that it meets. Raises
    _Oversized for a tag longer than LONGEST_TAG."""
    left = b""
    for chunk in chunks:
        text = left + chunk
        cut = text.rfind(b"<")
        cut = len(text) if cut < 0 or b">" in text[cut:] else cut
        left = text[cut:]
        if len(left) > LONGEST_TAG:
            raise _Oversized
        yield _NUMBERED.sub(rb"\1", text[:cut])
    yield left


def _discard(element: Any) -> None:
    """Free the tree up to the element."""
    element.clear(keep_tail=True)
    parent = element.getparent()
    while element.getprevious() is not None:
        del parent[0]
