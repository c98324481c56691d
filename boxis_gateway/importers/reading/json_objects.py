"""JSON objects of single lines, with numbers as text."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

from boxis_gateway.importers.reading.lines import LineError

_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


def parse_object(line: bytes) -> dict[str, Any]:
    """Parse a line; numbers stay as they are spelled. Raises LineError."""
    try:
        value = json.loads(line.decode("utf-8-sig"), parse_int=str, parse_float=str)
    except (ValueError, RecursionError):
        raise LineError("not JSON in UTF-8") from None
    if not isinstance(value, dict):
        raise LineError("not a JSON object")
    return value


def first_object(head: bytes) -> dict[str, Any]:
    """Parse the first line that is not blank; {} if it is no object."""
    try:
        return parse_object(head.removeprefix(b"\xef\xbb\xbf").lstrip().split(b"\n", 1)[0])
    except LineError:
        return {}


def require_texts(values: Iterable[Any]) -> None:
    """Raise LineError if a value is no text, or one that UTF-8 cannot encode."""
    for value in values:
        if not isinstance(value, str):
            raise LineError("a value is neither a text nor a number")
        if _LONE_SURROGATE.search(value):
            raise LineError("a text has a lone surrogate")
