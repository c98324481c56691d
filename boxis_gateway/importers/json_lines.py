"""`jsonl`: one JSON object a line, in UTF-8; keys are CSV columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

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
from boxis_gateway.importers.reading.json_objects import first_object, parse_object, require_texts
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


def matches(head: bytes) -> bool:
    """Return True if the first object has the required columns."""
    return set(REQUIRED) <= {column_name(key) for key in first_object(head)}


def read(source: Source, options: ReadOptions) -> Iterator[Line]:
    """Yield the lines, see Importer.read."""
    for number, raw in enumerate(source.lines(), 1):
        if raw.strip():
            yield _line(number, raw, options)


def _line(number: int, raw: bytes, options: ReadOptions) -> Line:
    try:
        columns = parse_object(raw)
        pairs = [(column_name(name), value) for name, value in columns.items() if value is not None]
        filled = dict(pairs)
        if len(filled) < len(pairs):
            raise LineError("two keys name the same column")
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
    """Convert an object; one with all keys of an export, even if null, is from an export."""
    if filled.keys().isdisjoint(STORED):
        return from_columns([filled.get(name) for name in COLUMNS], zone)
    convert = from_export if columns.keys() >= EXPORT_COLUMNS.keys() else from_all_columns
    return convert([filled.get(name) for name in ALL_COLUMNS], zone)
