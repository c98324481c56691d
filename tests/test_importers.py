"""What every import format must do, and what each makes of its samples.

tests/imports holds samples: `kannel-sample.log` was written by Kannel 1.4.5, the others are made
up of what goes wrong. Beside each stands what it holds, a line of JSON for each line, written by
`pytest --write-missing-answers`, which overwrites none.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boxis_gateway.errors import ImportFailed
from boxis_gateway.importers import IMPORTERS, find_importer
from boxis_gateway.importers.lines import BadLine, GoodLine, Line, OtherLine, ReadOptions
from boxis_gateway.zones import find_zone

SAMPLES = sorted(p for p in Path(__file__).parent.glob("imports/*") if p.suffix != ".golden")
OPTIONS = ReadOptions(find_zone("Europe/Warsaw"))


def read(name: str, content: bytes, options: ReadOptions = OPTIONS) -> list[Line]:
    return list(IMPORTERS[name].read(content.splitlines(keepends=True), options))


def shown(line: Line) -> dict[str, Any]:
    if isinstance(line, GoodLine):
        message = {k: v for k, v in line.message._asdict().items() if v not in (None, "")}
        return {"line": line.number, "message": message}
    return {"line": line.number, type(line).__name__: line[1]}


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.name)
def test_a_sample_holds_what_stands_beside_it(sample: Path, pytestconfig: pytest.Config) -> None:
    content = sample.read_bytes()
    importer = find_importer(None, content)
    assert sample.name.startswith(importer.NAME)
    found = "".join(
        json.dumps(shown(line), ensure_ascii=False) + "\n" for line in read(importer.NAME, content)
    )
    golden = sample.with_name(sample.name + ".golden")
    if not golden.exists() and pytestconfig.getoption("--write-missing-answers"):
        golden.write_text(found)
    assert found == golden.read_text()


@pytest.mark.parametrize("name", IMPORTERS)
def test_a_format_has_a_sample(name: str) -> None:
    assert any(sample.name.startswith(name) for sample in SAMPLES)


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.name)
def test_reasons_quote_nothing_of_the_line(sample: Path) -> None:
    content = sample.read_bytes()
    for line in read(find_importer(None, content).NAME, content):
        if isinstance(line, BadLine):
            for secret in ("48514151563", "nobody", "yesterday", "flash", "lost", "later"):
                assert secret not in line.reason


@pytest.mark.parametrize("name", IMPORTERS)
@given(st.data())
def test_no_line_makes_reading_fail(name: str, data: st.DataObject) -> None:
    header = b"recipient,sender,date,text\n" if name == "csv" else b""
    sample = next(path for path in SAMPLES if path.name.startswith(name)).read_bytes()
    piece = st.one_of(
        st.binary(max_size=60),
        st.sampled_from(sample.splitlines()[1:]).flatmap(
            lambda line: st.integers(0, len(line)).map(lambda n: line[:n] + line[n + 1 :])
        ),
    )
    lines = data.draw(st.lists(piece, max_size=8))
    found = read(name, header + b"\n".join(lines))
    assert all(isinstance(line, (GoodLine, BadLine, OtherLine)) for line in found)
    numbers = [line.number for line in found]
    assert numbers == sorted(set(numbers))


@pytest.mark.parametrize(
    "content", [b"", b"\x00\x01", b"a,b\n1,2\n", b"SQLite format 3\x00", b"<a/>"]
)
def test_an_unknown_file_names_the_formats(content: bytes) -> None:
    with pytest.raises(ImportFailed, match="kannel, csv, jsonl"):
        find_importer(None, content)


def test_two_matches_are_an_error_that_names_both(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(IMPORTERS["csv"], "matches", lambda head: True)
    with pytest.raises(ImportFailed, match="csv and jsonl"):
        find_importer(None, b"{}")


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
    content = (Path(__file__).parent / "imports/kannel-sample.log").read_bytes()
    for field, key in (("ACT", "acct1"), ("BINF", "cust42")):
        options = ReadOptions(find_zone("UTC"), field)
        keys = [line.account_key for line in read("kannel", content, options) if len(line) == 3]
        assert keys.count(key) == 3
        assert keys.count("") == 10
