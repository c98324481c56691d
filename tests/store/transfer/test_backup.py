"""Backups, made and restored while others read and write; and what `verify` finds."""

from __future__ import annotations

import os
import resource
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path

import apsw
import pytest
from peewee import OperationalError

from boxis_gateway import client
from boxis_gateway.errors import StoreError
from boxis_gateway.model import Account
from boxis_gateway.store import Store, back_up, restore, verify_file
from boxis_gateway.store.engines.base import StoreDatabase
from boxis_gateway.store.engines.schema_version import MIGRATIONS
from boxis_gateway.store.transfer import restore as restoring
from boxis_gateway.zones import utc_now
from tests.support.example_account import NOW, USER_KEY, USERNAME, add_messages
from tests.support.paths import IMPORTS
from tests.support.running_server import GATEWAY, RunningServer
from tests.support.stores import Stores
from tests.support.waiting import until

Gateway = Callable[..., subprocess.CompletedProcess[str]]
Serve = Callable[..., RunningServer]

WRITER = """
import sys
from boxis_gateway.model import NewMessage
from boxis_gateway.store import Store

store, number = Store(sys.argv[1]), 0
print("ready", flush=True)
while True:
    moments = [f"2013-01-{1 + n // 86400 % 28:02} 00:{n // 60 % 60:02}:{n % 60:02}.{n % 1000:03}"
        for n in range(number, number + 20)]
    store.additions.add(1, [(number + n, NewMessage("+48514151563", "s", moment))
        for n, moment in enumerate(moments)])
    number += 20
"""
KILLED = """
import os, signal, sys
from pathlib import Path
from boxis_gateway.store import Store, back_up, restore
from boxis_gateway.store.engines.sqlite import database as sqlite
from boxis_gateway.store.engines.sqlite import snapshots
from boxis_gateway.store.transfer import restore as restoring

sqlite.PRAGMAS["cache_size"] = 1  # so that pages go to the disk before the end

def killed(backup):
    for _ in range(3):
        backup.step(10)
    os.kill(os.getpid(), signal.SIGKILL)

{}.copy_pages = killed
{}(Store(sys.argv[1]), Path(sys.argv[2]), replace=True)
"""


def rows(count: int) -> Iterator[dict[str, str]]:
    for n in range(count):
        yield {"date": f"2012-05-09 {n // 3600:02}:{n // 60 % 60:02}:{n % 60:02}"}


def count(store: Store) -> int:
    return int(store.database.execute_sql("SELECT count(*) FROM message").fetchone()[0])


def findings(path: Path) -> list[str]:
    return verify_file(path, utc_now(), at_rest=True).findings


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "backups" / "one.db"


@pytest.fixture(autouse=True)
def folder(file: Path) -> Path:
    file.parent.mkdir()
    return file.parent


@pytest.mark.sqlite_only("a restore writes into a file")
def test_a_backup_is_one_state_while_another_process_writes(
    store: Store, account: Account, file: Path
) -> None:
    add_messages(store, account, *rows(2000))
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, store.url], stdout=subprocess.PIPE, text=True
    )
    try:
        assert writer.stdout
        writer.stdout.readline()
        for _ in range(3):
            before = count(store)
            made = back_up(store, file, replace=True)
            after = count(store)
            assert before <= made.messages <= after
            assert findings(file) == []
            assert verify_file(file, NOW).rows["message"] == made.messages
        assert writer.poll() is None
        until(lambda: count(store) > after)
    finally:
        writer.kill()
        writer.communicate()


@pytest.mark.sqlite_only("a restore writes into a file")
def test_a_backup_is_a_plain_file_closed_to_other_users(
    stores: Stores, store: Store, account: Account, file: Path
) -> None:
    add_messages(store, account, *rows(3))
    made = back_up(store, file)
    assert made == (3, file.stat().st_size)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert file.read_bytes()[18:20] == b"\x01\x01"  # not of the kind that has a -wal
    assert os.listdir(file.parent) == [file.name]
    copy = Store(stores.url(file), vault=store.vault).require_current()
    assert copy.user_keys.get(copy.accounts.get(USERNAME)) == USER_KEY
    copy.close()


@pytest.mark.sqlite_only("a restore writes into a file")
def test_an_existing_file_is_kept_unless_forced(store: Store, account: Account, file: Path) -> None:
    file.write_text("precious")
    with pytest.raises(StoreError, match=r"exists already.*--force"):
        back_up(store, file)
    assert file.read_text() == "precious"
    back_up(store, file, replace=True)
    assert findings(file) == []


