"""Restores, beside others who read and write; of either engine into either."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable
from itertools import chain, count
from pathlib import Path

import apsw
import pytest
from cryptography.fernet import Fernet
from peewee import OperationalError

from boxis_gateway import client
from boxis_gateway.errors import StoreError
from boxis_gateway.model import Account
from boxis_gateway.store import Store, back_up, restore, verify_file
from boxis_gateway.store.engines.base import StoreDatabase
from boxis_gateway.store.engines.schema_version import MIGRATIONS
from boxis_gateway.store.transfer import restore as restoring
from tests.store.transfer.conftest import findings, rows, spoil
from tests.support.every_table import all_rows, fill, opened, without_transfers
from tests.support.example_account import NOW, USER_KEY, USERNAME, add_messages
from tests.support.forked_commands import DIE_AT_COMMIT
from tests.support.postgresql_server import Databases
from tests.support.running_server import Gateway, RunningServer, Serve
from tests.support.stores import Stores, create_store, store_at


def messages(store: Store) -> int:
    return int(store.database.execute_sql("SELECT count(*) FROM message").fetchone()[0])


def audit(store: Store) -> list[str]:
    return [entry.what for entry in store.audit.entries("", "9")]


def test_a_restore_brings_every_row_back(stores: Stores, store: Store, file: Path) -> None:
    with store.database.atomic(), store.database.without_audit_triggers():
        store.database.execute_sql("DELETE FROM audit_entry")
        store.database.execute_sql("DELETE FROM secret")
    store.database.ensure_partitions(["2012-05"])
    store.audit.record("first")
    fill(store)
    before = without_transfers(all_rows(store))
    made = back_up(store, file)
    assert made.messages == len(before["message"])
    new = stores.make(file.with_name("new.db"))
    for target in (opened(store), opened(new)):
        assert restore(target, file, replace=True).messages == made.messages
        assert without_transfers(all_rows(target)) == before
    new.close()


def test_a_backup_of_sqlite_is_restored_into_postgresql_and_back(
    databases: Databases, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BOXIS_GATEWAY_SECRET_KEYS", Fernet.generate_key().decode())
    source, target = create_store(f"sqlite:///{file}.source"), create_store(databases.new())
    add_messages(source, source.accounts.add(USERNAME, USER_KEY, NOW), *rows(20))
    back_up(source, file)
    before = without_transfers(all_rows(source))
    restore(target, file)
    assert without_transfers(all_rows(target)) == before
    back_up(target, file, replace=True)
    restore(source, file, replace=True)
    assert without_transfers(all_rows(source)) == before
    source.close()
    target.close()


def test_a_backup_of_an_older_version_is_migrated(store: Store, file: Path, tmp_path: Path) -> None:
    old = Store(f"sqlite:///{tmp_path}/old.db")
    old.create()
    old._runner().up("0001_initial")
    sql = "INSERT INTO customer VALUES (?, 'old', '2012-05-09 12:00:00')"
    old.database.execute_sql(sql, ("a" * 24,))
    assert back_up(old, file).messages == 0
    old.close()
    assert not verify_file(file, NOW, at_rest=True).is_current
    restored = restore(store, file)
    assert restored.migrations == sorted(path.stem for path in MIGRATIONS.glob("0*.py"))[1:]
    assert store.require_current().customers.get("old")
    store.user_keys.require_open()
    assert findings(store) == []
    assert audit(store) == ["store.init", "store.restore"]
    assert not verify_file(file, NOW, at_rest=True).is_current  # the file is as it was


def test_a_restore_that_is_killed_at_any_commit_leaves_the_old_or_the_new_state(
    store: Store, account: Account, file: Path, gateway: Gateway
) -> None:
    add_messages(store, account, *rows(50))
    back_up(store, file)
    add_messages(store, account, {"date": "2012-06-01 00:00:00"})
    counts = []
    for commit in count(1):
        done = gateway("restore", file, "--force", **{DIE_AT_COMMIT: str(commit)})
        counts.append(messages(store))
        assert findings(store) == []
        if done.returncode == 0:
            break
    assert counts == sorted(counts, reverse=True)
    assert (counts[0], counts[-1]) == (51, 50)


def history(server: RunningServer) -> int:
    form = {"version": "1.0", "section": "sms", "action": "getHistory", "returntype": "json"}
    answer = client.call(server.url, USERNAME, USER_KEY, form, lambda: int(time.time()))
    return answer.body.count(b'"reciptient"')


def test_a_server_shows_the_restored_rows_without_a_restart(
    store: Store, account: Account, file: Path, serve: Serve, gateway: Gateway
) -> None:
    add_messages(store, account, *rows(5))
    made = gateway("backup", file)
    assert made.stdout.startswith(f"{file} is complete and checked: 5 messages")
    add_messages(store, account, {"date": "2012-06-01 00:00:00"})
    store.close()
    server = serve(store, "--workers", "2")
    assert [history(server) for _ in range(4)] == [6] * 4
    said = gateway("restore", file, "--force")
    assert said.stdout == f"The store {store.name} is restored from {file}: 5 messages.\n"
    assert [history(server) for _ in range(4)] == [5] * 4
    add_messages(store, account, *({"date": f"2012-06-0{n} 00:00:00"} for n in (1, 2)))
    assert history(server) == 7
    assert gateway("verify").returncode == 0


def test_a_reader_keeps_its_state_meanwhile(store: Store, account: Account, file: Path) -> None:
    back_up(store, file)
    add_messages(store, account, *rows(1000))
    reader = store_at(store.url)
    batches = reader.history.read(account.id, with_status=False)
    first = next(batches)
    restore(store, file, replace=True)
    assert messages(store) == 0
    assert len(first) + len(list(chain.from_iterable(batches))) == 1000
    assert messages(reader) == 0
    reader.close()


def test_messages_are_replaced_only_if_forced(
    store: Store, account: Account, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Messages that come at the last moment, too."""
    back_up(store, file)
    add_messages(store, account, *rows(2))
    with pytest.raises(StoreError, match=r"has messages. Replace them all with --force"):
        restore(store, file)
    assert messages(store) == 2
    restore(store, file, replace=True)
    assert restore(store, file).messages == 0
    migrate = Store.migrate

    def meanwhile(copy: Store, **options: bool) -> list[str]:
        add_messages(store, account, *rows(1))
        return migrate(copy, **options)

    monkeypatch.setattr(Store, "migrate", meanwhile)
    with pytest.raises(StoreError, match="has messages"):
        restore(store, file)
    assert messages(store) == 1


