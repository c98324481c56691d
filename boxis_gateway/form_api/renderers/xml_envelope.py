"""`returntype=xml`, the default (protocol page, section 4).

The declaration has double quotes, as documented; lists are direct children of `<return>`; failures
begin `error: `. Characters that XML 1.0 excludes are dropped from texts, and a carriage return is
written as `&#13;`, as parsers turn a bare one into a line feed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from boxis_gateway.bounded_cache import BoundedCache
from boxis_gateway.form_api.renderers.columns import (
    ROW_NUMBER,
    Writer,
    escaped,
    may_need_escaping,
    row_writer,
)
from boxis_gateway.form_api.results import Failure, OpenRows, Params, Result

NAME = "xml"
CONTENT_TYPE = "text/xml; charset=UTF-8"

HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n<return>'
SUCCESS = f"{HEAD}<result>1</result><resulttxt>success</resulttxt>"
PLAIN = bytes(code for code in range(32, 127) if code not in b"&<>")
EXCLUDED_FROM_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def render(result: Result, timestamp: int) -> Iterator[bytes]:
    """Render the envelope in pieces; see renderers/__init__.py."""
    tail = f"<timestamp>{timestamp}</timestamp></return>"
    if isinstance(result, Failure):
        return iter([f"{HEAD}{_failure(result)}{tail}".encode("latin-1")])
    if isinstance(result.payload, OpenRows):
        return _lists(result.payload, tail)
    assert isinstance(result.payload, Params)
    return iter([f"{SUCCESS}{_params(result.payload)}{tail}".encode("latin-1")])


def _failure(failure: Failure) -> str:
    # `timestamperror` stands only if it is true, as clients test for the element.
    mismatch = "<timestamperror>1</timestamperror>" if failure.clock_mismatch else ""
    description = escape(failure.description)
    return f"<result>0</result><resulttxt>error: {description}</resulttxt>{mismatch}"


def _params(params: Params) -> str:
    values = "".join(
        f"<{name}>{escape(str(value))}</{name}>" for name, value in params.values.items()
    )
    return f"<params>{values}</params>" if values else "<params/>"


def _lists(opened: OpenRows, tail: str) -> Iterator[bytes]:
    """Render the whole answer, one piece per batch of rows."""
    rows = opened.rows
    write, checked = _writer(rows.item, tuple(rows.fields)), may_need_escaping(rows)
    before = SUCCESS  # text before the next batch
    for name, batches in opened.containers:
        number = 1
        for columns in batches:
            numbers = range(number, number + len(columns[0]))
            before += f"<{name}>" if number == 1 else ""
            text = write(numbers, *escaped(columns, checked, PLAIN, ESCAPES))
            yield (before + text).encode("latin-1")
            before, number = "", numbers.stop
        before += f"<{name}/>" if number == 1 else f"</{name}>"
    yield (before + tail).encode("latin-1")


@lru_cache(maxsize=256)
def _writer(item: str, fields: tuple[str, ...]) -> Writer:
    pieces: list[str | int] = [f"<{item}", ROW_NUMBER, ">"]
    for column, field in enumerate(fields):
        pieces += [f"<{field}>", column, f"</{field}>"]
    pieces += [] if fields else [0]
    return row_writer((*pieces, f"</{item}", ROW_NUMBER, ">"), "")


def escape(text: str) -> str:
    """Escape element content, and drop what XML excludes. The result is UTF-8 as a Latin-1 text, a
    character a byte, as one emoji would make Python store the whole batch at four bytes each."""
    kept = EXCLUDED_FROM_XML.sub("", text)
    for character, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("\r", "&#13;")):
        kept = kept.replace(character, entity)
    return kept.encode().decode("latin-1")


ESCAPES = BoundedCache(escape, max_size=1024)  # senders repeat
