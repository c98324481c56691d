"""Backups of a store in PostgreSQL, as files of SQLite and back; and what `verify` finds there."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import chain
from pathlib import Path

import pytest

from boxis_gateway.errors import StoreError
from boxis_gateway.model import Account
from boxis_gateway.store import Store, back_up, restore, verify, verify_file
from boxis_gateway.store.engines.schema_version import MIGRATIONS
from boxis_gateway.zones import utc_now
from tests.store.transfer.test_backup import count, erase, erased, rows
from tests.store.transfer.test_copy import all_rows, fill, opened
from tests.support.example_account import NOW, USER_KEY, USERNAME, add_messages
from tests.support.paths import IMPORTS
from tests.support.postgresql_server import Databases
from tests.support.stores import create_store

Gateway = Callable[..., subprocess.CompletedProcess[str]]
KILLED = """
import os, signal, sys
from pathlib import Path
from boxis_gateway.store import Store, restore
from boxis_gateway.store.transfer import load as loading

insert = loading._insert

def kill(database, block):
    insert(database, block)
    if block.table.__name__ == "Message":
        os.kill(os.getpid(), signal.SIGKILL)

loading._insert = kill
restore(Store(sys.argv[1]), Path(sys.argv[2]), replace=True)
"""


@pytest.fixture(autouse=True)
def key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "secret.key"
    monkeypatch.setenv("BOXIS_GATEWAY_SECRET_KEY_FILE", str(path))
    return path


@pytest.fixture
def store(databases: Databases) -> Iterator[Store]:
    store = create_store(databases.new())
    yield store
    store.close()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "one.db"


def without_entries_of_backups(found: dict[str, list[str]]) -> dict[str, list[str]]:
    ours = ("'store.backup'", "'store.restore'")
    kept = [row for row in found["audit_entry"] if not any(word in row for word in ours)]
    return {**found, "audit_entry": kept}


def test_a_backup_has_every_row_and_a_restore_brings_it_back(
    store: Store, databases: Databases, file: Path
) -> None:
    with store.database.atomic(), store.database.without_audit_triggers():
        store.database.execute_sql("DELETE FROM audit_entry")
    store.database.ensure_partitions(["2012-05"])
    store.audit.record("first")
    fill(store)
    before = all_rows(store)
    made = back_up(store, file)
    assert made == (len(before["message"]), file.stat().st_size)
    restored = restore(opened(store), file, replace=True)
    assert restored.messages == len(before["message"])
    assert without_entries_of_backups(all_rows(store)) == before
    new = opened(Store(databases.new()))
    restore(new, file)
    assert without_entries_of_backups(all_rows(new)) == before
    new.close()


def test_a_backup_is_a_store_in_one_closed_file(store: Store, file: Path) -> None:
    account = store.accounts.add(USERNAME, USER_KEY, NOW)
    add_messages(store, account, *rows(3))
    back_up(store, file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert file.read_bytes()[18:20] == b"\x01\x01"  # not of the kind that has a -wal
    assert sorted(os.listdir(file.parent)) == ["one.db", "secret.key"]
    copy = Store(f"sqlite:///{file}").require_current()
    assert copy.user_keys.get(copy.accounts.get(USERNAME)) == USER_KEY
    assert verify_file(file, utc_now(), at_rest=True).findings == []
    copy.close()


def test_a_backup_is_one_state_while_another_writes(
    store: Store, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = store.accounts.add(USERNAME, USER_KEY, NOW)
    add_messages(store, account, *rows(50))
    beside = Store(store.url)
    snapshot = store.database.snapshot

    def meanwhile() -> object:
        made = snapshot()
        list(made.walk("SELECT 1 FROM account", ()))
        add_messages(beside, account, *rows(70))
        return made

    monkeypatch.setattr(store.database, "snapshot", meanwhile)
    assert back_up(store, file).messages == 50
    assert count(beside) == 70
    beside.close()


@pytest.fixture
def account(store: Store) -> Account:
    return store.accounts.add(USERNAME, USER_KEY, NOW)


def test_a_backup_of_sqlite_is_restored_into_postgresql_and_back(
    store: Store, tmp_path: Path, file: Path
) -> None:
    source = create_store(f"sqlite:///{tmp_path}/source.db")
    account = source.accounts.add(USERNAME, USER_KEY, NOW)
    add_messages(source, account, *rows(20))
    back_up(source, file)
    before = without_entries_of_backups(all_rows(source))
    restore(store, file)
    assert without_entries_of_backups(all_rows(store)) == before
    back_up(store, file, replace=True)
    restore(source, file, replace=True)
    assert without_entries_of_backups(all_rows(source)) == before
    source.close()


def test_a_backup_of_an_older_version_is_migrated(store: Store, tmp_path: Path) -> None:
    old = Store(f"sqlite:///{tmp_path}/old.db")
    old.create()
    old._runner().up("0001_initial")
    sql = "INSERT INTO customer VALUES (?, 'old', '2012-05-09 12:00:00')"
    old.database.execute_sql(sql, ("a" * 24,))
    old.close()
    restored = restore(store, tmp_path / "old.db")
    assert restored.migrations == sorted(path.stem for path in MIGRATIONS.glob("0*.py"))[1:]
    assert store.require_current().customers.get("old")
    store.user_keys.require_open()


def test_messages_are_replaced_only_if_forced(store: Store, account: Account, file: Path) -> None:
    back_up(store, file)
    add_messages(store, account, *rows(2))
    with pytest.raises(StoreError, match=r"has messages. Replace them all with --force"):
        restore(store, file)
    assert count(store) == 2
    restore(store, file, replace=True)
    assert restore(store, file).messages == 0


def test_a_reader_keeps_its_state_during_a_restore(
    store: Store, account: Account, file: Path
) -> None:
    back_up(store, file)
    add_messages(store, account, *rows(1000))
    reader = Store(store.url)
    batches = reader.history.read(account.id, with_status=False)
    first = next(batches)
    restore(store, file, replace=True)
    assert count(store) == 0
    assert len(first) + len(list(chain.from_iterable(batches))) == 1000
    assert count(reader) == 0
    reader.close()


def test_a_restore_that_is_killed_leaves_the_old_state(
    store: Store, account: Account, file: Path
) -> None:
    add_messages(store, account, *rows(500))
    back_up(store, file)
    add_messages(store, account, *rows(510))
    before = all_rows(store)
    words = [sys.executable, "-c", KILLED, store.url, str(file)]
    assert subprocess.run(words, check=False).returncode == -signal.SIGKILL
    assert all_rows(store) == before
    assert restore(store, file, replace=True).messages == count(store) == 500


@pytest.mark.parametrize("secret_before", [None, "s"])
def test_numbers_that_were_erased_since_stay_known(
    store: Store, file: Path, secret_before: str | None
) -> None:
    if secret_before:
        erase_in(store, secret_before, "a")
    back_up(store, file)
    erase_in(store, "s", "b", "c")
    restored = restore(store, file)
    assert (restored.erased_since, restored.forgotten) == (2, 0)
    assert erased(store) == (["a", "b", "c"] if secret_before else ["b", "c"])


def erase_in(store: Store, secret: str, *digests: str) -> None:
    run = store.database.execute_sql
    run("INSERT INTO secret VALUES ('erased_number', ?) ON CONFLICT DO NOTHING", (secret,))
    for digest in digests:
        run("INSERT INTO erased_number VALUES (?, '2026-11-21 12:00:00')", (digest,))


def test_a_store_with_another_secret_reports_the_tombstones_that_it_loses(
    store: Store, tmp_path: Path, file: Path
) -> None:
    other = create_store(f"sqlite:///{tmp_path}/other.db")
    erase(other, "theirs", "x")
    back_up(other, file)
    other.close()
    erase_in(store, "ours", "a", "b")
    assert restore(store, file).forgotten == 2
    assert erased(store) == ["x"]


def test_a_restore_keeps_the_newer_audit(store: Store, file: Path) -> None:
    store.audit.record("first")
    back_up(store, file)
    store.audit.record("second")
    restore(store, file)
    assert whats(store)[-4:] == ["first", "store.backup", "second", "store.restore"]


def whats(store: Store) -> list[str]:
    return [entry.what for entry in store.audit.entries("", "9")]


def test_the_audit_of_another_store_is_not_mixed_in(
    store: Store, tmp_path: Path, file: Path
) -> None:
    other = create_store(f"sqlite:///{tmp_path}/other.db")
    other.audit.record("theirs")
    back_up(other, file)
    other.close()
    for _ in range(9):
        store.audit.record("ours")
    restore(store, file)
    assert whats(store)[-2:] == ["theirs", "store.restore"]
    assert "ours" not in whats(store)
    with pytest.raises(Exception, match="append-only"):
        store.database.execute_sql("DELETE FROM audit_entry")
    assert findings(store) == []


def findings(store: Store) -> list[str]:
    return verify(store, utc_now()).findings


def test_a_key_that_does_not_open_the_backup_changes_nothing(
    store: Store, account: Account, file: Path, key: Path
) -> None:
    back_up(store, file)
    key.unlink()
    Store(store.url).vault.make_key()
    wrong = "do not open the backup"
    with closing(Store(store.url)) as now, pytest.raises(StoreError, match=wrong):
        restore(now, file, replace=True)
    assert store.accounts.get(USERNAME) == account


DAMAGES = {
    "UPDATE message SET submission_id = 1": "2 messages have no submission",
    "DELETE FROM message WHERE sent_at LIKE '%00'": "1 submissions have no message",
    "UPDATE account SET sealed_key = 'by hand'": "1 accounts have an unencrypted user key",
    "UPDATE message SET account_id = 9": "2 messages have no account",
    "UPDATE message SET wire_id = 'x'": "1 wire ids belong to several messages",
    "UPDATE submission_count SET listed = 3": "submission counts differ from",
    "DELETE FROM submission_count": "1 submission counts differ from",
    "UPDATE submission_count SET sender_key = 'x'": "1 submission counts have a wrong sender key",
    "UPDATE submission SET recipients = '+4581808888'": "2 submissions list other recipients",
    "UPDATE submission SET recipients = NULL": "2 submissions list other recipients",
    "UPDATE submission SET recipients = recipients || chr(10) || recipients": "list other",
    "UPDATE message SET sent_at = replace(sent_at, '05-09', '05-9x')": "2 messages have an invalid",
    "UPDATE message SET sent_at = replace(sent_at, '05-09', '05-32')": "2 messages have an invalid",
    "UPDATE message SET status_changed_at = '2012-02-30 10:00:00'": "2 messages have an invalid",
    "UPDATE message SET status_changed_at = '2012-05-09 10:00:00.1'": "2 messages have an invalid",
    "UPDATE submission SET created_at = created_at || 'Z'": "2 submissions have an invalid time",
    "ALTER TABLE audit_entry DISABLE TRIGGER audit_entry_stays": "1 triggers of the audit",
    "DROP TRIGGER audit_entry_stays ON audit_entry; DELETE FROM audit_entry WHERE id = 1": (
        "1 audit entries are missing"
    ),
}


@pytest.mark.parametrize(("sql", "said"), DAMAGES.items(), ids=DAMAGES)
def test_each_kind_of_damage_is_found(store: Store, account: Account, sql: str, said: str) -> None:
    add_messages(store, account, *rows(2))
    store.audit.record("second")
    assert findings(store) == []
    for statement in sql.split("; "):
        store.database.execute_sql(statement)
    assert any(said in finding for finding in findings(store)), findings(store)


def test_messages_of_tomorrow_are_found(store: Store, account: Account) -> None:
    add_messages(store, account, {"date": "2032-05-09 10:00:00", "status": "sent", "type": "sent"})
    assert verify(store, NOW).findings == ["1 messages were sent in the future."]


def test_odd_texts_and_refused_messages_are_no_damage(store: Store, gateway: Gateway) -> None:
    sample = IMPORTS / "kannel-sample.log"
    at_store = {"BOXIS_GATEWAY_DATABASE_URL": store.url}
    gateway("account", "add", USERNAME, **at_store)
    gateway("import", sample, "--account", USERNAME, "--timezone", "UTC", **at_store)
    result = gateway("verify", **at_store)
    assert (result.returncode, result.stdout.splitlines()[-1]) == (0, f"{store.name} is whole.")
    assert "message                    13\n" in result.stdout
    store.database.execute_sql("UPDATE message SET submission_id = 1")
    result = gateway("verify", **at_store)
    assert (result.returncode, result.stdout.splitlines()[-1][:4]) == (1, "FAIL")


def test_the_commands_name_the_store(store: Store, file: Path, gateway: Gateway) -> None:
    at_store = {"BOXIS_GATEWAY_DATABASE_URL": store.url}
    made = gateway("backup", file, **at_store)
    assert made.stdout.startswith(f"{file} is complete and checked: 0 messages")
    said = gateway("restore", file, **at_store)
    assert said.stdout == f"The store {store.name} is restored from {file}: 0 messages.\n"