@pytest.mark.sqlite_only("one writer has the whole file")
def test_nobody_else_writes_while_a_store_is_replaced(
    store: Store, account: Account, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    back_up(store, file)
    other = store_at(store.url, lock_seconds=0.05)
    refused = []

    def require_locked() -> None:
        with pytest.raises(OperationalError, match="locked"):
            other.accounts.set_enabled(account, False)
        refused.append(True)

    def keep_locked(*databases: StoreDatabase) -> restoring.Kept:
        require_locked()
        return keep(*databases)

    def copy_locked(backup: apsw.Backup) -> None:
        while not backup.step(30):
            require_locked()

    keep = restoring._keep
    monkeypatch.setattr(restoring, "_keep", keep_locked)
    monkeypatch.setattr(restoring, "copy_pages", copy_locked)
    restore(store, file)
    assert len(refused) >= 2
    other.accounts.set_enabled(account, False)
    other.close()


@pytest.mark.sqlite_only("the store is a file")
def test_a_restore_creates_a_missing_store(
    stores: Stores, store: Store, account: Account, file: Path, tmp_path: Path
) -> None:
    add_messages(store, account, *rows(2))
    back_up(store, file)
    new = Store(stores.url(tmp_path / "new/store.db"), vault=store.vault)
    assert restore(new, file).messages == 2
    assert new.require_current().accounts.get(USERNAME) == account
    new.close()
    assert stat.S_IMODE(new.path.stat().st_mode) == 0o600
    assert os.listdir(new.path.parent) == ["store.db"]


def test_pages_may_be_of_another_size(store: Store, account: Account, file: Path) -> None:
    add_messages(store, account, *rows(200))
    back_up(store, file)
    connection = apsw.Connection(str(file))
    connection.execute("PRAGMA page_size = 8192; VACUUM").fetchall()
    connection.close()
    restore(store, file, replace=True)
    assert (messages(store), findings(store)) == (200, [])


FUTURE_SQL = "INSERT INTO schema_migration (name, applied) VALUES ('9999_future', '2030-01-01')"


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def run(sql: str) -> Callable[[Path], object]:
    def change(path: Path) -> None:
        connection = apsw.Connection(str(path))
        connection.execute(sql).fetchall()
        connection.close()

    return change


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (Path.unlink, "No such file"),
        (lambda path: path.write_text("no database " * 999), "not a store"),
        (lambda path: path.write_text(""), "not a store"),
        (lambda path: (path.unlink(), run("CREATE TABLE outbox (x)")(path)), "not a store"),
        (spoil, "damaged"),
        (cut, "damaged"),
        (
            run(
                "INSERT INTO schema_migration (name, applied) VALUES ('9999_future', '2030-01-01')"
            ),
            "newer version.*9999_future",
        ),
    ],
    ids=["missing", "text", "empty", "foreign", "spoilt", "cut", "newer"],
)
def test_an_impossible_restore_changes_nothing(
    stores: Stores,
    store: Store,
    account: Account,
    file: Path,
    change: Callable[[Path], object],
    said: str,
) -> None:
    add_messages(store, account, *rows(100))
    back_up(store, file)
    change(file)
    with pytest.raises(StoreError, match=said):
        restore(store, file, replace=True)
    with pytest.raises(StoreError, match=said):
        restore(stores.open(file.parent / "new.db"), file)
    assert not (file.parent / "new.db").exists()
    assert (messages(store), findings(store)) == (100, [])
    assert os.listdir(file.parent) in ([file.name], [])


