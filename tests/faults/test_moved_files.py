"""A store whose file is moved, replaced or deleted while it is open: its users notice."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from boxis_gateway.errors import StoreError, Unavailable
from boxis_gateway.model import Account
from boxis_gateway.store import Store, back_up, restore
from tests.support.example_account import NOW, USER_KEY, USERNAME, add_messages
from tests.support.stores import Stores, store_at

pytestmark = pytest.mark.sqlite_only("a file is moved or replaced")


def senders(store: Store) -> list[str]:
    """Senders in the history of a request, newest first."""
    with store.serving():
        account = store.accounts.get(USERNAME)
        rows = list(store.history.read(account.id, with_status=False))
        return [row[0] for batch in rows for row in batch]


@pytest.fixture
def other(stores: Stores, tmp_path: Path) -> Path:
    """The file of a larger store, where the same account has sent more."""
    store = stores.make(tmp_path / "other.db")
    account = store.accounts.add(USERNAME, USER_KEY, NOW)
    many = [
        {"date": f"2012-05-10 10:{n // 60:02}:{n % 60:02}", "sender": "new"} for n in range(900)
    ]
    add_messages(store, account, *many)
    store.close()
    return store.path


def wal(store: Store) -> Path:
    return Path(f"{store.path}-wal")


def old_message(store: Store, account: Account) -> None:
    add_messages(store, account, {"date": "2012-05-09 10:00:00", "sender": "old"})
    assert senders(store) == ["old"]
    assert wal(store).stat().st_size > 0


def test_another_file_is_used_at_once_without_old_log(
    store: Store, account: Account, other: Path
) -> None:
    old_message(store, account)
    os.replace(other, store.path)
    assert senders(store) == ["new"] * 900
    assert store.find_damage() == ""
    add_messages(store, store.accounts.get(USERNAME), {"date": "2013-01-01 00:00:00"})
    assert len(senders(store)) == 901


def test_moved_files_are_whole(
    stores: Stores, store: Store, account: Account, tmp_path: Path
) -> None:
    old_message(store, account)
    away = store.path.rename(tmp_path / "away.db")
    with pytest.raises(Unavailable) as found:
        senders(store)
    assert "There is no store at" in found.value.problem
    assert not wal(store).exists()
    moved = stores.open(away)
    assert senders(moved) == ["old"]
    moved.close()
    away.rename(store.path)
    assert senders(store) == ["old"]


def test_several_processes_notice_a_moved_file(store: Store, account: Account, other: Path) -> None:
    old_message(store, account)
    second = store_at(store.url)
    assert senders(second) == ["old"]
    os.replace(other, store.path)
    assert len(senders(store)) == 900
    add_messages(store, store.accounts.get(USERNAME), {"date": "2013-01-01 00:00:00"})
    assert len(senders(second)) == len(senders(store)) == 901
    second.close()
    assert store.find_damage() == ""


def test_a_reader_keeps_the_old_log_there(store: Store, account: Account, other: Path) -> None:
    """The reader's state stands in the log of the old file, so the log is in the way."""
    old_message(store, account)
    with store.serving():
        reading = store.history.read(account.id, with_status=False)
        reader = store.database.connection()
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM message").fetchall()
        reattach = store.database.detach(store.database.connection())
    late = store_at(store.url)
    add_messages(late, account, {"date": "2012-05-09 10:00:01", "sender": "later"})
    os.replace(other, store.path)
    for one in (late, store):
        with pytest.raises(Unavailable) as found:
            senders(one)
        assert "belongs to the store that was" in found.value.problem
    assert [row[0] for batch in reading for row in batch] == ["old"]
    reader.execute("ROLLBACK")
    assert len(senders(late)) == 900  # by whoever looks first
    reattach()
    assert len(senders(store)) == 900
    late.close()
    assert store.find_damage() == ""


def test_connections_to_old_files_stay_closed(store: Store, account: Account, other: Path) -> None:
    old_message(store, account)
    with store.serving():
        store.database.connection()
        reattach = store.database.detach(store.database.connection())
    for file in store.path.parent.glob("store.db*"):
        file.unlink()
    os.replace(other, store.path)
    assert len(senders(store)) == 900
    reattach_second = store.database.detach(store.database.connection())
    reattach()
    reattach_second()
    assert len(senders(store)) == 900


def test_a_store_that_is_gone_does_not_come_back_empty(store: Store, account: Account) -> None:
    store.close()
    store.path.unlink()
    with pytest.raises(Unavailable):
        senders(store)
    assert not store.path.exists()


def test_a_restore_refuses_leftover_files(store: Store, account: Account, tmp_path: Path) -> None:
    old_message(store, account)
    back_up(store, tmp_path / "backup.db")
    store.path.rename(tmp_path / "away.db")
    with pytest.raises(StoreError, match=r"but .*-wal of a previous one. Stop the server"):
        restore(store_at(store.url), tmp_path / "backup.db")
    assert not store.path.exists()


def test_a_path_without_access_is_reported(store: Store, account: Account) -> None:
    assert senders(store) == []
    folder = store.path.parent
    away = shutil.move(folder, folder.with_name("away"))
    folder.write_text("a file")
    with pytest.raises(Unavailable) as found:
        senders(store)
    assert "cannot be reached: Not a directory" in found.value.problem
    folder.unlink()
    shutil.move(away, folder)
    assert senders(store) == []
