"""`returntype=xml`, the default (protocol page, section 4).

The declaration has double quotes, as documented; lists are direct children of `<return>`; failures
say `error: `. Characters that XML 1.0 has no way to carry are left out of texts, and a carriage
return goes as `&#13;`, since a parser would make a line feed of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from boxis_gateway.bounded_cache import BoundedCache
from boxis_gateway.form_api.renderers.columns import (
    NUMBER,
    Writer,
    escaped,
    may_need_escaping,
    row_writer,
)
from boxis_gateway.form_api.results import Failure, Params, Result, Rows

NAME = "xml"
CONTENT_TYPE = "text/xml; charset=UTF-8"

HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n<return>'
SUCCESS = f"{HEAD}<result>1</result><resulttxt>success</resulttxt>"
PLAIN = bytes(code for code in range(32, 127) if code not in b"&<>")
NO_XML_CHARACTER = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def render(result: Result, timestamp: int) -> Iterator[bytes]:
    """The envelope in pieces; see renderers/__init__.py."""
    tail = f"<timestamp>{timestamp}</timestamp></return>"
    if isinstance(result, Failure):
        return iter([f"{HEAD}{_failure(result)}{tail}".encode("latin-1")])
    if isinstance(result.payload, Rows):
        return _lists(result.payload, tail)
    return iter([f"{SUCCESS}{_params(result.payload)}{tail}".encode("latin-1")])


def _failure(failure: Failure) -> str:
    # `timestamperror` stands only where it is true: clients test the element for being there.
    mismatch = "<timestamperror>1</timestamperror>" if failure.clock_mismatch else ""
    description = escape(failure.description)
    return f"<result>0</result><resulttxt>error: {description}</resulttxt>{mismatch}"


def _params(params: Params) -> str:
    values = "".join(
        f"<{name}>{escape(str(value))}</{name}>" for name, value in params.values.items()
    )
    return f"<params>{values}</params>" if values else "<params/>"


def _lists(rows: Rows, tail: str) -> Iterator[bytes]:
    """The whole answer, one batch of rows a piece."""
    walks = [(name, rows.start()) for name in rows.names_for(NAME)]
    write, looked_at = _writer(rows.item, tuple(rows.fields)), may_need_escaping(rows)
    before = SUCCESS  # what goes in front of the next batch
    for name, batches in walks:
        number = 1
        for columns in batches:
            numbers = range(number, number + len(columns[0]))
            before += f"<{name}>" if number == 1 else ""
            text = write(numbers, *escaped(columns, looked_at, PLAIN, ESCAPES))
            yield (before + text).encode("latin-1")
            before, number = "", numbers.stop
        before += f"<{name}/>" if number == 1 else f"</{name}>"
    yield (before + tail).encode("latin-1")


@lru_cache(maxsize=256)
def _writer(item: str, fields: tuple[str, ...]) -> Writer:
    pieces: list[str | int] = [f"<{item}", NUMBER, ">"]
    for column, field in enumerate(fields):
        pieces += [f"<{field}>", column, f"</{field}>"]
    pieces += [] if fields else [0]
    return row_writer((*pieces, f"</{item}", NUMBER, ">"), "")


def escape(text: str) -> str:
    """Element content: characters that XML lacks dropped, the special ones escaped; in UTF-8, one
    character a byte. (One name with an emoji would make a text of four bytes a character of all the
    rows that it is written with.)"""
    kept = NO_XML_CHARACTER.sub("", text)
    for character, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("\r", "&#13;")):
        kept = kept.replace(character, entity)
    return kept.encode().decode("latin-1")


ESCAPES = BoundedCache(escape, max_size=1024)  # senders come again and again