def test_a_key_that_does_not_open_the_backup_changes_nothing(
    store: Store, account: Account, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    back_up(store, file)
    monkeypatch.setenv("BOXIS_GATEWAY_SECRET_KEYS", Fernet.generate_key().decode())
    other = store_at(store.url)
    with pytest.raises(StoreError, match="do not open the backup"):
        restore(other, file, replace=True)
    other.close()
    assert store.accounts.get(USERNAME) == account


def erase(store: Store, secret: str, *digests: str) -> None:
    run = store.database.execute_sql
    run("INSERT INTO secret VALUES ('erased_number', ?) ON CONFLICT DO NOTHING", (secret,))
    for digest in digests:
        run("INSERT INTO erased_number VALUES (?, '2026-11-21 12:00:00')", (digest,))


def erased(store: Store) -> list[str]:
    found = store.database.execute_sql("SELECT digest FROM erased_number ORDER BY 1").fetchall()
    return [digest for (digest,) in found]


@pytest.mark.parametrize("secret_before", [None, "s"])
def test_numbers_erased_since_stay(store: Store, file: Path, secret_before: str | None) -> None:
    if secret_before:
        erase(store, secret_before, "a")
    back_up(store, file)
    erase(store, "s", "b", "c")
    restored = restore(store, file)
    assert (restored.erased_since, restored.forgotten) == (2, 0)
    assert erased(store) == (["a", "b", "c"] if secret_before else ["b", "c"])


def test_a_store_with_another_secret_reports_the_tombstones_that_it_loses(
    stores: Stores, tmp_path: Path, store: Store, file: Path, gateway: Gateway
) -> None:
    other = stores.make(tmp_path / "other.db")
    erase(other, "theirs", "x")
    back_up(other, file)
    other.close()
    erase(store, "ours", "a", "b")
    store.close()
    result = gateway("restore", file)
    assert "2 numbers were erased from the replaced store" in result.stderr
    assert "boxis-gateway erase" in result.stderr
    assert erased(store) == ["x"]


def test_a_restore_keeps_the_newer_audit(store: Store, file: Path) -> None:
    store.audit.record("first")
    back_up(store, file)
    store.audit.record("second")
    restore(store, file)
    assert audit(store)[-4:] == ["first", "store.backup", "second", "store.restore"]


def test_foreign_audits_replace(stores: Stores, tmp_path: Path, store: Store, file: Path) -> None:
    other = stores.make(tmp_path / "other.db")
    other.audit.record("theirs")
    back_up(other, file)
    other.close()
    for _ in range(9):
        store.audit.record("ours")
    restore(store, file)
    assert audit(store)[-2:] == ["theirs", "store.restore"]
    assert "ours" not in audit(store)
    with pytest.raises(Exception, match="append-only"):
        store.database.execute_sql("DELETE FROM audit_entry")
    assert findings(store) == []
