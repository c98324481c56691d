"""Records of CSV: cells divided by comma, semicolon or tab, in UTF-8.

One unclosed quote does not swallow the rest of the file: where a record does not end well within
MOST_LINES lines, its first line alone is bad, and reading goes on with the next. Most files have a
record on each line: BLOCK lines where that is so are read in one go, any others with this care.
"""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterator
from itertools import islice

DELIMITERS = ",;\t"
BLOCK = 200  # lines
MOST_LINES = 50  # of one record: a text may have line feeds
MOST_OCTETS = 1_048_576  # of a record of an export

Cells = list[str] | str
"""The cells of a record, or what is wrong with it."""


def split_header(line: str) -> tuple[str, list[str]]:
    """The delimiter, and the names of the columns as they stand there."""
    delimiter = max(DELIMITERS, key=line.count)
    try:
        cells = next(csv.reader([line.rstrip("\r\n")], delimiter=delimiter), [])
    except csv.Error:
        cells = []
    return delimiter, cells


def records(source: Iterator[bytes], delimiter: str, width: int) -> Iterator[tuple[int, Cells]]:
    """Line number and cells of each record, or what is wrong with it. The header was line 1."""
    number = 2
    while block := deque(islice(source, BLOCK)):
        found = _one_a_line(block, delimiter) or _with_care(block, source, delimiter, width)
        for cells, lines in found:
            yield number, cells
            number += lines


def exported_records(
    lines: Iterator[bytes], delimiter: str, width: int
) -> Iterator[tuple[int, Cells]]:
    """As `records`, of an export of ours, which has quotes around cells only: a record ends where
    as many quotes are closed as were opened, if that is within MOST_OCTETS."""
    waiting: deque[bytes] = deque()
    number = 2
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
            yield number, "a quote is not closed"
            number += 1
        else:
            yield number, _cells(record, delimiter) or []
            number += len(record)


def _one_a_line(block: deque[bytes], delimiter: str) -> list[tuple[Cells, int]]:
    """The cells of each line, and that it is one line; nothing if not all lines are good records.

    No record takes less than a line: where there are as many of both, there is one on each."""
    try:
        rows = list(csv.reader(map(bytes.decode, block), delimiter=delimiter, strict=True))
    except (csv.Error, UnicodeDecodeError):
        return []
    return [(cells, 1) for cells in rows] if len(rows) == len(block) else []


def _with_care(
    waiting: deque[bytes], source: Iterator[bytes], delimiter: str, width: int
) -> Iterator[tuple[Cells, int]]:
    """The cells of each record that begins in `waiting`, and how many lines it takes; those behind
    `waiting` come from `source`."""

    def following() -> bytes:
        return waiting.popleft() if waiting else next(source, b"")

    while waiting:
        record = [following()]
        cells = _cells(record, delimiter)
        while cells is None and len(record) < MOST_LINES and (ahead := following()):
            record.append(ahead)
            cells = _cells(record, delimiter)
        bad = isinstance(cells, str) or (cells is not None and len(cells) != width)
        if cells is None or (bad and len(record) > 1):
            cells = "a quote is not closed"
            waiting.extendleft(reversed(record[1:]))
            del record[1:]
        yield cells, len(record)


def _cells(record: list[bytes], delimiter: str) -> Cells | None:
    """The cells of a record; None if it goes on in the next line; a text if it is bad."""
    try:
        text = b"".join(record).decode()
    except UnicodeDecodeError:
        return "not UTF-8"
    try:
        rows = list(csv.reader([text.rstrip("\r\n")], delimiter=delimiter, strict=True))
    except csv.Error as problem:
        return None if "unexpected end of data" in str(problem) else "not CSV"
    return rows[0] if rows else []
