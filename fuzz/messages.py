"""Properties of the lines that any importer yields."""

from __future__ import annotations

import re
from collections.abc import Iterable

from boxis_gateway.importers.reading.lines import BadLine, GoodLine, Line
from boxis_gateway.model import NewMessage

INSTANT = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d{3})?", re.ASCII)
INTEGERS = range(-(2**63), 2**63)  # SQLite's


def check_lines(lines: Iterable[Line]) -> list[Line]:
    """Check and return the lines: messages can be stored, reasons are short texts."""
    checked = list(lines)
    for line in checked:
        assert line.number >= 1
        if isinstance(line, GoodLine):
            check_message(line.message)
            line.account_key.encode()
        elif isinstance(line, BadLine):
            assert line.reason.isprintable()
            assert len(line.reason) < 150
    return checked


def check_message(message: NewMessage) -> None:
    """Check that the store can hold the message."""
    assert message.recipient
    assert message.parts >= 1
    assert INSTANT.fullmatch(message.sent_at), message.sent_at
    for value in message:
        if isinstance(value, str):
            value.encode()
        elif isinstance(value, int):
            assert value in INTEGERS
