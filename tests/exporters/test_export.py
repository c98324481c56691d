"""Exports: every format read back by somebody else's means, over the command line and HTTP."""

from __future__ import annotations

import csv
import io
import json
import os
import resource
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest
import requests
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st

from boxis_gateway.app import create_app
from boxis_gateway.errors import OperatorError
from boxis_gateway.export_columns import EXPORT_COLUMNS, escape_cell, unescape_cell
from boxis_gateway.exporters import EXPORTERS, parquet
from boxis_gateway.importers import IMPORTERS
from boxis_gateway.importers.reading.lines import GoodLine, ReadOptions
from boxis_gateway.importers.reading.source import Source
from boxis_gateway.levels import Level
from boxis_gateway.model import Kind, NewMessage, Prices, Status, SubmissionFacts
from boxis_gateway.rest_api.auth import token_digest
from boxis_gateway.settings import Settings
from boxis_gateway.store import Criteria, Store
from boxis_gateway.store.ids import first_id
from boxis_gateway.zones import find_zone
from tests.support.example_account import MANY, NOW, USER_KEY, USERNAME
from tests.support.paths import PROJECT
from tests.support.running_server import GATEWAY, Gateway, RunningServer
from tests.support.stores import Stores, store_at
from tests.support.waiting import until

Row = dict[str, Any]

NAMES = """
account sms_id submission_id sender recipient date text parts credit type status status_date
created_at scheduled_at flash fast group_id invoiced_at price whole_sale cost message_place
submission_place
"""
COLUMNS = NAMES.split()
TIMES = ("2013-12-31 23:59:59.250", "2014-01-01 12:00:00")


class Shop:
    """A customer with two accounts and some messages, and another customer with one."""

    def __init__(self, store: Store) -> None:
        self.store = store
        names = (("anna", "shop"), ("bob", "shop"), ("carol", "other"))
        self.accounts = {
            name: store.accounts.add(name, USER_KEY, NOW, customer=customer)
            for name, customer in names
        }
        self.customer = store.customers.get("shop")
        money = Prices("2014-02-01 00:00:00", 750_000, 650_001, 1)
        facts = SubmissionFacts("x-1", TIMES[1], "2014-01-02 00:00:00", True, False, "0" * 24)
        plain = NewMessage("+4581808888", "Voicemail", TIMES[0], "=1+1\r\nŻółw 🎂", prices=money)
        group = NewMessage("+48514151563", "shop", "2014-01-02 00:00:00", "to two", 2, 1500)
        group = group._replace(kind=Kind.SCHEDULED, submission=facts)
        self.add("anna", plain, group, group._replace(recipient="7248", status=Status.REFUSED))
        self.add("bob", plain._replace(sent_at=TIMES[1], sender="4581808888", text=None))
        self.add("carol", plain._replace(text="of carol", wire_id="abc"))

    def add(self, name: str, *messages: NewMessage) -> None:
        self.store.additions.add(self.accounts[name].id, list(enumerate(messages)))


@pytest.fixture
def shop(store: Store) -> Shop:
    return Shop(store)


def from_csv(content: bytes) -> list[Row]:
    """Rows as read by a program that knows the escapes and nothing else of ours."""
    assert content.startswith(b"\xef\xbb\xbf")
    rows = csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline=""), strict=True)
    return [{key: bare(value) for key, value in row.items()} for row in rows]


def bare(cell: str) -> str | None:
    return None if cell == "" else cell.removeprefix("'")


def from_jsonl(content: bytes) -> list[Row]:
    return [json.loads(line, parse_float=Decimal) for line in content.decode().splitlines()]


def from_parquet(content: bytes) -> list[Row]:
    rows: list[Row] = pyarrow.parquet.read_table(io.BytesIO(content)).to_pylist()
    return rows


READERS = {"csv": from_csv, "jsonl": from_jsonl, "parquet": from_parquet}


def written(store: Store, name: str, which: Criteria = Criteria()) -> bytes:  # noqa: B008 - frozen
    rows = store.exports.rows(store.exports.accounts(), which)
    return b"".join(EXPORTERS[name].encode(rows))


def alike(value: Any) -> Any:
    """A value as text, however a format has it; a time and an amount in one way."""
    if isinstance(value, datetime):
        value = value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    if isinstance(value, str) and value[10:11] == "T" and value.endswith("Z"):
        return value.replace(".000Z", "Z")
    if isinstance(value, (Decimal, int, float)) and not isinstance(value, bool):
        return f"{Decimal(str(value)):f}".rstrip("0").rstrip(".") if value else "0"
    return {True: "true", False: "false"}.get(value, value) if value is not None else None


