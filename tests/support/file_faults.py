"""Faults of a store, each for as long as the context lasts, and mended behind it."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw

from boxis_gateway.store import back_up, restore
from tests.support.example_account import USERNAME
from tests.support.shop import Shop

PAGE = 4096
HOLDER = """
import sys, apsw
connection = apsw.Connection(sys.argv[1])
connection.execute("BEGIN IMMEDIATE")
connection.execute("UPDATE message SET sender = 'the second process'")
print("ready", flush=True)
sys.stdin.read()
connection.execute("ROLLBACK")
"""


@contextmanager
def held(shop: Shop) -> Iterator[int]:
    """A second process is in the middle of a write; its id."""
    words = [sys.executable, "-c", HOLDER, str(shop.path)]
    holder = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "ready\n"
    try:
        yield holder.pid
    finally:
        holder.communicate()
        assert holder.returncode == 0


@contextmanager
def held_by_a_stopped_process(shop: Shop) -> Iterator[None]:
    """A second process is stopped in the middle of a write."""
    with held(shop) as holder:
        os.kill(holder, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(holder, signal.SIGCONT)


@contextmanager
def read_only(shop: Shop) -> Iterator[None]:
    """Files and folder are read-only, for a new worker: open files stay writable."""
    places = [shop.path.parent, *shop.path.parent.glob("store.db*")]
    modes = {place: place.stat().st_mode for place in places}
    for place, mode in modes.items():
        place.chmod(mode & 0o555)
    shop.kill_worker()
    try:
        yield
    finally:
        for place, mode in modes.items():
            place.chmod(mode)


@contextmanager
def full(shop: Shop) -> Iterator[None]:
    """The disk has no room. The log is emptied before: it would have some."""
    assert shop.store.maintenance.checkpoint_wal(5)
    ballast = shop.path.with_name("ballast")
    with ballast.open("wb", buffering=0) as file:
        try:
            while file.write(bytes(PAGE)):
                pass
        except OSError:
            pass
    try:
        yield
    finally:
        ballast.unlink()


@contextmanager
def damaged_pages(shop: Shop) -> Iterator[None]:
    """Two pages are overwritten: in the middle of the messages, and of the submissions."""
    with _put_right_by_a_backup(shop):
        for table in ("message", "submission"):
            _overwrite(shop.path, _middle_page(shop.path, table))
        yield


@contextmanager
def destroyed_head(shop: Shop) -> Iterator[None]:
    """The first page is overwritten, and the server's process is another."""
    with _put_right_by_a_backup(shop):
        _overwrite(shop.path, 1)
        shop.kill_worker()
        yield


@contextmanager
def truncated(shop: Shop) -> Iterator[None]:
    """The file ends in its middle."""
    with _put_right_by_a_backup(shop):
        os.truncate(shop.path, shop.path.stat().st_size // 2 // PAGE * PAGE)
        yield


@contextmanager
def emptied(shop: Shop) -> Iterator[None]:
    """The file has nothing in it any more."""
    with _put_right_by_a_backup(shop):
        os.truncate(shop.path, 0)
        yield


@contextmanager
def moved_away(shop: Shop) -> Iterator[None]:
    """The file has another name for a while."""
    away = shop.path.with_name("away.db")
    shop.path.rename(away)
    try:
        yield
    finally:
        away.rename(shop.path)


@contextmanager
def deleted(shop: Shop) -> Iterator[None]:
    """The file is gone, and what SQLite has beside it."""
    with _backup(shop) as backup:
        for file in files_of(shop):
            file.unlink()
        yield
        restore(shop.store, backup)


@contextmanager
def another_database(shop: Shop) -> Iterator[None]:
    """Another program's database is at the path."""
    with moved_away(shop):
        other = apsw.Connection(str(shop.path))
        other.execute("CREATE TABLE something (else_)")
        other.close()
        before = shop.path.read_bytes()
        yield
        assert shop.path.read_bytes() == before


@contextmanager
def no_database(shop: Shop) -> Iterator[None]:
    """A file that is no database is at its place."""
    with moved_away(shop):
        shop.path.write_text("not a database\n" * 1000)
        yield


def _middle_page(path: Path, table: str) -> int:
    """The page in the middle of the rows."""
    leaves = "SELECT pageno FROM dbstat WHERE name = ? AND pagetype = 'leaf' ORDER BY path"
    connection = apsw.Connection(str(path))
    pages = [page for (page,) in connection.execute(leaves, (table,))]
    connection.close()
    return int(pages[len(pages) // 2])


def _overwrite(path: Path, page: int) -> None:
    with path.open("r+b", buffering=0) as file:
        file.seek((page - 1) * PAGE)
        file.write(random.Random(4711).randbytes(PAGE))


def files_of(shop: Shop) -> list[Path]:
    """The store's file, and what SQLite has beside it; not its key."""
    return [file for file in shop.path.parent.glob("store.db*") if file.suffix != ".key"]


@contextmanager
def _put_right_by_a_backup(shop: Shop) -> Iterator[None]:
    """Move the damaged file away and restore a backup, as an operator does."""
    with _backup(shop) as backup:
        account = shop.store.accounts.get(USERNAME)
        shop.store.accounts.set_enabled(account, True)  # a write: others read their pages anew
        assert shop.store.maintenance.checkpoint_wal(5)
        shop.store.close()
        yield
        shop.store.close()
        for file in files_of(shop):  # the way that `doctor` tells
            file.rename(file.with_name(f"damaged-{file.name}"))
        restore(shop.store, backup)
        for file in shop.path.parent.glob("damaged-*"):
            file.unlink()


@contextmanager
def _backup(shop: Shop) -> Iterator[Path]:
    folder = shop.path.parent.with_name("backup")
    folder.mkdir()
    back_up(shop.store, folder / "backup.db")
    shop.store.close()
    yield folder / "backup.db"
    shutil.rmtree(folder)
