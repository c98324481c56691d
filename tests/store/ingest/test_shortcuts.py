"""Shortcuts of importers and store give the same as the full way."""

from __future__ import annotations

import re
import tempfile
from collections import deque
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from boxis_gateway.importers import csv_table, kannel_log
from boxis_gateway.importers.reading import csv_records
from boxis_gateway.importers.reading.dates import parse_date, parse_date_uncached
from boxis_gateway.importers.reading.lines import LineError, ReadOptions
from boxis_gateway.importers.reading.source import Source
from boxis_gateway.importing import fingerprint
from boxis_gateway.model import NewMessage, Status
from boxis_gateway.sms.gsm0338 import is_gsm, septets
from boxis_gateway.sms.numbers import to_e164
from boxis_gateway.sms.segments import Alphabet, count_parts
from boxis_gateway.store.ingest import duplicates
from boxis_gateway.zones import find_zone
from tests.support.engines import examples
from tests.support.example_account import NOW
from tests.support.stores import Stores

CHANGES = {
    "UTC": "2012-05-09 10:28",
    "Europe/Warsaw": "2026-10-25 01:00",
    "America/New_York": "2026-03-08 07:00",
    "Australia/Lord_Howe": "2026-04-04 15:00",  # by half an hour
    "Asia/Kathmandu": "1985-12-31 18:30",  # since then off by 45 minutes
    "Africa/Monrovia": "1972-01-07 00:44:30",  # an offset with seconds until then
    "Pacific/Apia": "2011-12-30 10:00",  # a skipped day
    "Africa/Casablanca": "2026-02-15 02:00",
}
"""Zones, and an instant in UTC at which something happens to their clocks, if anything does."""

FORMS = [
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%dT%H:%M:%S",
    "%Y-%m-%d %H:%M",
    "%Y-%m-%d %H:%M:%S.%f",
    "%Y%m%dT%H%M%S",
    "%G-W%V-%uT%H:%M:%S",
    "%Y-%m-%d %H",
    "%Y-%m-%d",
]
TAILS = ["", "", "Z", "+02:00", "-00:30", "+05:45:30", "+24:00", ".5", "x", " ", "٣", "\0"]


@st.composite
def dates_of_zones(draw: st.DrawFn) -> tuple[str, str]:
    """A zone's name and a date, often near a change of its clocks, rarely off by a character."""
    name = draw(st.sampled_from(sorted(CHANGES)))
    near = datetime.fromisoformat(CHANGES[name]).replace(tzinfo=UTC)
    seconds = draw(st.integers(-4000, 4000) | st.integers(-(10**9), 10**9))
    local = (near + timedelta(seconds=seconds)).astimezone(find_zone(name)._info)
    shifted = local + timedelta(minutes=draw(st.sampled_from([0, 0, 15, 30, 60])))
    date = shifted.strftime(draw(st.sampled_from(FORMS))) + draw(st.sampled_from(TAILS))
    if draw(st.integers(0, 9)) == 0:
        place = draw(st.integers(0, len(date)))
        date = date[:place] + draw(st.sampled_from("09:+- Z6")) + date[place + 1 :]
    return name, date


def said(convert: Any, *words: Any) -> str:
    try:
        return str(convert("date", *words))
    except LineError as problem:
        return repr(problem)


@settings(max_examples=600)
@given(dates_of_zones(), st.sampled_from([None, -7200, -90, -1800, 0, 60, 90, 3600, 10**8]))
@example(("UTC", "2012-05-09T10+05:30"), None)  # not seconds, but an offset's minutes
@example(("Europe/Warsaw", "2026-10-25 02:30:00"), 0)
@example(("UTC", "1969-12-31 23:59:59"), None)
@example(("Asia/Kathmandu", "1970-01-01 05:29:59"), None)
@example(("Asia/Kathmandu", "1970-01-01 05:30:00"), None)
@example(("UTC", "9999-12-31 23:59:59"), None)
def test_dates_looked_up_are_those_worked_out(zone_and_date: tuple[str, str], ahead: Any) -> None:
    name, date = zone_and_date
    zone, not_before = find_zone(name), None
    if ahead is not None:
        change = datetime.fromisoformat(CHANGES[name]) + timedelta(seconds=ahead)
        not_before = f"{change:%Y-%m-%d %H:%M:%S}"
    expected = said(parse_date_uncached, date, zone, not_before)
    assert said(parse_date, date, zone, not_before) == expected
    for second in ("00", "29", "59"):  # what was remembered now holds for its neighbours
        beside = date[:17] + second + date[19:]
        expected = said(parse_date_uncached, beside, zone, not_before)
        assert said(parse_date, beside, zone, not_before) == expected


CSV_PIECES = ["a", '"', '""', ",", "\n", "\n", "\r\n", "\r", "ż", "x,y", '"q"', '"a\nb"', " ", "\0"]


@settings(max_examples=600)
@given(st.lists(st.sampled_from(CSV_PIECES), max_size=30), st.booleans(), st.sampled_from([1, 2]))
@example(["a", "\r", "\r\n", '"a\nb"', "\n"], False, 1)
def test_quick_csv_lines_are_the_careful_ones(pieces: list[str], broken: bool, width: int) -> None:
    content = "".join(pieces).encode() + (b"\xff\n" if broken else b"")
    lines = re.findall(rb"[^\n]*\n|[^\n]+", content)
    quick = csv_records._parse_block(deque(lines), ",")
    if quick:
        assert quick == list(csv_records._parse_each(deque(lines), iter(()), ",", width))