@pytest.mark.parametrize("name", EXPORTERS)
def test_a_row_has_all_that_the_store_knows(shop: Shop, name: str) -> None:
    rows = READERS[name](written(shop.store, name))
    assert [list(row) for row in rows] == [COLUMNS] * 5
    found = [{key: alike(value) for key, value in row.items()} for row in rows]
    assert [row["account"] for row in found] == ["anna", "carol", "bob", "anna", "anna"]
    first, _, _, group, refused = found
    number = first_id(TIMES[0])
    assert first == {
        "account": "anna",
        "sms_id": str(number),
        "submission_id": f"{number:016x}{shop.accounts['anna'].id:08x}",
        "sender": "Voicemail",
        "recipient": "+4581808888",
        "date": "2013-12-31T23:59:59.250Z",
        "text": "=1+1\r\nŻółw 🎂",
        "parts": "1",
        "credit": "1",
        "type": "sent",
        "status": "sent",
        "status_date": None,
        "created_at": "2013-12-31T23:59:59.250Z",
        "scheduled_at": None,
        "flash": "false",
        "fast": "false",
        "group_id": None,
        "invoiced_at": "2014-02-01T00:00:00Z",
        "price": "0.75",
        "whole_sale": "0.650001",
        "cost": "0.000001",
        "message_place": None,
        "submission_place": None,
    }
    assert group["submission_id"] == refused["submission_id"] == "x-1"
    assert (group["credit"], group["flash"], group["group_id"]) == ("1.5", "true", "0" * 24)
    assert (group["created_at"], group["date"]) == ("2014-01-01T12:00:00Z", "2014-01-02T00:00:00Z")
    assert refused["status"] == "refused"


def test_parquet_has_types_and_groups_of_rows(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "GROUP_ROWS", 2)
    monkeypatch.setattr("boxis_gateway.store.messages.exports.BATCH", 1)
    file = pyarrow.parquet.ParquetFile(io.BytesIO(written(shop.store, "parquet")))
    assert [file.metadata.row_group(n).num_rows for n in range(3)] == [2, 2, 1]
    types = {field.name: str(field.type) for field in file.schema_arrow}
    assert types["date"] == types["invoiced_at"] == "timestamp[ms, tz=UTC]"
    assert (types["credit"], types["price"]) == ("decimal128(18, 3)", "decimal128(18, 6)")
    assert (types["parts"], types["flash"], types["sms_id"]) == ("int32", "bool", "string")


@pytest.mark.parametrize("name", EXPORTERS)
def test_an_empty_store_is_a_file_too(store: Store, name: str) -> None:
    assert READERS[name](written(store, name)) == []


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        (None, ""),
        ("", "'"),
        ("=1", "'=1"),
        ("+48514151563", "'+48514151563"),
        ("-1", "'-1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("  =1", "'  =1"),
        ("\u00a0\ufeff=1", "'\u00a0\ufeff=1"),
        ("＝1", "'＝1"),
        ("\tx", "'\tx"),
        ("\rx", "'\rx"),
        ("'x", "''x"),
        ("1234567890123456", "'1234567890123456"),
        ("007", "'007"),
        ("1e5", "'1e5"),
        ("12345678e9012345678901234", "'12345678e9012345678901234"),
        ("1/2", "'1/2"),
        ("12:30", "'12:30"),
        ("123456789012", "'123456789012"),
        ("48514151563", "48514151563"),
        ("7248", "7248"),
        ("0", "0"),
        ("12 apples", "12 apples"),
        ("a=b", "a=b"),
    ],
)
def test_no_cell_is_taken_for_a_formula_or_rounded(text: str | None, cell: str) -> None:
    assert escape_cell(text) == cell


ANY_TEXT = st.text(st.characters(exclude_categories=("Cs",)))  # what UTF-8 can say
ODD = st.text(st.sampled_from("'\"=+-@,;\t\r\n \0\ufeff\u2028\x1c1e0🎂ż"))


@given(ANY_TEXT | ODD | st.none())
def test_a_guard_is_taken_away_again(text: str | None) -> None:
    assert unescape_cell(escape_cell(text)) == text