@pytest.mark.sqlite_only("a restore writes into a file")
def test_an_impossible_backup_path_is_reported(store: Store, file: Path) -> None:
    other_name = file.parent / "link.db"
    other_name.symlink_to(store.path)
    for place, said in (
        (store.path, "is the store itself"),
        (other_name, "is the store itself"),
        (file.parent, "a folder or a device"),
        (file.parent / "none" / "one.db", "No such file or directory"),
        (file.parent / ("x" * 300), "cannot be made"),
    ):
        with pytest.raises(StoreError, match=said):
            back_up(store, place, replace=True)
    other_name.unlink()
    assert os.listdir(file.parent) == []
    assert findings(store.path) == []


def limited(*words: object, store: Store) -> subprocess.CompletedProcess[str]:
    """The command line, on a disk with room for files of 100 KiB."""
    return subprocess.run(
        [*GATEWAY, *map(str, words), "--database-url", store.url],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (102_400, 102_400)),
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.sqlite_only("a restore writes into a file")
def test_a_full_disk_is_reported_and_changes_nothing(
    store: Store, account: Account, file: Path
) -> None:
    add_messages(store, account, *rows(300))
    store.close()
    result = limited("backup", file, store=store)
    assert (result.returncode, result.stderr.count("\n")) == (1, 1)
    assert "one.db cannot be made: the disk is full" in result.stderr
    assert os.listdir(file.parent) == []
    back_up(store, file)
    result = limited("restore", file, "--force", store=store)
    assert (result.returncode, result.stderr.count("\n")) == (1, 1)
    assert "cannot be replaced: the disk is full" in result.stderr
    assert findings(store.path) == []


@pytest.mark.sqlite_only("a restore writes into a file")
def test_a_damaged_store_gives_no_backup(store: Store, account: Account, file: Path) -> None:
    add_messages(store, account, *rows(300))
    store.close()
    spoil(store.path)
    with pytest.raises(StoreError, match=r"damaged, so no backup was made.*verify"):
        back_up(store, file)
    assert os.listdir(file.parent) == []


@pytest.mark.sqlite_only("a restore writes into a file")
def test_a_store_of_an_older_version_can_be_backed_up_and_restored(
    tmp_path: Path, store: Store, file: Path
) -> None:
    old = old_store(tmp_path / "old.db")
    assert back_up(old, file).messages == 0
    old.close()
    assert not verify_file(file, NOW, at_rest=True).is_current
    restored = restore(store, file)
    made = sorted(path.stem for path in MIGRATIONS.glob("0*.py"))
    assert restored.migrations == made[1:]
    assert store.require_current().customers.get("old")
    assert findings(store.path) == []
    assert [entry.what for entry in store.audit.entries("", "9")] == ["store.init", "store.restore"]
    assert not verify_file(file, NOW, at_rest=True).is_current  # the file is as it was


def old_store(path: Path) -> Store:
    store = Store(f"sqlite:///{path}")
    store.create()
    store._runner().up("0001_initial")
    store.database.execute_sql(
        "INSERT INTO customer VALUES (?, 'old', '2012-05-09 12:00:00')", ("a" * 24,)
    )
    return store


def killed(command: str, module: str, store: Store, file: Path) -> None:
    words = [sys.executable, "-c", KILLED.format(module, command), store.url, str(file)]
    assert subprocess.run(words, check=False).returncode == -signal.SIGKILL


@pytest.mark.sqlite_only("a restore writes into a file")
def test_a_backup_that_is_killed_leaves_no_file_of_that_name(
    store: Store, account: Account, file: Path
) -> None:
    add_messages(store, account, *rows(500))
    killed("back_up", "snapshots", store, file)
    assert not file.exists()
    back_up(store, file)
    before = file.read_bytes()
    killed("back_up", "snapshots", store, file)
    assert file.read_bytes() == before
    assert findings(store.path) == []


@pytest.mark.sqlite_only("a restore writes into a file")
def test_a_restore_that_is_killed_leaves_the_old_state(
    store: Store, account: Account, file: Path
) -> None:
    add_messages(store, account, *rows(500))
    back_up(store, file)
    add_messages(store, account, {"date": "2012-06-01 00:00:00"})
    store.close()
    killed("restore", "restoring", store, file)
    assert Path(f"{store.path}-wal").stat().st_size > 20 * 4096  # it was on its way
    assert count(store) == 501
    assert findings(store.path) == []
    assert restore(store, file, replace=True).messages == count(store) == 500


