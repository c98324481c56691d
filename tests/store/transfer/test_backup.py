"""Backups, made while others read and write."""

from __future__ import annotations

import os
import resource
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from boxis_gateway.errors import StoreError
from boxis_gateway.model import Account
from boxis_gateway.store import Store, back_up, verify_file
from boxis_gateway.zones import utc_now
from tests.store.transfer.conftest import findings, rows, spoil
from tests.support.example_account import NOW, USER_KEY, USERNAME, add_messages
from tests.support.running_server import GATEWAY
from tests.support.waiting import until

WRITER = """
import sys
from boxis_gateway.model import NewMessage
from boxis_gateway.store import Store

store, account, number = Store(sys.argv[1]), int(sys.argv[2]), 0
print("ready", flush=True)
while True:
    moments = [f"2013-01-{1 + n // 86400 % 28:02} 00:{n // 60 % 60:02}:{n % 60:02}.{n % 1000:03}"
        for n in range(number, number + 20)]
    store.additions.add(account, [(number + n, NewMessage("+48514151563", "s", moment))
        for n, moment in enumerate(moments)])
    number += 20
"""


def count(store: Store) -> int:
    return int(store.database.execute_sql("SELECT count(*) FROM message").fetchone()[0])


def test_a_backup_is_one_state_of_the_store(store: Store, account: Account, file: Path) -> None:
    add_messages(store, account, *rows(2000))
    words = [sys.executable, "-c", WRITER, store.url, str(account.id)]
    writer = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    try:
        assert writer.stdout
        writer.stdout.readline()
        for _ in range(3):
            before = count(store)
            made = back_up(store, file, replace=True)
            after = count(store)
            assert before <= made.messages <= after
            verified = verify_file(file, utc_now(), at_rest=True)
            assert (verified.findings, verified.rows["message"]) == ([], made.messages)
        assert writer.poll() is None
        until(lambda: count(store) > after)
    finally:
        writer.kill()
        writer.communicate()


def test_a_backup_is_a_plain_private_file(store: Store, account: Account, file: Path) -> None:
    add_messages(store, account, *rows(3))
    made = back_up(store, file)
    assert made == (3, file.stat().st_size)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert file.read_bytes()[18:20] == b"\x01\x01"  # without a -wal
    assert os.listdir(file.parent) == [file.name]
    copy = Store(f"sqlite:///{file}", vault=store.vault).require_current()
    assert copy.user_keys.get(copy.accounts.get(USERNAME)) == USER_KEY
    copy.close()


def test_an_existing_file_is_kept_unless_forced(store: Store, account: Account, file: Path) -> None:
    file.write_text("precious")
    with pytest.raises(StoreError, match=r"exists already.*--force"):
        back_up(store, file)
    assert file.read_text() == "precious"
    back_up(store, file, replace=True)
    assert verify_file(file, NOW, at_rest=True).findings == []


@pytest.mark.sqlite_only("paths of the store's own file")
def test_an_impossible_backup_path_is_reported(store: Store, file: Path) -> None:
    link = file.parent / "link.db"
    link.symlink_to(store.path)
    for path, said in (
        (store.path, "is the store itself"),
        (link, "is the store itself"),
        (file.parent, "a folder or a device"),
        (file.parent / "none" / "one.db", "No such file or directory"),
        (file.parent / ("x" * 300), "cannot be made"),
    ):
        with pytest.raises(StoreError, match=said):
            back_up(store, path, replace=True)
    link.unlink()
    assert os.listdir(file.parent) == []
    assert findings(store) == []


def limited(*words: object, store: Store) -> subprocess.CompletedProcess[str]:
    """The command line, on a disk with room for files of 100 KiB."""
    return subprocess.run(
        [*GATEWAY, *map(str, words), "--database-url", store.url],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (102_400, 102_400)),
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.sqlite_only("the store's own file cannot grow")
def test_a_full_disk_changes_nothing(store: Store, account: Account, file: Path) -> None:
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
    assert findings(store) == []


@pytest.mark.sqlite_only("pages of the store's file")
def test_a_damaged_store_gives_no_backup(store: Store, account: Account, file: Path) -> None:
    add_messages(store, account, *rows(300))
    store.close()
    spoil(store.path)
    with pytest.raises(StoreError, match=r"damaged, so no backup was made.*verify"):
        back_up(store, file)
    assert os.listdir(file.parent) == []