@pytest.mark.parametrize("name", ["csv", "jsonl"])
@given(texts=st.lists(ANY_TEXT | ODD | st.none(), max_size=4), sender=ODD.filter(str.strip))
def test_every_text_survives_the_file(name: str, texts: list[str | None], sender: str) -> None:
    usual = dict.fromkeys(EXPORT_COLUMNS) | {"account": "a", "sms_id": "1", "submission_id": "x"}
    usual |= {"sender": sender[:64], "recipient": "7248", "date": TIMES[1], "parts": 1}
    usual |= {"credit": 0, "type": "sent", "status": "sent", "created_at": TIMES[1]}
    rows = [tuple((usual | {"flash": 0, "fast": 0, "text": text}).values()) for text in texts]
    file = b"".join(EXPORTERS[name].encode([rows]))
    options = ReadOptions(find_zone("UTC"), "account")
    lines = list(IMPORTERS[name].read(Source(io.BytesIO(file)), options))
    assert all(isinstance(line, GoodLine) for line in lines), lines
    found = [line.message for line in lines if isinstance(line, GoodLine)]
    assert [message.text for message in found] == texts
    assert {message.sender for message in found} <= {sender[:64]}


def test_a_file_that_is_no_export_keeps_its_quotes() -> None:
    table = b"recipient,sender,date,text,submission_id\n7248,'s,2014-01-01T00:00:00Z,'t,x\n"
    (line,) = IMPORTERS["csv"].read(Source(io.BytesIO(table)), ReadOptions(find_zone("UTC")))
    assert isinstance(line, GoodLine)
    assert (line.message.sender, line.message.text) == ("'s", "'t")
    assert line.message.submission == SubmissionFacts("x", "2014-01-01 00:00:00")


def test_an_export_that_was_cut_loses_its_last_line_alone(shop: Shop) -> None:
    content = written(shop.store, "csv")
    cut = content[: content.rindex(b'"=1+1') if b'"=1+1' in content else content.rindex(b"\r\nbob")]
    whole = written(shop.store, "csv").split(b"\r\nanna")[0]
    for damaged in (cut + b'"open', whole + b'\r\nanna,"open\r\nx\r\n'):
        lines = list(
            IMPORTERS["csv"].read(Source(io.BytesIO(damaged)), ReadOptions(find_zone("UTC")))
        )
        assert not isinstance(lines[-1], GoodLine)


@pytest.mark.parametrize(
    ("which", "accounts"),
    [
        ({"first_month": "2014-01"}, ["bob", "anna", "anna"]),
        ({"last_month": "2013-12"}, ["anna", "carol"]),
        ({"recipient": "+4581808888"}, ["anna", "carol", "bob"]),
        ({"recipient": "7248"}, ["anna"]),
        ({"sender": "+4581808888"}, ["bob"]),
        ({"sender": "VOICEMAIL"}, ["anna", "carol"]),
        ({"text": "ŻÓŁW"}, ["anna"]),
        ({"text": "OF C", "first_month": "2013-12", "sender": "voicemail"}, ["carol"]),
        ({"text": "nothing"}, []),
    ],
)
def test_all_conditions_must_hold(shop: Shop, which: dict[str, str], accounts: list[str]) -> None:
    rows = from_csv(written(shop.store, "csv", Criteria(**which)))
    assert [row["account"] for row in rows] == accounts


def test_messages_written_meanwhile_are_left_out(shop: Shop, monkeypatch: Any) -> None:
    monkeypatch.setattr("boxis_gateway.store.messages.exports.BATCH", 1)
    rows = shop.store.exports.rows(shop.store.exports.accounts(), Criteria())
    count = len(next(rows))
    other = store_at(shop.store.url)
    other.additions.add(shop.accounts["anna"].id, [(77, NewMessage("7248", "s", TIMES[1]))])
    other.close()
    assert count + sum(map(len, rows)) == 5
    assert len(from_csv(written(shop.store, "csv"))) == 6


# The command line


def test_the_command_writes_a_private_file(shop: Shop, gateway: Gateway, tmp_path: Path) -> None:
    for name, reader in READERS.items():
        path = tmp_path / f"messages.{name}"
        path.write_text("what was there before")
        assert "exists already" in gateway("export", path).stderr
        assert path.read_text() == "what was there before"
        done = gateway("export", path, "--force")
        assert (done.returncode, done.stdout) == (0, "")
        assert done.stderr == f"5 messages exported to {path}.\n"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert len(reader(path.read_bytes())) == 5
    assert not list(tmp_path.glob(".export-*"))