def history(server: RunningServer) -> int:
    form = {"version": "1.0", "section": "sms", "action": "getHistory", "returntype": "json"}
    answer = client.call(server.url, USERNAME, USER_KEY, form, lambda: int(time.time()))
    return answer.body.count(b'"reciptient"')


@pytest.mark.sqlite_only("a restore writes into a file")
def test_a_server_shows_the_restored_rows_without_a_restart(
    store: Store, account: Account, file: Path, serve: Serve, gateway: Gateway
) -> None:
    add_messages(store, account, *rows(5))
    back_up(store, file)
    add_messages(store, account, {"date": "2012-06-01 00:00:00"})
    store.close()
    server = serve(store, "--workers", "2")
    assert [history(server) for _ in range(4)] == [6] * 4
    said = gateway("restore", file, "--force")
    assert said.stdout == f"The store {store.path} is restored from {file}: 5 messages.\n"
    assert [history(server) for _ in range(4)] == [5] * 4
    add_messages(store, account, *({"date": f"2012-06-0{n} 00:00:00"} for n in (1, 2)))
    assert history(server) == 7
    assert gateway("verify").returncode == 0


@pytest.mark.sqlite_only("a restore writes into a file")
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


@pytest.mark.sqlite_only("a restore writes into a file")
def test_messages_are_replaced_only_if_forced(store: Store, account: Account, file: Path) -> None:
    back_up(store, file)
    add_messages(store, account, *rows(2))
    with pytest.raises(StoreError, match=r"has messages. Replace them all with --force"):
        restore(store, file)
    assert count(store) == 2
    restore(store, file, replace=True)
    assert restore(store, file).messages == 0  # now there are none


