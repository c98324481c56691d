"""All formats of files: the name of a format on the first line, then the file.

Nothing but ImportFailed is raised. What is read of CSV in one go is what is read with care, and
what is read of JSON is the same in whatever pieces it comes.
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
    """The samples that are texts, each by its beginning."""
    for sample in sorted(SAMPLES.glob("*")):
        if sample.suffix not in (".golden", ".db"):
            name = sample.name.partition("-")[0]
            yield name.encode() + b"\n" + sample.read_bytes()[:LONGEST]


def check(octets: bytes) -> None:
    """See above."""
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
    at_once = csv_records._parse_block(deque(lines), ",")
    if at_once:
        width = len(at_once[0][0])
        assert at_once == list(csv_records._parse_each(deque(lines), iter(()), ",", width))


def _walked(pieces: list[bytes]) -> list[Any]:
    found: list[Any] = []
    try:
        found.extend(walk(pieces, OPENED))
    except NotJson:
        return ["no JSON"]  # behind as many values as came in whole pieces
    return found
