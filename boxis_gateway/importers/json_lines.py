"""`jsonl`: one JSON object a line, in UTF-8; its keys are the columns of the CSV format."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from boxis_gateway.importers.columns import ACCOUNT, column_name, to_message
from boxis_gateway.importers.lines import BadLine, GoodLine, Line, ReadOptions, Unusable
from boxis_gateway.importers.source import Source

NAME = "jsonl"
ACCOUNT_FIELDS = (ACCOUNT,)
URL_SCHEMES = ()
LOCAL_TIMES = False
WORDS = {True: "true", False: "false"}
FLAGS = ("flash", "fast")
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


def matches(head: bytes) -> bool:
    """A first line that begins like an object."""
    return head.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"{")


def read(source: Source, options: ReadOptions) -> Iterator[Line]:
    """See importers/__init__.py."""
    for number, raw in enumerate(source.lines(), 1):
        if raw.strip():
            yield _line(number, raw, options)


def _line(number: int, raw: bytes, options: ReadOptions) -> Line:
    try:
        columns = json.loads(raw.decode("utf-8-sig"), parse_int=str, parse_float=str)
    except (ValueError, RecursionError):
        return BadLine(number, "not JSON in UTF-8")
    if not isinstance(columns, dict):
        return BadLine(number, "not a JSON object")
    given = [(column_name(name), value) for name, value in columns.items() if value is not None]
    filled = dict(given)
    for name in FLAGS:
        if isinstance(filled.get(name), bool):
            filled[name] = WORDS[filled[name]]
    wrong = [name for name, value in filled.items() if not isinstance(value, str)]
    try:
        if len(filled) < len(given):
            raise Unusable("two keys are the same column")
        if wrong:
            raise Unusable("a value is neither a text nor a number")
        if any(_LONE_SURROGATE.search(value) for value in filled.values()):
            raise Unusable("a text has half of a surrogate pair")
        key = filled.get(ACCOUNT, "") if options.account_field else ""
        return GoodLine(number, to_message(filled, options.zone), key)
    except Unusable as problem:
        return BadLine(number, str(problem))
