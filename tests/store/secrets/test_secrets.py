"""User keys are encrypted: where their keys are, what is said without them, how they change."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from boxis_gateway import client
from boxis_gateway.app import check_store
from boxis_gateway.commands import cli
from boxis_gateway.doctor import examine
from boxis_gateway.errors import ConfigurationError, StoreError
from boxis_gateway.model import Account
from boxis_gateway.settings import KEYS_VARIABLE, load_settings
from boxis_gateway.store import Store, back_up, restore, verify_file
from boxis_gateway.store.secrets.key_file import FILE_VARIABLE
from boxis_gateway.store.secrets.vault import Vault
from boxis_gateway.zones import utc_now
from tests.support.engines import statements
from tests.support.example_account import NOW, USER_KEY, USERNAME, add_messages
from tests.support.paths import PROJECT
from tests.support.running_server import Gateway, RunningServer, Serve
from tests.support.stores import Stores, store_at

REVOKED_KEY = "revokedRevokedRevoked000"


def a_key() -> str:
    return Fernet.generate_key().decode()


def key_file(store: Store) -> Path:
    return store.vault.keys.path


def keys_in(store: Store) -> list[str]:
    return key_file(store).read_text().split()


def again(store: Store) -> Store:
    """Another process's view of the same store."""
    return store_at(store.url)


def user_key(store: Store) -> str:
    other = again(store)
    try:
        return other.user_keys.get(other.accounts.get(USERNAME))
    finally:
        other.close()


def old_store(path: Path) -> Store:
    """A store of the version before, with user keys in the clear."""
    store = Store(f"sqlite:///{path}")
    store.create()
    store._runner().up("0006_sources_and_duties")
    run = store.database.execute_sql
    run("INSERT INTO customer (id, name, created_at) VALUES ('c', 'c', '2012-05-09 12:00:00')")
    run(
        "INSERT INTO account (customer_id, username, username_folded, user_key, enabled, options, "
        "created_at) VALUES ('c', ?, ?, ?, 1, '{}', '2012-05-09 12:00:00')",
        (USERNAME, USERNAME, REVOKED_KEY),
    )
    run("UPDATE account SET user_key = ?", (USER_KEY,))
    run("CREATE TABLE freed (x)")  # pages of which have been freed, with a key in them
    run("INSERT INTO freed SELECT ? || printf('%.*c', 3000, 'x')", (REVOKED_KEY,))
    run("DROP TABLE freed")
    store.close()
    return store


def places_of(secret: str, folder: Path) -> list[str]:
    """The files that have those octets."""
    files = [one for one in folder.iterdir() if one.is_file()]
    return [one.name for one in files if secret.encode() in one.read_bytes()]


def call(store: Store, *words: object) -> None:
    """A command, in this process."""
    words = (*words, "--database-url", store.url)
    cli.main([*map(str, words)], "boxis-gateway", standalone_mode=False)


def told(store: Store) -> list[str]:
    """Findings of `doctor` that are not OK."""
    found = examine(load_settings({"database_url": store.url}))
    return [
        f"{level.value} {text} {remedy}" for level, text, remedy in found if level.value != "ok"
    ]


@pytest.mark.sqlite_only("octets of a file")
def test_no_file_has_a_user_key_in_the_clear(store: Store, tmp_path: Path) -> None:
    account = store.accounts.add(USERNAME, REVOKED_KEY, NOW)
    store.accounts.set_user_key(account, USER_KEY)
    back_up(store, tmp_path / "backup.db")
    assert user_key(store) == USER_KEY
    assert Path(f"{store.path}-wal").stat().st_size
    for secret in (USER_KEY, REVOKED_KEY, *keys_in(store)):
        assert set(places_of(secret, tmp_path)) <= {key_file(store).name}
    assert USER_KEY not in repr(store.accounts.get(USERNAME))


