"""`returntype=json` (protocol page, section 4).

Payloads are inside `params`; `result` is a string, `timestamp` a number; failures begin `Error: `;
an empty list is `[]`. The text is ASCII, with other characters as `\\uXXXX`.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from json.encoder import encode_basestring_ascii

from boxis_gateway.bounded_cache import BoundedCache
from boxis_gateway.form_api.renderers.columns import (
    ROW_NUMBER,
    Writer,
    escaped,
    may_need_escaping,
    row_writer,
)
from boxis_gateway.form_api.results import Failure, OpenRows, Params, Result

NAME = "json"
CONTENT_TYPE = "application/json"
PLAIN = bytes(code for code in range(32, 127) if code not in b'"\\')
SUCCESS = '{"result":"1","resulttxt":"success","params":'


def render(result: Result, timestamp: int) -> Iterator[bytes]:
    """Render the envelope in pieces; see renderers/__init__.py."""
    tail = f',"timestamp":{timestamp}}}'
    if isinstance(result, Failure):
        return iter([f"{{{_failure(result)}{tail}".encode()])
    if isinstance(result.payload, OpenRows):
        return _lists(result.payload, tail)
    assert isinstance(result.payload, Params)
    return iter([f"{SUCCESS}{_params(result.payload)}{tail}".encode()])


def _failure(failure: Failure) -> str:
    # `timestamperror` stands only if it is true, as clients test for the key.
    mismatch = ',"timestamperror":"1"' if failure.clock_mismatch else ""
    return f'"result":"0","resulttxt":"Error: {escape(failure.description)}"{mismatch}'


def _params(params: Params) -> str:
    values = ",".join(
        f'"{name}":{value}' if isinstance(value, int) else f'"{name}":"{escape(value)}"'
        for name, value in params.values.items()
    )
    return f"{{{values}}}" if values else "[]"


def _lists(opened: OpenRows, tail: str) -> Iterator[bytes]:
    """Render the whole answer, one piece per batch of rows."""
    rows = opened.rows
    write, checked = _writer(rows.item, tuple(rows.fields)), may_need_escaping(rows)
    before, comma = SUCCESS + "{", ""  # text before the next batch
    for name, batches in opened.containers:
        before += f'{comma}"{name}":'
        number = 1
        for columns in batches:
            numbers = range(number, number + len(columns[0]))
            before += "{" if number == 1 else ","
            text = write(numbers, *escaped(columns, checked, PLAIN, ESCAPES))
            yield (before + text).encode()
            before, number = "", numbers.stop
        before += "[]" if number == 1 else "}"
        comma = ","
    yield (before + "}" + tail).encode()


@lru_cache(maxsize=256)
def _writer(item: str, fields: tuple[str, ...]) -> Writer:
    # Numbers are strings too: "parts":"1".
    pieces: list[str | int] = [f'"{item}', ROW_NUMBER, '":' if fields else '":"']
    for column, field in enumerate(fields):
        pieces += [f'{"," if column else "{"}"{field}":"', column, '"']
    return row_writer((*pieces, *(["}"] if fields else [0, '"'])), ",")


def escape(text: str) -> str:
    """The inside of a JSON string."""
    return encode_basestring_ascii(text)[1:-1]


ESCAPES = BoundedCache(escape, max_size=1024)  # senders repeat
