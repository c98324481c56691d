"""CSV records in UTF-8: cells divided by comma, semicolon or tab.

An unclosed quote does not swallow the rest of the file: if a record does not end within MOST_LINES
lines, only its first line is bad, and reading continues with the next. Most files have a record on
each line: blocks of BLOCK such lines are parsed at once, all others record by record.
"""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from boxis_gateway.errors import ImportFailed

DELIMITERS = ",;\t"
BLOCK = 200  # lines
MOST_LINES = 50  # of a record: a text may contain line feeds
MOST_OCTETS = 1_048_576  # of a record, and about of a block

Cells = list[str] | str
"""Cells of a record, or the reason why it is bad."""


def parse_header(line: bytes) -> tuple[str, list[str]]:
    """Return the delimiter and the column names."""
    text = line.decode("utf-8-sig", "replace")
    delimiter = max(DELIMITERS, key=text.count)
    try:
        names = next(csv.reader([text.rstrip("\r\n")], delimiter=delimiter), [])
    except csv.Error:
        names = []
    return delimiter, names


def require_columns(names: Sequence[str], required: Iterable[str]) -> None:
    """Raise ImportFailed unless the lower-case names have each required column exactly once."""
    if missing := [column for column in required if names.count(column.lower()) != 1]:
        raise ImportFailed(f"The CSV header must name {', '.join(missing)} exactly once.")


def read_records(
    lines: Iterator[bytes], delimiter: str, width: int, *, is_export: bool = False
) -> Iterator[tuple[int, Cells]]:
    """Yield line number and cells of each record after the header, which is line 1.

    Records of another `width` are bad, blank lines are skipped."""
    number = 2
    parse = _parse_export if is_export else _parse_blocks
    for cells, count in parse(lines, delimiter, width):
        if len(cells) == width or isinstance(cells, str):
            yield number, cells
        elif cells:
            yield number, f"{len(cells)} cells where the header has {width}"
        number += count


def _parse_export(
    lines: Iterator[bytes], delimiter: str, width: int
) -> Iterator[tuple[Cells, int]]:
    """Parse our own export, which has quotes around cells only: a record ends where the quotes are
    balanced, within MOST_OCTETS."""
    waiting: deque[bytes] = deque()
    while first := waiting.popleft() if waiting else next(lines, b""):
        record, octets, is_open = [first], len(first), first.count(b'"') % 2
        while is_open and octets < MOST_OCTETS:
            following = waiting.popleft() if waiting else next(lines, b"")
            if not following:
                break
            record.append(following)
            octets += len(following)
            is_open ^= following.count(b'"') % 2
        if is_open:
            waiting.extendleft(reversed(record[1:]))
            yield "a quote is not closed", 1
        else:
            yield _parse_record(record, delimiter) or [], len(record)


def _parse_blocks(
    lines: Iterator[bytes], delimiter: str, width: int
) -> Iterator[tuple[Cells, int]]:
    """Parse records, block by block."""
    while block := _take_block(lines):
        yield from _parse_block(block, delimiter) or _parse_each(block, lines, delimiter, width)


def _take_block(lines: Iterator[bytes]) -> deque[bytes]:
    """Up to BLOCK lines; fewer if they are long, as memory holds them several times."""
    block: deque[bytes] = deque()
    octets = 0
    for line in islice(lines, BLOCK):
        block.append(line)
        octets += len(line)
        if octets > MOST_OCTETS:
            break
    return block


def _parse_block(block: deque[bytes], delimiter: str) -> list[tuple[Cells, int]]:
    """Parse lines that are one record each, as pairs of cells and 1; [] if they are not.

    No record takes less than a line: with as many records as lines, each line is a record."""
    try:
        rows = list(csv.reader(map(bytes.decode, block), delimiter=delimiter, strict=True))
    except (csv.Error, UnicodeDecodeError):
        return []
    return [(cells, 1) for cells in rows] if len(rows) == len(block) else []


def _parse_each(
    waiting: deque[bytes], lines: Iterator[bytes], delimiter: str, width: int
) -> Iterator[tuple[Cells, int]]:
    """Parse each record that begins in `waiting`, and may go on in `lines`; yield its cells and its
    number of lines."""

    def following() -> bytes:
        return waiting.popleft() if waiting else next(lines, b"")

    while waiting:
        record = [following()]
        cells, octets = _parse_record(record, delimiter), len(record[0])
        while (
            cells is None
            and len(record) < MOST_LINES
            and octets < MOST_OCTETS
            and (ahead := following())
        ):
            record.append(ahead)
            octets += len(ahead)
            cells = _parse_record(record, delimiter)
        bad = isinstance(cells, str) or (cells is not None and len(cells) != width)
        if cells is None or (bad and len(record) > 1):
            cells = "a quote is not closed"
            waiting.extendleft(reversed(record[1:]))
            del record[1:]
        yield cells, len(record)


def _parse_record(record: list[bytes], delimiter: str) -> Cells | None:
    """Parse a record: its cells, a reason if it is bad, None if it goes on in the next line."""
    try:
        text = b"".join(record).decode()
    except UnicodeDecodeError:
        return "not UTF-8"
    try:
        rows = list(csv.reader([text.rstrip("\r\n")], delimiter=delimiter, strict=True))
    except csv.Error as problem:
        return None if "unexpected end of data" in str(problem) else "not CSV"
    return rows[0] if rows else []