def test_migrating_leaves_nothing_in_the_clear_in_free_pages_or_the_log(tmp_path: Path) -> None:
    store = old_store(tmp_path / "store.db")
    for secret in (USER_KEY, REVOKED_KEY):
        assert places_of(secret, tmp_path)
    assert store.migrate()[0] == "0007_sealed_keys"
    for secret in (USER_KEY, REVOKED_KEY):
        assert places_of(secret, tmp_path) == []
    assert not store.needs_wipe()
    store.close()
    assert user_key(store) == USER_KEY
    assert verify_file(store.path, utc_now()).findings == []


def test_pages_of_a_reader_are_wiped_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("boxis_gateway.store.engines.sqlite.engine.WIPE_SECONDS", 0)
    store = old_store(tmp_path / "store.db")
    reader = again(store)
    with reader.database.transaction("DEFERRED"):
        assert list(reader.database.execute_sql("SELECT user_key FROM account"))
        assert store.migrate()
        assert places_of(USER_KEY, tmp_path)
        assert "boxis-gateway migrate" in " ".join(told(store))
    reader.close()
    assert store.migrate() == []
    assert places_of(USER_KEY, tmp_path) == []
    store.close()


def test_a_full_disk_only_delays_wiping(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(maintenance: object) -> None:
        raise StoreError("The store cannot be used: database or disk is full.")

    monkeypatch.setattr(
        "boxis_gateway.store.engines.sqlite.maintenance.SqliteMaintenance.vacuum_full", full
    )
    store = old_store(tmp_path / "store.db")
    assert store.migrate()
    assert store.needs_wipe()
    check_store(load_settings({"database_url": store.url}))
    store.close()


SPOILT: dict[str, tuple[Callable[[Path], object], str]] = {
    "lost": (Path.unlink, "There is no key file"),
    "empty": (lambda file: file.write_text("# none\n"), "There is no key in"),
    "wrong": (lambda file: file.write_text(a_key()), "are not those of the store"),
    "cut": (lambda file: file.write_text(file.read_text()[:20]), "Key 1 in .* is not valid"),
    "second cut": (
        lambda file: file.write_text(file.read_text() + "YWJj"),
        "Key 2 in .* is not val",
    ),
    "octets": (lambda file: file.write_bytes(b"\xff\x00" * 40), "Key 1 in .* is not valid"),
    "folder": (lambda file: (file.unlink(), file.mkdir()), "cannot be read: Is a directory"),
}


@pytest.mark.parametrize(("spoil", "said"), SPOILT.values(), ids=SPOILT)
@pytest.mark.parametrize("accounts", [0, 1])
def test_a_wrong_key_is_reported_at_the_start(
    store: Store, spoil: Callable[[Path], object], said: str, accounts: int
) -> None:
    if accounts:
        store.accounts.add(USERNAME, USER_KEY, NOW)
    key = keys_in(store)[0]
    spoil(key_file(store))
    with pytest.raises(StoreError, match=said) as error:
        check_store(load_settings({"database_url": store.url}))
    assert key[:20] not in str(error.value)
    assert str(error.value).count(". ") == 1  # what is wrong, and the remedy
    with pytest.raises(StoreError, match=said):
        again(store).accounts.add("bob@example.com", USER_KEY, NOW)


def test_commands_report_a_lost_key(store: Store, account: Account, gateway: Gateway) -> None:
    key_file(store).unlink()
    result = gateway("serve")
    assert (result.returncode, result.stdout, result.stderr.count("\n")) == (1, "", 1)
    assert "--forget-user-keys" in result.stderr
    for words in (("init",), ("account", "add", "bob@example.com"), ("rotate-secrets",)):
        with pytest.raises(StoreError, match="--forget-user-keys"):
            call(store, *words)
    assert not key_file(store).exists()
    assert "FAIL There is no key file" in " ".join(told(store))
    for words in (("account", "list"), ("history", USERNAME), ("verify",)):
        call(store, *words)


def test_a_key_that_opens_only_some_accounts_is_reported(store: Store, account: Account) -> None:
    theirs = Fernet.generate_key()
    sealed = Fernet(theirs).encrypt(USER_KEY.encode()).decode()
    store.database.execute_sql("UPDATE account SET sealed_key = ?", (sealed,))
    with pytest.raises(StoreError, match=f"of 1 accounts, {USERNAME} among them"):
        again(store).user_keys.require_open()
    with key_file(store).open("a") as file:
        file.write(f"\n# of the other machine\n{theirs.decode()} # here\n")
    assert user_key(store) == USER_KEY


def test_keys_of_the_environment_go_before_a_file(
    stores: Stores,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv(FILE_VARIABLE, str(tmp_path / "store.db.key"))
    store, first, second = stores.open(tmp_path / "store.db"), a_key(), a_key()
    monkeypatch.setenv(KEYS_VARIABLE, first)
    call(store, "init")
    call(store, "account", "add", USERNAME, "--user-key", USER_KEY)
    assert not key_file(store).exists()
    monkeypatch.delenv(KEYS_VARIABLE)
    with pytest.raises(StoreError, match="There is no key file"):
        call(store, "init")
    monkeypatch.setenv(KEYS_VARIABLE, f"{second},\n {first}")
    call(store, "rotate-secrets")
    monkeypatch.setenv(KEYS_VARIABLE, second)
    assert user_key(store) == USER_KEY
    with pytest.raises(ConfigurationError, match=f"come from {KEYS_VARIABLE}"):
        call(store, "rotate-secrets", "--drop-old")
    call(store, "doctor")
    call(store, "rotate-secrets")
    shown = capsys.readouterr().out
    assert KEYS_VARIABLE in shown
    assert first not in shown
    assert second not in shown


def test_key_file_setting(stores: Stores, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FILE_VARIABLE, str(tmp_path / "elsewhere.key"))
    store = stores.create(tmp_path / "store.db")
    other = stores.create(tmp_path / "other.db")  # a file that is there is kept
    assert not (tmp_path / "store.db.key").exists()
    assert store.vault.keys.read() == other.vault.keys.read()
    assert stat.S_IMODE((tmp_path / "elsewhere.key").stat().st_mode) == 0o600
    store.close()
    other.close()


def test_a_key_file_that_was_only_begun_is_filled(stores: Stores, tmp_path: Path) -> None:
    store = stores.open(tmp_path / "store.db")
    key_file(store).write_text("")
    store = stores.create(tmp_path / "store.db")
    store.user_keys.require_open()
    store.close()


def test_a_rotation_adds_a_first_key_and_keeps_the_others(store: Store, account: Account) -> None:
    before = keys_in(store)
    store.user_keys.rotate()
    (new, *old) = keys_in(store)
    assert old == before
    assert user_key(store) == USER_KEY
    assert all(map(store.vault.is_sealed_with_first, (store.accounts.get(USERNAME).sealed_key,)))
    store.user_keys.rotate(drop_old=True)
    assert len(keys_in(store)) == 1
    assert new not in keys_in(store)
    assert user_key(store) == USER_KEY
    assert stat.S_IMODE(key_file(store).stat().st_mode) == 0o600


def test_a_first_key_of_the_operator_is_used(store: Store, account: Account) -> None:
    mine = a_key()
    key_file(store).write_text(f"{mine}\n{keys_in(store)[0]}")
    store.user_keys.rotate(drop_old=True)
    assert keys_in(store) == [mine]
    assert user_key(store) == USER_KEY


def test_a_process_from_before_a_rotation_encrypts_with_the_new_key(store: Store) -> None:
    other = again(store)
    other.accounts.add("before@example.com", "k", NOW)
    store.user_keys.rotate(drop_old=True)
    added = other.accounts.add(USERNAME, USER_KEY, NOW)
    assert store.vault.is_sealed_with_first(added.sealed_key)
    assert user_key(store) == USER_KEY
    other.close()


def test_a_key_that_something_needs_is_not_dropped(
    store: Store, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process with old keys encrypts with the old one meanwhile."""
    sealed, drop_old = account.sealed_key, store.user_keys._drop_old

    def late() -> None:
        store.database.execute_sql("UPDATE account SET sealed_key = ?", (sealed,))
        drop_old()

    monkeypatch.setattr(store.user_keys, "_drop_old", late)
    store.user_keys.rotate(drop_old=True)
    assert user_key(store) == USER_KEY


def test_lost_key_no_lost_message(
    store: Store, account: Account, capsys: pytest.CaptureFixture[str]
) -> None:
    add_messages(store, account, {"date": "2012-05-09 10:00:00"})
    store.close()
    key_file(store).unlink()
    call(store, "rotate-secrets", "--forget-user-keys")
    assert f"{USERNAME} needs a new user key" in capsys.readouterr().out
    assert user_key(store) not in ("", USER_KEY)
    call(store, "account", "rotate-key", USERNAME, "--user-key", USER_KEY)
    assert user_key(store) == USER_KEY
    call(store, "history", USERNAME)
    assert "48514151563" in capsys.readouterr().out
    call(store, "rotate-secrets", "--forget-user-keys")
    assert "Nobody" not in capsys.readouterr().out


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_files_made_by_root_belong_to_the_owner_of_the_store(tmp_path: Path) -> None:
    store = old_store(tmp_path / "store.db")
    os.chown(store.path, 65534, 65534)
    store.migrate()
    assert key_file(store).stat().st_uid == 65534
    os.chown(key_file(store), 65533, 65534)
    store.user_keys.rotate()
    assert key_file(store).stat().st_uid == 65533
    store.close()


def test_one_key_is_opened_however_many_accounts_there_are(
    store: Store, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(9):
        store.accounts.add(f"user{number}@example.com", USER_KEY, NOW)
    opened: list[str] = []
    open_ = Vault.open

    def counted(vault: Vault, sealed: str) -> str:
        opened.append(sealed)
        return open_(vault, sealed)

    monkeypatch.setattr(Vault, "open", counted)
    other = again(store)
    for name, texts in ((USERNAME, 1), (USERNAME, 0), ("nobody@example.com", 0)):
        opened.clear()
        with statements(other) as ran:
            assert other.user_keys.get(other.accounts.find_or_nobody(name))
        assert (len(ran), len(opened)) == (1, texts), name
    other.close()


def history(server: RunningServer) -> bool:
    form = {"version": "1.0", "section": "sms", "action": "getHistory", "returntype": "json"}
    answer = client.call(server.url, USERNAME, USER_KEY, form, lambda: int(time.time()))
    return b'"resulttxt":"success"' in answer.body.replace(b" ", b"")


def test_a_server_goes_on_through_rotations(store: Store, account: Account, serve: Serve) -> None:
    store.close()
    server = serve(store, "--workers", "2")
    for drop_old in (False, True, True):
        assert all(history(server) for _ in range(6))
        store.user_keys.rotate(drop_old=drop_old)
    assert all(history(server) for _ in range(6))
    code, errors = server.stop()
    assert (code, "rror" in errors) == (0, False)


@pytest.mark.sqlite_only("a restore writes into a file")
def test_a_backup_needs_the_key_of_its_time(store: Store, account: Account, tmp_path: Path) -> None:
    back_up(store, tmp_path / "backup.db")
    old = keys_in(store)[0]
    store.user_keys.rotate()
    restore(store, tmp_path / "backup.db", replace=True)
    assert user_key(store) == USER_KEY
    store.user_keys.rotate(drop_old=True)
    with pytest.raises(StoreError, match=r"do not open the backup .*backup\.db"):
        restore(again(store), tmp_path / "backup.db", replace=True)
    assert user_key(store) == USER_KEY
    with key_file(store).open("a") as file:
        file.write(old)
    restore(store, tmp_path / "backup.db", replace=True)
    assert user_key(store) == USER_KEY


@pytest.mark.sqlite_only("a restore writes into a file")
def test_no_restore_without_key(
    stores: Stores, store: Store, account: Account, tmp_path: Path
) -> None:
    back_up(store, tmp_path / "backup.db")
    new = stores.open(tmp_path / "new/store.db")
    with pytest.raises(StoreError, match="There is no key file"):
        restore(new, tmp_path / "backup.db")
    assert not new.path.parent.exists()
    assert verify_file(tmp_path / "backup.db", utc_now(), at_rest=True).findings == []


@pytest.mark.sqlite_only("a restore writes into a file")
@pytest.mark.parametrize("replaces", [False, True])
def test_an_older_backup_is_encrypted(stores: Stores, tmp_path: Path, replaces: bool) -> None:
    (tmp_path / "old").mkdir()
    old = old_store(tmp_path / "old" / "store.db")
    (tmp_path / "new").mkdir()
    new = stores.open(tmp_path / "new/store.db")
    if replaces:
        new = stores.make(new.path)
        add_messages(new, new.accounts.add("b@example.com", "k", NOW), {"date": "2012-05-09 10:00"})
    assert restore(new, old.path, replace=replaces).migrations[0] == "0007_sealed_keys"
    assert user_key(new) == USER_KEY
    for secret in (USER_KEY, REVOKED_KEY):
        assert places_of(secret, new.path.parent) == []
    assert len(keys_in(new)) == 1
    new.close()


@pytest.mark.sqlite_only("a restore writes into a file")
def test_a_restore_warns_that_old_keys_are_valid_again(
    store: Store, account: Account, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    back_up(store, tmp_path / "backup.db")
    store.close()
    call(store, "restore", tmp_path / "backup.db")
    said = capsys.readouterr().err
    assert "User keys, passwords and tokens are the backup's" in said


OPEN: dict[str, tuple[str, int, str]] = {
    "key of others": (".key", 0o604, "FAIL"),
    "key to write": (".key", 0o620, "FAIL"),
    "key of the group": (".key", 0o640, ""),
    "store": ("", 0o640, "warn"),
    "log": ("-wal", 0o644, "warn"),
    "memory": ("-shm", 0o644, "warn"),
    "queue of writers": ("-lock", 0o644, "warn"),
}


@pytest.mark.sqlite_only("who may read the files of a store")
@pytest.mark.parametrize(("end", "mode", "level"), OPEN.values(), ids=OPEN)
def test_doctor_warns_of_files_that_others_can_read(
    store: Store, account: Account, end: str, mode: int, level: str
) -> None:
    assert told(store) == []
    file = Path(f"{store.path}{end}")
    file.chmod(mode)
    said = told(store)
    assert [one.split()[:2] for one in said] == ([[level, str(file)]] if level else [])
    assert all("chmod 600" in one for one in said)


@pytest.mark.sqlite_only("who may read the files of a store")
def test_doctor_warns_of_an_open_folder(store: Store, account: Account, tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    assert [f"chmod o-w {tmp_path}" in one for one in told(store)] == [True, True]


def test_a_server_warns_of_a_readable_key(store: Store, account: Account, serve: Serve) -> None:
    store.close()
    key_file(store).chmod(0o644)
    _, errors = serve(store, "--workers", "1").stop()
    assert f"WARNING boxis_gateway.commands.serve {key_file(store)} is readable by other" in errors


@pytest.mark.sqlite_only("who may read the files of a store")
def test_a_new_folder_is_closed_to_others(stores: Stores, tmp_path: Path) -> None:
    store = stores.create(tmp_path / "new" / "store.db")
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o700
    store.close()


@pytest.mark.parametrize("what", ["user_keys.rotate(drop_old=True)", "migrate()"])
def test_the_store_opens_after_a_kill_at_any_step(tmp_path: Path, what: str) -> None:
    store = old_store(tmp_path / "store.db")
    if what != "migrate()":
        store.migrate()
        store.close()
    words = [sys.executable, "-m", "tests.support.killed_at_each_step", tmp_path, what, "3"]
    done = subprocess.run(words, cwd=PROJECT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    assert int(done.stdout) > 20  # so many times
