"""Copies of stores, of one engine or two: with real files and a real PostgreSQL."""

from __future__ import annotations

import os
import pty
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import apsw
import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from boxis_gateway import client
from boxis_gateway.errors import OperatorError, StoreError
from boxis_gateway.importers.reading.columns import to_message
from boxis_gateway.model import Account
from boxis_gateway.store import Store, copy
from boxis_gateway.store.secrets.key_file import FILE_VARIABLE
from boxis_gateway.store.tables import TABLES, Message
from boxis_gateway.store.transfer import load as loading
from boxis_gateway.store.transfer import row_blocks
from boxis_gateway.store.transfer.row_blocks import Block, digest_of
from boxis_gateway.zones import find_zone
from tests.store.transfer.conftest import rows
from tests.support.engines import examples
from tests.support.every_table import all_rows, fill, opened, without_transfers
from tests.support.example_account import NOW, USER_KEY, USERNAME, add_messages
from tests.support.postgresql_server import Databases
from tests.support.running_server import Gateway, Serve
from tests.support.stores import Stores, store_at

KILLED = """
import os, signal, sys
from boxis_gateway.opening import open_store
from boxis_gateway.settings import load_settings
from boxis_gateway.store import copy
from boxis_gateway.store.transfer import row_blocks

row_blocks.BLOCK_ROWS = 100
seen = 0

def kill(rows):
    global seen
    seen += rows
    if seen > {}:
        os.kill(os.getpid(), signal.SIGKILL)

copy(*(open_store(load_settings(), url) for url in sys.argv[1:]), kill)
"""