def test_the_command_takes_conditions(shop: Shop, gateway: Gateway) -> None:
    def accounts(*words: str) -> list[str]:
        done = gateway("export", "--format", "jsonl", *words)
        assert done.returncode == 0, done.stderr
        return [json.loads(line)["account"] for line in done.stdout.splitlines()]

    assert accounts("--customer", "shop") == ["anna", "bob", "anna", "anna"]
    assert accounts("--account", "bob", "--account", "CAROL") == ["carol", "bob"]
    assert accounts("--account", "bob", "--customer", "other") == []
    assert accounts("--status", "refused") == ["anna"]
    assert accounts("--from-month", "2014-01", "--to-month", "2014-01", "--sender", "SHOP") == [
        "anna",
        "anna",
    ]
    assert accounts("-", "--recipient", "0048 514 151 563", "--text", "TWO") == ["anna"]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--format", "parquet"), 2, "cannot go to stdout"),
        (("--from-month", "2014-13"), 2, "2014-13"),
        (("--recipient", "x"), 2, "phone number"),
        (("--customer", "nobody"), 1, "no customer"),
        (("--account", "nobody"), 1, "no account"),
        (("/none/x.csv",), 1, "cannot be written"),
        (("/dev/null",), 1, "is not a regular file"),
        (("/tmp",), 2, "directory"),
    ],
)
def test_an_impossible_export_is_one_line(
    shop: Shop, gateway: Gateway, words: tuple[str, ...], code: int, said: str
) -> None:
    done = gateway("export", *words)
    assert (done.returncode, done.stdout) == (code, "")
    assert said in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.fixture(scope="module")
def big(
    stores: Stores, long_template: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Store]:
    """A long history, and a token of its owner."""
    store = stores.copy(long_template, tmp_path_factory.mktemp("big") / "store.db")
    customer = store.customers.get(USERNAME)
    owner = store.employees.add(customer, "owner", "owner", Level.OWNER, None, NOW)
    store.tokens.add(owner, token_digest("token"), NOW, machine=True)
    yield store
    store.close()


def peak_mib(store: Store, path: Path, *words: str) -> float:
    """Peak memory of an export."""
    program = (
        "import resource, sys, boxis_gateway.commands as c\n"
        "try: c.main()\n"
        "finally: print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, "export", str(path), *words],
        env={**os.environ, "BOXIS_GATEWAY_DATABASE_URL": store.url},
        capture_output=True,
        text=True,
        check=True,
    )
    return int(done.stdout) / 1024


@pytest.mark.parametrize(("name", "most"), [("csv", 16), ("jsonl", 16), ("parquet", 110)])
def test_memory_is_independent_of_rows(big: Store, tmp_path: Path, name: str, most: int) -> None:
    """Parquet keeps a group of 50,000 rows."""
    few = peak_mib(big, tmp_path / f"few.{name}", "--recipient", "7248")
    many = peak_mib(big, tmp_path / f"many.{name}")
    assert many - few < most
    if name == "parquet":
        found = pyarrow.parquet.ParquetFile(tmp_path / "many.parquet").metadata
        assert (found.num_rows, found.num_row_groups) == (MANY, 2)
    else:
        with (tmp_path / f"many.{name}").open("rb") as file:
            assert sum(1 for _ in file) == MANY + (name == "csv")


def test_a_full_disk_leaves_the_old_file(big: Store, tmp_path: Path) -> None:
    path = tmp_path / "messages.csv"
    path.write_text("what was there before")

    def no_room() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))

    done = subprocess.run(
        [*GATEWAY, "export", str(path), "--force"],
        env={**os.environ, "BOXIS_GATEWAY_DATABASE_URL": big.url},
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=no_room,
    )
    assert done.returncode == 1
    assert done.stderr.startswith(f"boxis-gateway: {path} cannot be written: ")
    assert done.stderr.count("\n") == 1
    assert path.read_text() == "what was there before"
    assert os.listdir(tmp_path) == ["messages.csv"]