@given(st.lists(st.sampled_from(CSV_PIECES), max_size=40), st.integers(1, 5))
def test_a_csv_is_the_same_in_blocks_of_any_size(pieces: list[str], block: int) -> None:
    lines = re.findall(rb"[^\n]*\n|[^\n]+", b"recipient,sender,date\n" + "".join(pieces).encode())
    options = ReadOptions(find_zone("UTC"))
    with patch.object(csv_records, "_parse_block", lambda lines, delimiter: []):
        expected = list(csv_table.read(Source(BytesIO(b"".join(lines))), options))
    with patch.object(csv_records, "BLOCK", block):
        assert list(csv_table.read(Source(BytesIO(b"".join(lines))), options)) == expected


LAZY_HEAD = re.compile(kannel_log._HEAD.pattern.replace(r"[^\]]*+", ".*?"))
HEAD_PIECES = [
    *(f"] [{name}:" for name in (*kannel_log._FIELDS, "flags")),
    "]",
    "[",
    "] [",
    "a",
    "",
]


@settings(max_examples=250)
@given(st.lists(st.sampled_from(HEAD_PIECES), min_size=9, max_size=9), st.data())
def test_brackets_in_fields_are_found_as_slowly(values: list[str], data: st.DataObject) -> None:
    names = [*kannel_log._FIELDS, "flags"]
    fields = "".join(
        f"{value}] [{name}:" for value, name in zip(["", *values], names, strict=False)
    )
    head = f"2026-11-21 23:30:04 Sent SMS [{fields[3:]}-1:0:-1:-1:31] [msg:2:hi] [udh:0:]"
    cut = data.draw(st.integers(0, len(head)))
    for line in (head, head[:cut] + head[cut + 1 :]):
        quick, slow = kannel_log._HEAD.match(line), LAZY_HEAD.match(line)
        assert (quick and quick.groups()) == (slow and slow.groups())


@given(
    st.text(st.sampled_from("0123456789+ -.x٣"), max_size=18) | st.from_regex(r"\A\+?\d{5,17}\Z"),
    st.integers(0, 18),
)
def test_a_number_is_the_same_with_punctuation(number: str, place: int) -> None:
    assert to_e164(number) == to_e164(number[:place] + "/" + number[place:])


CHARACTERS = st.sampled_from(["a", "€", "~", "ż", "\uffff", "😀"])


@given(
    st.text(CHARACTERS, max_size=90) | st.text(st.sampled_from("a€"), max_size=90),
    st.sampled_from([0, 6, 120]),
)
@example("€" * 81, 0)
@example("😀" * 36, 0)
def test_texts_that_are_not_looked_at_are_one_part(text: str, header: int) -> None:
    gsm = sum(map(septets, text)) <= (140 - header) * 8 // 7
    ucs2 = len(text.encode("utf-16-le")) <= 140 - header
    assert gsm == (count_parts(text, Alphabet.GSM, header) == 1)
    assert ucs2 == (count_parts(text, Alphabet.UCS2, header) == 1)
    assert (gsm if is_gsm(text) else ucs2) == (count_parts(text, None, header) == 1)


TIMES = ["2012-05-09 10:28:00", "2012-05-09 10:28:00.001", "2012-05-09 10:29:00"]
OWN = "1336559280000000001"  # as if it were one of our ids
WIRE_IDS = [None, None, "7", "8", "SM", OWN, "1" + "0" * 23, "2" + "0" * 23]
MESSAGES = st.tuples(
    st.sampled_from(TIMES), st.sampled_from(WIRE_IDS), st.sampled_from(Status)
).map(lambda drawn: NewMessage("+48514151563", "s", drawn[0], wire_id=drawn[1], status=drawn[2]))
BATCHES = st.lists(st.lists(st.tuples(st.integers(0, 5), MESSAGES), max_size=8), max_size=5)


ONE, OWN_ONE = (
    NewMessage("7", "s", TIMES[0]),
    NewMessage("7", "s", TIMES[0], wire_id="1" + "0" * 23),
)


@settings(max_examples=examples(25))
@given(BATCHES)
@example([[(0, OWN_ONE), (0, ONE)], [(0, ONE._replace(status=Status.FAILED))]])
def test_lookups_by_range_and_by_list_agree(stores: Stores, batches: Any) -> None:
    found = []
    for nearby_rows in (duplicates.NEARBY_ROWS, 0):
        with (
            tempfile.TemporaryDirectory() as folder,
            patch.object(duplicates, "NEARBY_ROWS", nearby_rows),
        ):
            store = stores.make(Path(folder) / "store.db")
            account = store.accounts.add("anna@example.com", "k", NOW)
            added = []
            for batch in batches:
                added.append(store.additions.add(account.id, batch, dry_run=True))
                assert store.additions.add(account.id, batch) == added[-1]
            tables = [
                store.database.execute_sql(f"SELECT * FROM {table}").fetchall()
                for table in ("message", "submission")
            ]
            found.append((added, tables))
            store.close()
    assert found[0] == found[1]


@pytest.mark.parametrize(
    ("identity", "number"),
    [
        (
            ("2012-05-09 10:28:00", "boxis.net", "+48514151563", "Zażółć", "", "0"),
            6495428601931344379,
        ),
        (("id", "77"), 4420720902769633030),
    ],
)
def test_fingerprints_are_those_of_old_stores(identity: tuple[str, ...], number: int) -> None:
    assert fingerprint(*identity) == number
