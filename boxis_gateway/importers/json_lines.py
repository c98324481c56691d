"""`jsonl`: one JSON object a line, in UTF-8; its keys are the columns of the CSV format."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from boxis_gateway.export_columns import EXPORT_COLUMNS
from boxis_gateway.importers.reading.columns import (
    ACCOUNT,
    ALL_COLUMNS,
    COLUMNS,
    REQUIRED,
    STORED,
    column_name,
    from_all_columns,
    from_columns,
    from_export,
)
from boxis_gateway.importers.reading.lines import BadLine, GoodLine, Line, LineError, ReadOptions
from boxis_gateway.importers.reading.source import Source
from boxis_gateway.model import NewMessage
from boxis_gateway.zones import Zone

NAME = "jsonl"
ACCOUNT_FIELDS = (ACCOUNT,)
URL_SCHEMES = ()
LOCAL_TIMES = False
WORDS = {True: "true", False: "false"}
FLAGS = ("flash", "fast")
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


def matches(head: bytes) -> bool:
    """A first object that has the required columns among its keys."""
    return set(REQUIRED) <= {column_name(key) for key in first_object(head)}


def read(source: Source, options: ReadOptions) -> Iterator[Line]:
    """See importers/__init__.py."""
    for number, raw in enumerate(source.lines(), 1):
        if raw.strip():
            yield _line(number, raw, options)


def first_object(head: bytes) -> dict[str, Any]:
    """The object of the first line that is not blank; empty if it is none."""
    try:
        return object_of(head.removeprefix(b"\xef\xbb\xbf").lstrip().split(b"\n", 1)[0])
    except LineError:
        return {}


def object_of(raw: bytes) -> dict[str, Any]:
    """The object of a line, with numbers as the texts that stand there. Raises LineError."""
    try:
        found = json.loads(raw.decode("utf-8-sig"), parse_int=str, parse_float=str)
    except (ValueError, RecursionError):
        raise LineError("not JSON in UTF-8") from None
    if not isinstance(found, dict):
        raise LineError("not a JSON object")
    return found


def require_texts(values: Iterable[Any]) -> None:
    """Raise LineError if one is no text (see `object_of`), or one that no UTF-8 can hold."""
    for value in values:
        if not isinstance(value, str):
            raise LineError("a value is neither a text nor a number")
        if _LONE_SURROGATE.search(value):
            raise LineError("a text has half of a surrogate pair")


def _line(number: int, raw: bytes, options: ReadOptions) -> Line:
    try:
        columns = object_of(raw)
        given = [(column_name(name), value) for name, value in columns.items() if value is not None]
        filled = dict(given)
        if len(filled) < len(given):
            raise LineError("two keys are the same column")
        for name in FLAGS:
            if isinstance(filled.get(name), bool):
                filled[name] = WORDS[filled[name]]
        require_texts(filled.values())
        if options.sender and not filled.get("sender"):
            filled["sender"] = options.sender
        key = filled.get(ACCOUNT, "") if options.account_field else ""
        return GoodLine(number, _message(columns, filled, options.zone), key)
    except LineError as problem:
        return BadLine(number, str(problem))


def _message(columns: Mapping[str, object], filled: Mapping[str, str], zone: Zone) -> NewMessage:
    """Of an object that has all that an export has, be it null; or of any other."""
    if filled.keys().isdisjoint(STORED):
        return from_columns([filled.get(name) for name in COLUMNS], zone)
    of = from_export if columns.keys() >= EXPORT_COLUMNS.keys() else from_all_columns
    return of([filled.get(name) for name in ALL_COLUMNS], zone)
