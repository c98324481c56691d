"""Rules for all import formats, and the golden of each sample."""

from __future__ import annotations

import json
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boxis_gateway.errors import ImportFailed
from boxis_gateway.importers import IMPORTERS, find_importer
from boxis_gateway.importers.reading.lines import (
    BadLine,
    GoodLine,
    Line,
    OtherLine,
    ReadOptions,
    ReportLine,
)
from boxis_gateway.importers.reading.source import Source
from boxis_gateway.zones import find_zone
from tests.support.importing import read_lines
from tests.support.paths import IMPORTS

SAMPLES = sorted(p for p in IMPORTS.glob("*") if p.suffix != ".golden")
OPTIONS = ReadOptions(find_zone("Europe/Warsaw"), sender="boxis.net")
BARE = ReadOptions(find_zone("Europe/Warsaw"))
TELLS_SENDERS = ("kannel", "csv", "jsonl")  # whose samples are read without one given
WHOLE_FILES = ("smsbackup",)  # which are no files of lines: damage ends the reading
ANSWERS = ("boxis", "telecomx")
"""Formats that are one document, which may be damaged as a whole, newest first."""


def read(name: str, content: bytes, options: ReadOptions = OPTIONS) -> list[Line]:
    return read_lines(name, content, options)


def read_sample(sample: Path) -> tuple[str, list[Line]]:
    """The format that the file is taken for, and what it holds."""
    with Source.open(sample) as source:
        importer = find_importer(None, source)
        options = BARE if importer.NAME in TELLS_SENDERS else OPTIONS
        return importer.NAME, list(importer.read(source, options))


def shown(line: Line) -> dict[str, Any]:
    if isinstance(line, GoodLine):
        message = {k: v for k, v in line.message._asdict().items() if v not in (None, "")}
        return {"line": line.number, "message": message}
    if isinstance(line, ReportLine):
        return {"line": line.number, "report": line.report._asdict()}
    return {"line": line.number, type(line).__name__: line[1]}


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.name)
def test_a_sample_matches_its_golden(sample: Path, pytestconfig: pytest.Config) -> None:
    name, lines = read_sample(sample)
    assert sample.name.startswith(name)
    found = "".join(json.dumps(shown(line), ensure_ascii=False) + "\n" for line in lines)
    golden = sample.with_name(sample.name + ".golden")
    if not golden.exists() and pytestconfig.getoption("--write-missing-answers"):
        golden.write_text(found)
    assert found == golden.read_text()


@pytest.mark.parametrize("name", IMPORTERS)
def test_a_format_has_a_sample(name: str) -> None:
    assert any(sample.name.startswith(name) for sample in SAMPLES)


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.name)
def test_reasons_quote_nothing_of_the_line(sample: Path) -> None:
    for line in read_sample(sample)[1]:
        if isinstance(line, BadLine):
            for secret in ("48514151563", "nobody", "yesterday", "flash", "lost", "later", "much"):
                assert secret not in line.reason


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.name)
def test_a_sample_is_of_one_format_only(sample: Path) -> None:
    head = Source(BytesIO(sample.read_bytes())).head()
    assert len([name for name, importer in IMPORTERS.items() if importer.matches(head)]) == 1


@pytest.mark.parametrize("name", [name for name in IMPORTERS if name not in WHOLE_FILES])
@given(st.data())
def test_no_line_makes_reading_fail(name: str, data: st.DataObject) -> None:
    sample = next(path for path in SAMPLES if path.match(f"{name}*[!b]"))
    first, *others = sample.read_bytes().splitlines()
    piece = st.one_of(
        st.binary(max_size=60),
        st.sampled_from(others).flatmap(
            lambda line: st.integers(0, len(line)).map(lambda n: line[:n] + line[n + 1 :])
        ),
    )
    lines = data.draw(st.lists(piece, max_size=8))
    header = [] if sample.suffix == ".log" else [first]
    try:
        found = read(name, b"\n".join([*header, *lines]))
    except ImportFailed:
        assert name in ANSWERS
        return
    assert all(isinstance(line, (GoodLine, ReportLine, BadLine, OtherLine)) for line in found)
    numbers = [line.number for line in found]
    assert name in ANSWERS or numbers == sorted(set(numbers))


