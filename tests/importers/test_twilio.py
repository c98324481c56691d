"""Twilio's exports, beside what csv and json of the standard library read in them."""

from __future__ import annotations

import csv
import gzip
import json
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boxis_gateway.errors import ImportFailed
from boxis_gateway.importers import find_importer
from boxis_gateway.importers.reading.lines import BadLine, GoodLine, Line, OtherLine, ReadOptions
from boxis_gateway.importers.reading.source import Source
from boxis_gateway.model import Account, NewMessage
from boxis_gateway.store import Store
from boxis_gateway.zones import find_zone
from tests.support.importing import import_file, read_lines
from tests.support.paths import IMPORTS

CONSOLE, BULK = IMPORTS / "twilio-console.csv", IMPORTS / "twilio-bulk.jsonl"
WARSAW = find_zone("Europe/Warsaw")  # which has no say in it
WHOLE = {
    "sid": "SM1",
    "account_sid": "AC1",
    "from": "+48500100200",
    "to": "+48514151563",
    "body": "hello",
    "status": "delivered",
    "direction": "outbound-api",
    "date_sent": "2026-11-21T22:30:04Z",
}


def read(content: bytes, field: str | None = None) -> list[Line]:
    return read_lines("twilio", content, ReadOptions(WARSAW, field))


def one(**fields: Any) -> Line:
    """The line of the bulk export for a message with these fields."""
    (line,) = read(json.dumps(WHOLE | fields).encode())
    return line


def message(**fields: Any) -> NewMessage:
    line = one(**fields)
    assert isinstance(line, GoodLine)
    return line.message


def test_the_console_export_is_read_as_a_plain_reader_reads_it() -> None:
    text = CONSOLE.read_text("utf-8-sig").rpartition('+48500100200,+48514151563,"never closed')[0]
    rows = {row["Sid"]: row for row in csv.DictReader(StringIO(text, newline=""))}
    found = [line.message for line in read(CONSOLE.read_bytes()) if isinstance(line, GoodLine)]
    assert len(found) == 11
    for sent in found:
        row = rows[sent.wire_id or ""]
        assert (sent.sender, sent.recipient) == (row["From"], row["To"])
        assert (sent.text or "") == row["Body"]
        assert sent.parts == int(row["NumSegments"] or "0") or row["NumSegments"] in ("", "0")
        price = sent.prices.price if sent.prices else None
        assert price == (round(-1_000_000 * float(row["Price"])) if row["Price"] else None)
        assert sent.sent_at == "2026-11-21 22:30:04"


def test_the_bulk_export_is_read_as_a_plain_reader_reads_it() -> None:
    found = {line.number: line for line in read(BULK.read_bytes()) if isinstance(line, GoodLine)}
    assert sorted(found) == [1, 2, 3, 4, 6, 13, 18]
    rows = BULK.read_text().splitlines()
    for number, line in found.items():
        row, sent = json.loads(rows[number - 1]), line.message
        assert (sent.wire_id, sent.recipient, sent.text) == (row["sid"], row["to"], row["body"])
        assert sent.parts == int(row["num_segments"])


@pytest.mark.parametrize(
    ("word", "status", "credits"),
    [
        ("accepted", "pending", 1000),
        ("scheduled", "pending", 1000),
        ("queued", "pending", 1000),
        ("sending", "pending", 1000),
        ("sent", "sent", 1000),
        ("delivered", "delivered", 1000),
        ("read", "delivered", 1000),
        ("undelivered", "failed", 1000),
        ("failed", "refused", 0),
        ("canceled", "refused", 0),
        ("Delivered", "delivered", 1000),
    ],
)
def test_each_status_of_twilio_has_ours(word: str, status: str, credits: int) -> None:
    found = message(status=word)
    assert (found.status, found.credit_thousandths) == (status, credits)
    assert found.kind == ("scheduled" if word == "scheduled" else "sent")


@pytest.mark.parametrize(
    "date",
    [
        "2026-11-21T22:30:04Z",
        "2026-11-21T22:30:04+00:00",
        "2026-11-21 22:30:04+00:00",
        "2026-11-21 22:30:04 UTC",
        "2026-11-21 22:30:04",
        "2026-11-21T23:30:04+01:00",
        "Sat, 21 Nov 2026 22:30:04 +0000",
        "Sat, 21 Nov 2026 23:30:04 +0100",
        "Sat, 21 Nov 2026 22:30:04 GMT",
    ],
)
def test_times_are_in_utc_however_they_are_written(date: str) -> None:
    assert message(date_sent=date).sent_at == "2026-11-21 22:30:04"


@given(st.text(max_size=30))
def test_any_other_date_is_a_bad_line(date: str) -> None:
    assert isinstance(one(date_sent="x" + date), BadLine)


def test_an_unsent_message_has_its_creation_time() -> None:
    created = "2026-11-21T22:30:03Z"
    assert message(date_sent=None, date_created=created).sent_at == "2026-11-21 22:30:03"
    assert isinstance(one(date_sent=None), BadLine)


def test_the_time_of_a_final_status_is_kept() -> None:
    changed = "2026-11-21T22:31:00Z"
    assert message(date_updated=changed).status_changed_at == "2026-11-21 22:31:00"
    assert message(date_updated=changed, status="sent").status_changed_at is None


@pytest.mark.parametrize("address", ["whatsapp:+48514151563", "messenger:1234", "rcs:agent"])
@pytest.mark.parametrize("field", ["from", "to"])
def test_messages_of_other_channels_are_passed_over(field: str, address: str) -> None:
    assert one(**{field: address}) == OtherLine(1, "message of another channel")


@pytest.mark.parametrize(("field", "key"), [("AccountSid", "AC1"), ("From", "+48500100200")])
def test_the_account_fields_are_handed_on(field: str, key: str) -> None:
    (of_json,) = read(json.dumps(WHOLE).encode(), field)
    header, cells = ",".join(WHOLE), ",".join(WHOLE.values())
    (of_csv,) = read(f"{header}\n{cells}\n".encode(), field)
    assert isinstance(of_json, GoodLine)
    assert of_json.account_key == key
    assert isinstance(of_csv, GoodLine)
    assert (of_csv.account_key, of_csv.message) == (key, of_json.message)


def test_calls_are_not_taken_for_messages() -> None:
    call = {name: value for name, value in WHOLE.items() if name != "body"} | {"duration": "5"}
    for content in (json.dumps(call), ",".join(call)):
        with pytest.raises(ImportFailed, match="not recognised"):
            find_importer(None, Source(BytesIO(content.encode())))


def test_a_csv_without_a_column_is_refused_as_a_whole() -> None:
    with pytest.raises(ImportFailed, match="account_sid, sid exactly once"):
        read(b"From,To,Body,Status,SentDate,Direction\n")


def test_both_exports_of_a_message_are_one(store: Store, account: Account, tmp_path: Path) -> None:
    console, bulk = tmp_path / "sms-log.csv", tmp_path / "2026-11-21.json.gz"
    rows = [list(WHOLE), list((WHOLE | {"status": "sent"}).values())]
    console.write_text("".join(",".join(row) + "\r\n" for row in rows))
    bulk.write_bytes(gzip.compress(json.dumps(WHOLE).encode() + b"\n"))
    assert import_file(store, account, console, ReadOptions(WARSAW)).added == 1
    summary = import_file(store, account, bulk, ReadOptions(WARSAW))
    assert (summary.format, summary.known, summary.changed) == ("twilio", 1, 1)
