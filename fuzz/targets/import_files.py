"""Importers of files.

Input: the name of a format on the first line, then the file. Only ImportFailed is raised. CSV
records are the same parsed as a block or one by one, JSON values in whatever pieces they arrive.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from io import BytesIO
from typing import Any
from zlib import crc32

from boxis_gateway.errors import ImportFailed
from boxis_gateway.importers import IMPORTERS
from boxis_gateway.importers.reading import csv_records
from boxis_gateway.importers.reading.json_walk import NotJson, walk
from boxis_gateway.importers.reading.lines import ReadOptions
from boxis_gateway.importers.reading.source import Source
from boxis_gateway.zones import find_zone
from fuzz.messages import check_lines
from tests.support.paths import PROJECT

WORDS = (*IMPORTERS, '"', '""', ",", ";", "\t", "\r\n", "{", "}", "\\ud800", "null", "&#65;", "<")
OPTIONS = ReadOptions(find_zone("Europe/Warsaw"), sender="boxis.net")
SAMPLES = PROJECT / "tests/imports"
OPENED = {(), ("params",), ("params", "senders"), ("messages",)}
LONGEST = 4000  # octets of a sample


def seeds() -> Iterator[bytes]:
    """Yield the start of each text sample."""
    for sample in sorted(SAMPLES.glob("*")):
        if sample.suffix not in (".golden", ".db"):
            name = sample.name.partition("-")[0]
            yield name.encode() + b"\n" + sample.read_bytes()[:LONGEST]


def check(octets: bytes) -> None:
    """Check the properties above."""
    name, _, content = octets.partition(b"\n")
    importer = IMPORTERS.get(name.decode("latin-1"))
    if importer is None:
        return
    source = Source(BytesIO(content))
    importer.matches(source.head())
    with suppress(ImportFailed):
        check_lines(importer.read(source, OPTIONS))
    _check_records(content)
    middle = crc32(content) % (len(content) + 1)
    assert _walked([content]) == _walked([content[:middle], content[middle:]])


def _check_records(content: bytes) -> None:
    lines = content.splitlines(keepends=True)[: csv_records.BLOCK]
    block = csv_records._parse_block(deque(lines), ",")
    if block:
        width = len(block[0][0])
        assert block == list(csv_records._parse_each(deque(lines), iter(()), ",", width))


def _walked(pieces: list[bytes]) -> list[Any]:
    values: list[Any] = []
    try:
        values.extend(walk(pieces, OPENED))
    except NotJson:
        return ["no JSON"]  # after as many values as came in whole pieces
    return values