@pytest.mark.sqlite_only("a restore writes into a file")
def test_messages_that_come_at_the_last_moment_are_not_replaced(
    store: Store, account: Account, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    back_up(store, file)
    migrate = Store.migrate

    def meanwhile(copy: Store, **options: bool) -> list[str]:
        add_messages(store, account, *rows(1))
        return migrate(copy, **options)

    monkeypatch.setattr(Store, "migrate", meanwhile)
    with pytest.raises(StoreError, match="has messages"):
        restore(store, file)
    assert count(store) == 1


@pytest.mark.sqlite_only("a restore writes into a file")
def test_nobody_else_writes_while_a_store_is_replaced(
    store: Store, account: Account, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    back_up(store, file)
    other = Store(store.url, lock_seconds=0.05)
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


@pytest.mark.sqlite_only("a restore writes into a file")
def test_a_restore_creates_a_missing_store(
    stores: Stores, store: Store, account: Account, file: Path, tmp_path: Path
) -> None:
    add_messages(store, account, *rows(2))
    back_up(store, file)
    new = Store(stores.url(tmp_path / "new/store.db"), vault=store.vault)
    assert restore(new, file).messages == 2
    assert new.require_current().accounts.get(USERNAME) == account
    new.close()
    assert [stat.S_IMODE(new.path.stat().st_mode), *os.listdir(new.path.parent)] == [
        0o600,
        "store.db",
    ]


@pytest.mark.sqlite_only("a restore writes into a file")
def test_pages_may_be_of_another_size(store: Store, account: Account, file: Path) -> None:
    add_messages(store, account, *rows(200))
    back_up(store, file)
    connection = apsw.Connection(str(file))
    connection.execute("PRAGMA page_size = 8192; VACUUM").fetchall()
    connection.close()
    restore(store, file, replace=True)
    assert (count(store), findings(store.path)) == (200, [])


def add_keys_of(other: Store, store: Store) -> None:
    with store.vault.keys.path.open("a") as keys:
        keys.write(other.vault.keys.path.read_text())


def spoil(path: Path) -> None:
    """Overwrite the last pages of a file."""
    with path.open("r+b") as file:
        file.seek(-5 * 4096, os.SEEK_END)
        file.write(b"\xff" * 4096 * 5)


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def foreign(path: Path) -> None:
    path.unlink()
    with apsw.Connection(str(path)) as theirs:
        theirs.execute("CREATE TABLE outbox (x)").fetchall()


def newer(path: Path) -> None:
    with apsw.Connection(str(path)) as theirs:
        theirs.execute(
            "INSERT INTO schema_migration (name, applied) VALUES ('9999_future', '2030-01-01')"
        ).fetchall()


@pytest.mark.sqlite_only("a restore writes into a file")
@pytest.mark.parametrize(
    ("change", "said"),
    [
        (Path.unlink, "No such file"),
        (lambda path: path.write_text("no database " * 999), "not a store"),
        (lambda path: path.write_text(""), "not a store"),
        (foreign, "not a store"),
        (spoil, "damaged"),
        (cut, "damaged"),
        (newer, "newer version.*9999_future"),
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
    assert (count(store), findings(store.path)) == (100, [])
    assert os.listdir(file.parent) in ([file.name], [])


def erase(store: Store, secret: str, *digests: str) -> None:
    run = store.database.execute_sql
    run("INSERT OR IGNORE INTO secret VALUES ('erased_number', ?)", (secret,))
    for digest in digests:
        run("INSERT INTO erased_number VALUES (?, '2026-11-21 12:00:00')", (digest,))


def erased(store: Store) -> list[str]:
    found = store.database.execute_sql("SELECT digest FROM erased_number ORDER BY 1").fetchall()
    return [digest for (digest,) in found]


@pytest.mark.sqlite_only("a restore writes into a file")
@pytest.mark.parametrize("secret_before", [None, "s"])
def test_numbers_that_were_erased_since_stay_known(
    store: Store, file: Path, secret_before: str | None
) -> None:
    if secret_before:
        erase(store, secret_before, "a")
    back_up(store, file)
    erase(store, "s", "b", "c")
    restored = restore(store, file)
    assert (restored.erased_since, restored.forgotten) == (2, 0)
    assert erased(store) == (["a", "b", "c"] if secret_before else ["b", "c"])


@pytest.mark.sqlite_only("a restore writes into a file")
def test_a_store_with_another_secret_reports_the_tombstones_that_it_loses(
    stores: Stores, tmp_path: Path, store: Store, file: Path, gateway: Gateway
) -> None:
    other = stores.create(tmp_path / "other.db")
    add_keys_of(other, store)
    erase(other, "theirs", "x")
    back_up(other, file)
    other.close()
    erase(store, "ours", "a", "b")
    store.close()
    result = gateway("restore", file)
    assert "2 numbers were erased from the replaced store" in result.stderr
    assert "boxis-gateway erase" in result.stderr
    assert erased(store) == ["x"]


@pytest.mark.sqlite_only("a restore writes into a file")
def test_a_restore_keeps_the_newer_audit(store: Store, account: Account, file: Path) -> None:
    store.audit.record("first")
    back_up(store, file)
    store.audit.record("second")
    restore(store, file)
    whats = [entry.what for entry in store.audit.entries("", "9")]
    assert whats[-4:] == ["first", "store.backup", "second", "store.restore"]


@pytest.mark.sqlite_only("a restore writes into a file")
def test_the_audit_of_another_store_is_not_mixed_in(
    stores: Stores, tmp_path: Path, store: Store, file: Path
) -> None:
    other = stores.create(tmp_path / "other.db")
    add_keys_of(other, store)
    other.audit.record("theirs")
    back_up(other, file)
    other.close()
    for _ in range(9):
        store.audit.record("ours")
    restore(store, file)
    whats = [entry.what for entry in store.audit.entries("", "9")]
    assert "ours" not in whats
    assert whats[-2:] == ["theirs", "store.restore"]
    assert findings(store.path) == []


DAMAGES = {
    "UPDATE message SET submission_id = 1": "2 messages have no submission",
    "DELETE FROM message WHERE sent_at LIKE '%00'": "1 submissions have no message",
    "UPDATE account SET customer_id = 'x'": "1 accounts have no customer",
    "UPDATE account SET sealed_key = 'by hand'": "1 accounts have an unencrypted user key",
    "INSERT INTO sender_name VALUES (9, 's', 0)": "1 rows of sender_name refer to missing",
    "UPDATE submission_count SET listed = 3": "submission counts differ from",
    "DELETE FROM submission_count": "1 submission counts differ from",
    "UPDATE submission_count SET sender_key = 'x'": "1 submission counts have a wrong sender key",
    "UPDATE submission SET recipients = '+4581808888'": "2 submissions list other recipients",
    "UPDATE submission SET recipients = NULL": "2 submissions list other recipients",
    "UPDATE submission SET recipients = recipients || char(10) || recipients": "list other",
    "UPDATE message SET sent_at = 'x' || id": "2 messages have an invalid",
    "UPDATE message SET sent_at = replace(sent_at, '05-09', '02-31')": "2 messages have an invalid",
    "UPDATE message SET status_changed_at = '2012-05-09 10:00:00.1'": "2 messages have an invalid",
    "UPDATE message SET sent_at = replace(sent_at, '2012', '2032')": "2 messages were sent in the",
    "UPDATE submission SET created_at = created_at || 'Z'": "2 submissions have an invalid time",
    "DROP TRIGGER audit_entry_delete": "1 triggers of the audit",
    "DROP TRIGGER audit_entry_delete; DELETE FROM audit_entry WHERE id = 1": "1 audit entries",
}


@pytest.mark.sqlite_only("a file is verified")
@pytest.mark.parametrize(("sql", "said"), DAMAGES.items(), ids=DAMAGES)
def test_each_kind_of_damage_is_found(
    store: Store, account: Account, file: Path, sql: str, said: str
) -> None:
    add_messages(store, account, *rows(2))
    store.audit.record("first")
    store.audit.record("second")
    back_up(store, file)
    assert findings(file) == []
    with apsw.Connection(str(file)) as connection:
        connection.execute(sql).fetchall()
    connection.close()
    assert any(said in finding for finding in findings(file)), findings(file)


@pytest.mark.sqlite_only("a file is verified")
def test_pages_that_are_spoilt_are_found(store: Store, account: Account, file: Path) -> None:
    add_messages(store, account, *rows(200))
    back_up(store, file)
    spoil(file)
    assert "The file is damaged" in findings(file)[0]


@pytest.mark.sqlite_only("a file is verified")
def test_an_index_that_lacks_a_row_is_found(store: Store, account: Account, file: Path) -> None:
    add_messages(store, account, *rows(2))
    back_up(store, file)
    with apsw.Connection(str(file)) as connection:
        connection.execute("PRAGMA writable_schema = ON").fetchall()
        sql = "UPDATE sqlite_master SET sql = sql || ' AND 0' WHERE name = 'submission_wire_id'"
        connection.execute(sql.replace("AND", "OR").replace("0'", "1'")).fetchall()
    connection.close()
    assert "missing from index submission_wire_id" in findings(file)[0]


@pytest.mark.sqlite_only("a file is verified")
def test_refused_and_waiting_messages_of_one_submission_are_no_damage(gateway: Gateway) -> None:
    sample = IMPORTS / "kannel-sample.log"
    gateway("init")
    gateway("account", "add", USERNAME)
    gateway("import", sample, "--account", USERNAME, "--timezone", "UTC")
    result = gateway("verify")
    assert (result.returncode, result.stdout.splitlines()[-1][-9:]) == (0, "is whole.")
    assert "message                    13\n" in result.stdout


@pytest.mark.sqlite_only("a file is verified")
def test_verify_has_an_exit_code(
    store: Store, account: Account, file: Path, gateway: Gateway
) -> None:
    add_messages(store, account, *rows(2))
    back_up(store, file)
    with apsw.Connection(str(file)) as connection:
        connection.execute("DELETE FROM submission").fetchall()
    connection.close()
    result = gateway("verify", file)
    assert result.returncode == 1
    assert "FAIL  2 messages have no submission.\n" in result.stdout
    assert gateway("verify").returncode == 0
    assert gateway("verify", "none.db").stderr.count("\n") == 1


@pytest.mark.sqlite_only("a restore writes into a file")
@pytest.mark.parametrize("mode", ["delete", "wal"])
def test_verify_leaves_no_trace(store: Store, account: Account, file: Path, mode: str) -> None:
    add_messages(store, account, *rows(2))
    back_up(store, file)
    connection = apsw.Connection(str(file))
    connection.execute(f"PRAGMA journal_mode = {mode}").fetchall()
    connection.close()
    before = file.read_bytes(), file.stat().st_mtime_ns
    verify_file(file, utc_now(), at_rest=True)
    assert (file.read_bytes(), file.stat().st_mtime_ns) == before
    assert os.listdir(file.parent) == [file.name]