def test_a_full_stdout_is_reported(shop: Shop, tmp_path: Path) -> None:
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [*GATEWAY, "export"],
            env={**os.environ, "BOXIS_GATEWAY_DATABASE_URL": shop.store.url},
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 1
    assert "No space left" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_reader_that_has_enough_is_no_fault(big: Store) -> None:
    done = subprocess.run(
        f"{sys.executable} -m boxis_gateway export | head -n 2",
        shell=True,
        env={**os.environ, "BOXIS_GATEWAY_DATABASE_URL": big.url},
        capture_output=True,
        check=False,
    )
    assert len(done.stdout.splitlines()) == 2
    assert done.stderr == b""


def test_no_pyarrow_is_named(shop: Shop, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(OperatorError, match=r"pip install 'boxis-gateway\[parquet\]'"):
        EXPORTERS["parquet"].encode([])
    answer = asker(shop)(Level.OWNER, format="parquet")
    assert (answer.status_code, answer.json["message"]) == (422, "format")
    assert "pip install" in answer.json["description"]


# HTTP


def asker(shop: Shop) -> Callable[..., Any]:
    """GET /sms/export as an employee of the shop of that level."""
    client: FlaskClient = create_app(shop.store, Settings(), lambda: NOW).test_client()

    def ask(level: Level, path: str = "/sms/export", **query: str) -> Any:
        if shop.store.tokens.find(token_digest(level)) is None:
            reader = shop.store.employees.add(shop.customer, level, level, level, None, NOW)
            shop.store.tokens.add(reader, token_digest(level), NOW)
        return client.get(path, query_string={"token": level.value, **query})

    return ask


@pytest.mark.parametrize("name", EXPORTERS)
def test_the_rows_come_over_http(shop: Shop, name: str) -> None:
    answer = asker(shop)(Level.OWNER, format=name.upper())
    assert answer.status_code == 200
    assert answer.content_type == EXPORTERS[name].CONTENT_TYPE
    file = f"sms-{shop.customer.id}-20120509.{name}"
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{file}"'
    assert answer.headers["Cache-Control"] == "no-store"
    found = READERS[name](answer.data)
    owned = [row for row in READERS[name](written(shop.store, name)) if row["account"] != "carol"]
    hidden = {"whole_sale": None, "cost": None}
    assert found == [row | hidden for row in owned if row["status"] != "refused"]


def test_the_rows_are_those_of_the_list(shop: Shop) -> None:
    ask = asker(shop)
    listed = {one["_id"]: one for one in ask(Level.OWNER, "/sms").json["messages"]}
    rows = from_csv(ask(Level.OWNER).data)
    told = sorted((one["_id"], to) for one in listed.values() for to in one["to"])
    assert sorted((row["submission_id"], row["recipient"]) for row in rows) == told
    for row in rows:
        assert listed[row["submission_id"]].get("message") == row["text"]


SEEN = """
NO_LOGIN        401                  401                  401
PERSONAL        403                  403                  403
VIEWER          403                  403                  403
MANAGER         403                  403                  403
OWNER           own:text             own:text             own:text
RESELLER        own:text,whole_sale  sub:whole_sale       403
RESELLER_ADMIN  own:text,whole_sale  sub:whole_sale       other:whole_sale
ADMIN           own:text,whole_sale,cost  sub:text,whole_sale,cost  other:text,whole_sale,cost
"""
"""Level: whose messages with which columns, for the own customer, one of its, a stranger."""


@pytest.mark.parametrize("line", SEEN.strip().splitlines(), ids=lambda line: line.split()[0])
@pytest.mark.parametrize("name", EXPORTERS)
def test_each_level_exports_what_it_may_list(store: Store, name: str, line: str) -> None:
    own = store.customers.add("own", NOW)
    customers = (own, store.customers.add("sub", NOW, own), store.customers.add("other", NOW))
    for customer in customers:
        account = store.accounts.add(customer.name, USER_KEY, NOW, customer=customer.name)
        prices = Prices(None, 3, 2, 1)
        message = NewMessage("7248", "s", TIMES[0], f"text of {customer.name}", prices=prices)
        store.additions.add(account.id, [(1, message)])
    word, *cells = line.split()
    reader = store.employees.add(own, "reader", "reader", Level(word), None, NOW)
    store.tokens.add(reader, token_digest("token"), NOW)
    client = create_app(store, Settings(), lambda: NOW).test_client()
    for customer, cell in zip(customers, cells, strict=True):
        query = {"token": "token", "customer": customer.id, "format": name}
        answer = client.get("/sms/export", query_string=query)
        if cell.isdigit():
            assert answer.json["code"] == answer.status_code == int(cell)
            continue
        whose, _, seen = cell.partition(":")
        (row,) = READERS[name](answer.data)
        assert row["account"] == whose
        for column in ("text", "price", "whole_sale", "cost"):
            assert (row[column] is not None) == (column in ("price", *seen.split(",")))
        assert row["text"] in (None, f"text of {whose}")
        found = READERS[name](client.get("/sms/export", query_string=query | {"message": "T"}).data)
        assert len(found) == ("text" in seen.split(","))


@pytest.mark.parametrize(
    ("query", "code", "message"),
    [
        ({"format": "xls"}, 422, "format"),
        ({"fromDate": "2014"}, 422, "fromDate"),
        ({"to": " "}, 422, "to"),
        ({"token": "nobody's"}, 401, "credentials_invalid"),
    ],
)
def test_failures_are_those_of_the_api(
    shop: Shop, query: dict[str, str], code: int, message: str
) -> None:
    answer = asker(shop)(Level.OWNER, **query)
    assert (answer.status_code, answer.json["code"], answer.json["message"]) == (
        code,
        code,
        message,
    )
    assert "Content-Disposition" not in answer.headers


def test_parameters_of_pages_mean_nothing_here(shop: Shop) -> None:
    answer = asker(shop)(Level.OWNER, offset="1", limit="x", sort="y")
    assert len(from_csv(answer.data)) == 3


def test_a_store_that_cannot_be_read_is_a_failure_of_the_api(shop: Shop) -> None:
    ask = asker(shop)
    assert ask(Level.OWNER).status_code == 200
    shop.store.database.execute_sql("ALTER TABLE message RENAME TO elsewhere")
    answer = ask(Level.OWNER)
    assert (answer.status_code, answer.json["message"]) == (500, "internal_error")
    assert ask(Level.OWNER, "/ping").json == {"success": True}  # no transaction is left open


def test_a_head_makes_no_file(shop: Shop, stores: Stores) -> None:
    ask = asker(shop)
    ask(Level.OWNER, "/ping")
    client = create_app(shop.store, Settings(), lambda: NOW).test_client()
    answer = client.head("/sms/export?token=OWNER")
    assert (answer.status_code, answer.data) == (200, b"")
    answer.close()  # as servers do
    shop.add("anna", NewMessage("7248", "s", TIMES[1], "later"))
    assert not stores.has_reader(shop.store)
    assert len(from_csv(ask(Level.OWNER).data)) == 4


@pytest.fixture(scope="module")
def server(big: Store) -> Iterator[RunningServer]:
    running = RunningServer(big, "--log-level", "warning", "--workers", "1")
    yield running
    running.stop()


@pytest.mark.parametrize("name", EXPORTERS)
def test_a_server_answers_between_pieces(server: RunningServer, name: str, tmp_path: Path) -> None:
    """Requests are answered between the pieces that a client takes."""
    url = f"{server.url}sms/export?token=token&format={name}"
    content, pings = bytearray(), 0
    with requests.get(url, stream=True, timeout=60) as answer:
        for piece in answer.iter_content(65_536):
            if pings < 20:
                ping = requests.get(f"{server.url}ping?token=token", timeout=60)
                assert ping.json() == {"success": True}
                pings += 1
            content += piece
    (tmp_path / "file").write_bytes(content)
    if name == "parquet":
        assert pyarrow.parquet.ParquetFile(tmp_path / "file").metadata.num_rows == MANY
    else:
        assert content.count(b"\n") == MANY + (name == "csv")
    assert pings > 1


def test_lost_clients_release_the_store(stores: Stores, big: Store, server: RunningServer) -> None:
    owner = big.employees.find("owner")
    assert owner
    for name in EXPORTERS:
        url = f"{server.url}sms/export?token=token&format={name}"
        answer = requests.get(url, stream=True, timeout=60)
        pieces = answer.iter_content(4)
        next(pieces)
        big.tokens.add(owner, token_digest(name), NOW)  # something newer
        assert stores.has_reader(big), name
        answer.close()
        until(lambda: not stores.has_reader(big))


def test_the_columns_are_documented() -> None:
    text = (PROJECT / "docs/exporting.md").read_text()
    assert list(EXPORT_COLUMNS) == COLUMNS
    for column in COLUMNS:
        assert f"| `{column}` |" in text