@pytest.mark.parametrize(
    "content", [b"", b"\x00\x01", b"a,b\n1,2\n", b"SQLite format 3\x00", b"<a/>"]
)
def test_an_unknown_file_names_the_formats(content: bytes) -> None:
    with pytest.raises(ImportFailed, match="kannel, csv, jsonl"):
        find_importer(None, Source(BytesIO(content)))


def test_two_matches_are_an_error_that_names_both(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(IMPORTERS["csv"], "matches", lambda head: True)
    with pytest.raises(ImportFailed, match="csv or jsonl"):
        find_importer(None, Source(BytesIO(b'{"recipient": 1, "sender": 2, "date": 3}')))


@pytest.mark.parametrize(
    "first",
    ['{"texts": []}', "{}", "{", "[1]", '"text"', '{"recipient": "1", "sender": "2"}'],
)
def test_json_of_other_systems_is_not_taken_for_jsonl(first: str) -> None:
    with pytest.raises(ImportFailed, match="not recognised"):
        find_importer(None, Source(BytesIO(first.encode())))


@pytest.mark.parametrize("first", ["", "\ufeff", "\n \n"])
def test_jsonl_is_known_by_its_first_object(first: str) -> None:
    content = first + '{"Recipient": "48514151563", "sender": "s", "date": "2012-05-09 10:28"}\n'
    assert find_importer(None, Source(BytesIO(content.encode()))).NAME == "jsonl"


@pytest.mark.parametrize(
    ("header", "text"),
    [
        (b"recipient,sender\n", "no column date"),
        (b"", "no column"),
        (b"recipient,sender,date,date\n", "date twice"),
    ],
)
def test_a_csv_without_its_columns_is_refused_as_a_whole(header: bytes, text: str) -> None:
    with pytest.raises(ImportFailed, match=text):
        read("csv", header)


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_csv_may_be_divided_by_comma_semicolon_or_tab(delimiter: str) -> None:
    rows = [["date", "sender", "recipient"], ["2012-05-09 10:28", "boxis.net", "48514151563"]]
    content = "\r\n".join(delimiter.join(row) for row in rows).encode()
    (line,) = read("csv", content)
    assert isinstance(line, GoodLine)
    assert line.message.sent_at == "2012-05-09 08:28:00"


def test_a_quote_that_never_closes_costs_its_own_line_only() -> None:
    good = b"48514151563,s,2012-05-09 10:28:%02d,t\n"
    bad = b'48514151563,s,2012-05-09 10:28:00,"t\n'
    content = b"recipient,sender,date,text\n" + bad + b"".join(good % n for n in range(60))
    first, *others = read("csv", content)
    assert first == BadLine(2, "a quote is not closed")
    assert [line.number for line in others] == list(range(3, 63))
    assert all(isinstance(line, GoodLine) for line in others)


def test_the_account_fields_of_kannel_are_handed_on() -> None:
    content = (IMPORTS / "kannel-sample.log").read_bytes()
    for field, key in (("ACT", "acct1"), ("BINF", "cust42")):
        options = ReadOptions(find_zone("UTC"), field)
        keys = [line.account_key for line in read("kannel", content, options) if len(line) == 3]
        assert keys.count(key) == 3
        assert keys.count("") == 10


@pytest.mark.parametrize("width", range(3, 13))
def test_an_open_quote_costs_its_own_line_whatever_the_columns(width: int) -> None:
    names = ["recipient", "sender", "date", "text", *(f"x{n}" for n in range(20))][:width]
    if width == 3:
        names = ["text", "recipient", "date", "sender"]
    values = {"recipient": "48514151563", "sender": "s", "date": "2012-05-09 10:00", "text": "t"}
    good = ",".join(values.get(name, "") for name in names)
    bad, quoted = good.replace(",t", ',"t', 1), good.replace(",t", ',"y"', 1)
    if width == 3:
        bad, quoted = '"' + good, '"y"' + good[1:]
    lines = [",".join(names), bad, *[good] * 44, quoted, good]
    first, *others = read("csv", "\n".join(lines).encode())
    assert first == BadLine(2, "a quote is not closed")
    assert [line.number for line in others] == list(range(3, 49))
    assert all(isinstance(line, GoodLine) for line in others)


@pytest.mark.parametrize(
    "parts", ["0" * 5 + "1" * 30, "1" + "0" * 5000, "00000170000", "256", "-1"]
)
def test_parts_are_bounded_however_they_are_written(parts: str) -> None:
    content = f"recipient,sender,date,parts\n48514151563,s,2012-05-09 10:00,{parts}\n"
    assert read("csv", content.encode()) == [BadLine(2, "parts is not a number from 1 to 255")]


HEAD = (
    "2026-11-21 23:30:04 {} [SMSC:f] [SVC:t] [ACT:] [BINF:] [FID:] [META:] [from:b] "
    "[to:+48514151563] [flags:-1:{}:-1:-1:31] [msg:2:hi] [udh:{}:]"
)


@pytest.mark.parametrize(
    ("coding", "header"),
    [("0", "134"), ("0", "140"), ("0", "9" * 5000), ("9" * 5000, "0"), ("0", "121"), ("1", "133")],
)
def test_a_kannel_line_of_absurd_numbers_is_a_bad_line(coding: str, header: str) -> None:
    (line,) = read("kannel", HEAD.format("Sent SMS", coding, header).encode())
    assert isinstance(line, BadLine)


@pytest.mark.parametrize("field", ["from:b", "to:+48514151563"])
def test_a_kannel_line_with_an_address_without_end_is_a_bad_line(field: str) -> None:
    long = HEAD.replace(field, f"{field.partition(':')[0]}:{'x' * 65}")
    line = BadLine(1, "an address is longer than 64 characters")
    assert read("kannel", long.format("Sent SMS", "0", "0").encode()) == [line]


def test_an_event_that_kannel_words_otherwise_is_passed_over() -> None:
    content = HEAD.format("REJECTED - not white-listed SMS", "0", "0").encode()
    assert read("kannel", content) == [OtherLine(1, "other event")]


def test_every_line_of_a_log_has_its_time() -> None:
    """Around the repeated hour in Warsaw the sent messages are few; the other lines help."""
    line = HEAD.replace("2026-11-21 23:30:04", "2026-10-25 {}")
    events = [
        ("02:10:00", "Sent SMS"),
        ("02:59:00", "Receive SMS"),
        ("02:05:00", "Receive DLR"),
        ("02:40:00", "Sent SMS"),
    ]
    content = "\n".join(line.format(clock, event, "0", "0") for clock, event in events)
    sent = [found for found in read("kannel", content.encode()) if isinstance(found, GoodLine)]
    assert [found.message.sent_at[11:] for found in sent] == ["00:10:00", "01:40:00"]


def test_a_bare_carriage_return_in_the_first_line_is_no_fault() -> None:
    with pytest.raises(ImportFailed, match="not recognised"):
        find_importer(None, Source(BytesIO(b"recipient\rsender,date\r1,2,3\r")))


def test_years_are_bounded_in_utc() -> None:
    content = b"recipient,sender,date\n48514151563,s,1970-01-01T00:00:00+05:00\n"
    assert read("csv", content) == [BadLine(2, "date: the year is not from 1970 to 2261")]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("csv", b"recipient,date\n48514151563,2012-05-09 10:00\n"),
        ("csv", b"recipient,sender,date\n48514151563,,2012-05-09 10:00\n"),
        ("jsonl", b'{"recipient": "48514151563", "date": "2012-05-09 10:00"}\n'),
        ("kannel", HEAD.format("Sent SMS", "0", "0").replace("[from:b]", "[from:]").encode()),
    ],
)
def test_a_default_sender_fills_in_a_missing_one(name: str, content: bytes) -> None:
    (line,) = read(name, content, ReadOptions(find_zone("UTC"), sender="boxis.net"))
    assert isinstance(line, GoodLine)
    assert line.message.sender == "boxis.net"


def test_a_sender_that_the_source_has_is_kept() -> None:
    content = b"recipient,sender,date\n48514151563,s,2012-05-09 10:00\n"
    (line,) = read("csv", content, ReadOptions(find_zone("UTC"), sender="boxis.net"))
    assert isinstance(line, GoodLine)
    assert line.message.sender == "s"