@pytest.fixture(autouse=True)
def key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The keys of all stores are those of the one in store.db."""
    path = tmp_path / "store.db.key"
    if FILE_VARIABLE in os.environ:
        shutil.copy(os.environ[FILE_VARIABLE], path)
    monkeypatch.setenv(FILE_VARIABLE, str(path))
    return path


@pytest.fixture(params=["sqlite", "postgresql"])
def target(request: pytest.FixtureRequest, tmp_path: Path, databases: Databases) -> Iterator[Store]:
    """An empty target."""
    is_file = request.param == "sqlite"
    target = store_at(f"sqlite:///{tmp_path}/copy.db" if is_file else databases.new())
    yield target
    target.close()


def test_every_row_is_equal_in_a_copy(store: Store, databases: Databases, tmp_path: Path) -> None:
    fill(store)
    there, back = store_at(databases.new()), store_at(f"sqlite:///{tmp_path}/back.db")
    copied = copy(store, opened(there))
    found = all_rows(store)
    assert (copied.rows, copied.tables) == (sum(map(len, found.values())), len(TABLES))
    assert all(found.values())
    assert without_transfers(all_rows(there)) == found
    copy(there, opened(back))
    assert without_transfers(all_rows(back)) == found
    there.close()
    back.close()


@settings(max_examples=examples(8))
@given(texts=st.lists(st.text(alphabet=st.characters(exclude_categories=["Cs"])), min_size=1))
def test_texts_may_be_any(stores: Stores, databases: Databases, texts: list[str]) -> None:
    with TemporaryDirectory() as folder:
        source = stores.make(Path(folder) / "source.db")
        target = opened(store_at(databases.new()))
        fill(source, texts)
        copy(source, target)
        assert without_transfers(all_rows(target)) == all_rows(source)
        with closing(store_at(f"sqlite:///{folder}/back.db")) as back:
            assert copy(target, opened(back)).rows
        source.close()
        target.close()


def test_a_copy_serves_with_the_same_ids(store: Store, account: Account, target: Store) -> None:
    add_messages(store, account, *rows(3))
    assert copy(store, target).messages == 3
    assert target.require_current().accounts.get(USERNAME) == store.accounts.get(USERNAME)
    assert target.user_keys.get(target.accounts.get(USERNAME)) == USER_KEY
    assert history_of(target) == history_of(store)
    add_messages(target, account, *rows(4, month=6))
    assert sum(map(len, target.history.read(account.id, with_status=False))) == 7


def history_of(store: Store) -> list[Any]:
    account = store.accounts.get(USERNAME)
    return [list(batch) for batch in store.history.read(account.id, with_status=True)]


def test_a_copy_is_recorded_in_its_own_audit_only(store: Store, target: Store) -> None:
    before = list(store.audit.entries("", "9"))
    copy(store, target)
    assert list(store.audit.entries("", "9")) == before
    entries = list(target.audit.entries("", "9"))
    assert entries[:-1] == before
    assert (entries[-1].what, entries[-1].subject) == ("store.copy", store.name)
    assert entries[-1].details == '{"messages": 0, "rows": 2}'


def test_a_second_copy_finds_all_there(store: Store, account: Account, target: Store) -> None:
    add_messages(store, account, *rows(3))
    first = copy(store, target)
    found = all_rows(target)
    assert copy(store, target) == first._replace(was_there=True)
    assert all_rows(target) == found


def test_an_initialised_target_is_as_good(store: Store, account: Account, target: Store) -> None:
    target.create()
    target.migrate()
    copy(store, target)
    assert without_transfers(all_rows(target)) == all_rows(store)


def killed_copy(store: Store, target: Store, after: int) -> None:
    words = [sys.executable, "-c", KILLED.format(after), store.url, target.url]
    assert subprocess.run(words, check=False).returncode == -signal.SIGKILL


def test_a_copy_that_was_killed_is_taken_up_where_it_was(
    store: Store, account: Account, target: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_messages(store, account, *rows(1000))
    replaced: list[Block] = []
    replace = loading._replace

    def noted(*words: Any, **options: Any) -> None:
        replaced.append(words[2])
        replace(*words, **options)

    monkeypatch.setattr(loading, "_replace", noted)
    monkeypatch.setattr(row_blocks, "BLOCK_ROWS", 100)
    for after in (1100, 1600):
        killed_copy(store, target, after)
    unfinished = rf"an unfinished copy of {re.escape(store.name)}"
    with closing(store_at(f"{store.url}2")) as other, pytest.raises(StoreError, match=unfinished):
        copy(target, other)
    assert copy(store, target).messages == 1000
    again = [block for block in replaced if block.table is Message]
    assert 3 <= len(again) <= 5
    assert without_transfers(all_rows(target)) == all_rows(store)


def test_a_copy_that_has_not_come_to_its_end_is_not_used(
    store: Store, account: Account, target: Store, gateway: Gateway
) -> None:
    add_messages(store, account, *rows(100))
    killed_copy(store, target, 50)
    for words in (["account", "list"], ["history", USERNAME], ["doctor"], ["serve"]):
        said = gateway(*words, BOXIS_GATEWAY_DATABASE_URL=target.url)
        assert said.returncode == 1
        assert "Run that copy again" in said.stdout + said.stderr
    copy(store, target)
    target.require_current()


def test_changes_of_the_source_meanwhile_reach_the_copy(
    store: Store, account: Account, target: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(row_blocks, "BLOCK_ROWS", 10)
    add_messages(store, account, *rows(95))
    store.customers.add("Second", NOW)
    killed_copy(store, target, 190)
    run = store.database.execute_sql
    run("DELETE FROM message WHERE sent_at < '2012-05-03' OR sent_at > '2012-05-20'")
    run("UPDATE submission SET text = 'changed' WHERE created_at LIKE '2012-05-11%'")
    run("UPDATE customer SET name = 'Third' WHERE name = 'Second'")
    store.accounts.add("berta@example.com", "b" * 24, NOW)
    copy(store, target)
    assert without_transfers(all_rows(target)) == all_rows(store)


def test_the_source_answers_and_takes_messages_meanwhile(
    store: Store, account: Account, target: Store, serve: Serve
) -> None:
    add_messages(store, account, *rows(500))
    server = serve(store)
    answers: list[int] = []

    def meanwhile(rows_seen: int) -> None:
        form = {"version": "1.0", "section": "sms", "action": "getHistory", "returntype": "json"}
        answer = client.call(server.url, USERNAME, USER_KEY, form, lambda: int(time.time()))
        answers.append(answer.body.count(b'"reciptient"'))
        if len(answers) < 4:
            store_beside = store_at(store.url)
            add_one(store_beside, account, len(answers))
            store_beside.close()

    copied = copy(store, target, meanwhile)
    assert copied.messages == 503
    assert answers[0] == 500
    assert answers[-1] == 503
    assert without_transfers(all_rows(target)) == all_rows(store)


def add_one(store: Store, account: Account, number: int) -> None:
    columns = {
        "sender": "s",
        "recipient": "48514151563",
        "date": f"2013-01-01 00:{number // 60:02}:{number % 60:02}",
    }
    store.additions.add(account.id, [(10_000 + number, to_message(columns, find_zone("UTC")))])


def test_a_restless_source_is_reported(store: Store, account: Account, target: Store) -> None:
    added = 0

    def write(rows_seen: int) -> None:
        nonlocal added
        added += 1
        beside = store_at(store.url)
        add_one(beside, account, added)
        beside.close()

    with pytest.raises(
        StoreError, match=rf"{re.escape(store.name)} is still being written to\. Stop the writers"
    ):
        copy(store, target, write)
    assert copy(store, target).messages == added
    assert without_transfers(all_rows(target)) == all_rows(store)


@pytest.mark.parametrize("count", [0, 1, 9, 10, 11, 20, 35])
def test_blocks_are_short_and_cover_all_that_there_can_be(
    store: Store, account: Account, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    monkeypatch.setattr(row_blocks, "BLOCK_ROWS", 10)
    add_messages(store, account, *rows(count))
    snapshot = store.database.snapshot()
    of_messages = [block for block in row_blocks.row_blocks(snapshot) if block.table is Message]
    lengths = [len(list(block.rows())) for block in of_messages]
    assert sum(lengths) == count
    assert all(length == 10 for length in lengths[:-1])
    assert ">" not in of_messages[0].condition
    assert "<" not in of_messages[-1].condition
    for block, following in pairwise(of_messages):
        assert block.parameters[-3:] == following.parameters[1:4]
    snapshot.close()


def test_digests_know_rows_apart_but_not_their_order() -> None:
    one, other = (1, "a", None), (1, "a", "None")
    assert digest_of([one, other]) == digest_of([other, one])
    found = {digest_of(rows) for rows in ([], [one], [other], [one, one], [one, other])}
    assert len(found) == 5
    assert digest_of([(1, "a\0")]) == digest_of([(1, "a\ufffd")])  # as PostgreSQL has it


@pytest.mark.sqlite_only("a link to the file of the source is a place, too")
def test_an_impossible_target_is_left_alone(
    stores: Stores, store: Store, account: Account, databases: Databases, tmp_path: Path
) -> None:
    (tmp_path / "text.db").write_text("no database " * 999)
    with apsw.Connection(str(tmp_path / "foreign.db")) as theirs:
        theirs.execute("CREATE TABLE outbox (x)").fetchall()
    theirs.close()
    foreign = databases.new()
    with psycopg.connect(foreign) as connection:
        connection.execute("CREATE TABLE outbox (x text)")
    other = stores.create(tmp_path / "other.db")
    other.customers.add("Somebody", NOW)
    (tmp_path / "link.db").symlink_to(store.path)
    for url, said in (
        (f"sqlite:///{tmp_path}/text.db", "is not a database|not a store"),
        (f"sqlite:///{tmp_path}/foreign.db", "is not a store of boxis-gateway"),
        (foreign, "has tables of something else"),
        (other.url, "is a store of its own, with other rows"),
        (store.url, "is the source itself"),
        (f"sqlite:///{tmp_path}/link.db", "is the source itself"),
        ("sqlite:////proc/none/copy.db", "cannot be made"),
        ("postgresql://nobody@127.0.0.1:1/none", "cannot be used"),
    ):
        before = all_rows(other)
        with closing(store_at(url)) as place, pytest.raises(OperatorError, match=said):
            copy(store, place)
        assert all_rows(other) == before
    assert theirs_are_there(foreign, tmp_path / "foreign.db")
    other.close()


def theirs_are_there(url: str, path: Path) -> bool:
    sql = "SELECT count(*) FROM pg_class WHERE relname IN ('outbox', 'message')"
    with psycopg.connect(url) as connection:
        found = connection.execute(sql).fetchone()
    beside = apsw.Connection(str(path))
    tables = beside.execute("SELECT name FROM sqlite_master").fetchall()
    beside.close()
    return found == (1,) and tables == [("outbox",)]


def test_missing_or_old_stores_fail(tmp_path: Path, target: Store, databases: Databases) -> None:
    for url, said in (
        (f"sqlite:///{tmp_path}/none.db", "There is no store"),
        (databases.new(), "no tables yet. Run 'boxis-gateway init'"),
    ):
        with closing(store_at(url)) as source, pytest.raises(StoreError, match=said):
            copy(source, target)


def test_a_wrong_key_is_reported_before_anything_is_created(
    stores: Stores, store: Store, account: Account, target: Store, key: Path, tmp_path: Path
) -> None:
    ours = key.read_text()
    other = stores.create(tmp_path / "other.db")
    key.unlink()
    other.vault.make_key()
    with pytest.raises(
        StoreError, match=rf"do not open the secrets of {re.escape(store.name)}\. Put the keys"
    ):
        copy(store, target)
    assert not (tmp_path / "copy.db").exists()
    key.write_text(key.read_text() + ours)
    copy(store, target)
    other.close()


@pytest.mark.sqlite_only("any value stands in any column")
def test_impossible_rows_are_reported(store: Store, account: Account, databases: Databases) -> None:
    add_messages(store, account, *rows(1))
    for sql, said in (
        ("UPDATE message SET parts = 99999", "rejects rows of `message`: .*out of range"),
        (
            "UPDATE message SET parts = 1, sent_at = 'x'",
            "rejects rows of `message`: a time is invalid",
        ),
        (
            "UPDATE message SET account_id = 9",
            "rejects rows of `submission`: 1 belong to no account",
        ),
    ):
        store.database.execute_sql("PRAGMA foreign_keys = OFF")
        store.database.execute_sql(sql)
        if "account_id" in sql:
            store.database.execute_sql("UPDATE submission SET account_id = 9")
        target = store_at(databases.new())
        with pytest.raises(StoreError, match=said):
            copy(store, target)
        target.close()


def test_the_audit_of_a_copy_is_closed_again(store: Store, target: Store) -> None:
    target.create()
    target.migrate()
    store.audit.record("one more")
    copy(store, target)
    for sql in ("DELETE FROM audit_entry", "UPDATE audit_entry SET who = 'x'"):
        with pytest.raises(Exception, match="append-only"):
            target.database.execute_sql(sql)
    assert target.database.get_tables() == store.database.get_tables()


def test_the_command_reports_what_was_verified(
    store: Store, account: Account, target: Store, gateway: Gateway, tmp_path: Path
) -> None:
    add_messages(store, account, *rows(3))
    result = gateway("copy", store.url, target.url)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout == (
        "Verified: both stores have the same 13 rows in 16 tables, 3 of them messages.\n"
    )
    add_messages(store, account, *rows(5, month=6))
    result = gateway("copy", store.url, target.url)
    assert result.returncode == 1
    assert result.stderr.startswith(f"boxis-gateway: {target.name} is a store of its own")
    assert result.stderr.count("\n") == 1


def test_a_terminal_shows_how_far_it_is(
    store: Store, account: Account, target: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_messages(store, account, *rows(30))
    code = "from boxis_gateway.commands import copy, main; copy.ROWS_SHOWN = 20; main()"
    ours, theirs = pty.openpty()
    words = [sys.executable, "-c", code, "copy", store.url, target.url]
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=theirs, check=False)
    os.close(theirs)
    said = os.read(ours, 10_000).decode()
    os.close(ours)
    assert done.returncode == 0
    assert "\r130 rows compared or copied" in said


def test_passwords_of_urls_are_hidden(store: Store, databases: Databases, gateway: Gateway) -> None:
    url = databases.new()
    with_password = url.replace("postgres@", "postgres:geh-eim-42@")
    assert with_password != url
    said = gateway("copy", store.url, with_password)
    again = gateway("copy", store.url, with_password)
    wrong = gateway("copy", store.url, with_password.replace("?host=", "?host=/none"))
    target = store_at(url)
    for text in (
        said.stdout,
        again.stdout,
        wrong.stderr,
        repr(list(target.audit.entries("", "9"))),
    ):
        assert text
        assert "geh-eim" not in text
    target.close()
