"""Importer of Kannel's log: each line has a result, whatever is around it."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO

from boxis_gateway.importers import kannel_log
from boxis_gateway.importers.reading.lines import Line, ReadOptions
from boxis_gateway.importers.reading.source import Source
from boxis_gateway.zones import find_zone
from fuzz.messages import check_lines
from tests.support.paths import PROJECT

WORDS = (
    *(f"] [{name}:" for name in ("SMSC", "SVC", "ACT", "BINF", "FID", "META", "from", "to")),
    "] [flags:-1:0:-1:-1:31",
    "] [msg:4:",
    "] [udh:0:]",
    "Sent SMS [SMSC:",
    "Receive DLR [SMSC:",
    "2012-05-09 10:28:00 ",
    "Log begins",
)
OPTIONS = ReadOptions(find_zone("Europe/Warsaw"), account_field="ACT")
SAMPLES = PROJECT / "tests/imports"


def seeds() -> Iterator[bytes]:
    """Yield the lines of the samples."""
    for sample in sorted(SAMPLES.glob("kannel-*.log")):
        yield from sample.read_bytes().splitlines(keepends=True)


def check(octets: bytes) -> None:
    """Check the properties above."""
    lines = check_lines(read(octets))
    assert [line.number for line in lines] == list(range(1, len(list(BytesIO(octets))) + 1))
    alone = [type(line) for raw in BytesIO(octets) for line in read(raw)]
    assert [type(line) for line in lines] == alone


def read(octets: bytes) -> list[Line]:
    """Import a file of these octets."""
    return list(kannel_log.read(Source(BytesIO(octets)), OPTIONS))
