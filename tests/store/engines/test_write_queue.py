"""Queue of the writers of a SQLite file, over processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import apsw
import pytest
from peewee import OperationalError

from boxis_gateway.errors import Unavailable
from boxis_gateway.store import Store, Write, Writer
from boxis_gateway.store.engines.sqlite.database import SqliteDatabase
from tests.support.waiting import LIMIT_SECONDS, until

pytestmark = pytest.mark.sqlite_only("PostgreSQL has queues of its own")

HOLDER = """
import sys
from boxis_gateway.store import Store
with Store(sys.argv[1]).database.write_queue(60):
    print("ready", flush=True)
    sys.stdin.read()
"""
WRITE = "INSERT INTO followed_log VALUES ('log', 1, '', 1, 1, NULL)"


@pytest.fixture
def database(store: Store) -> SqliteDatabase:
    """A database whose writers wait for a short time."""
    database = Store(store.url, lock_seconds=0.05).database
    assert isinstance(database, SqliteDatabase)
    return database


@contextmanager
def holder(store: Store) -> Iterator[subprocess.Popen[str]]:
    """A process that has the turn to write, and is in no transaction yet."""
    words = [sys.executable, "-c", HOLDER, store.url]
    process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    assert process.stdout.readline() == "ready\n"
    try:
        yield process
    finally:
        process.send_signal(signal.SIGCONT)
        process.communicate()


def write(database: SqliteDatabase) -> None:
    with database.atomic():
        database.execute_sql("DELETE FROM followed_log")


def waiting_threads() -> int:
    return sum(thread.name == "write-queue" for thread in threading.enumerate())


def test_a_writer_waits_for_the_turn_of_another_process(
    store: Store, database: SqliteDatabase
) -> None:
    with holder(store) as process:
        with pytest.raises(OperationalError, match="locked"):
            write(database)
        patient = threading.Thread(target=write, args=(store.database,))
        patient.start()
        until(lambda: waiting_threads() == 2)
        process.communicate()
        patient.join(LIMIT_SECONDS)
        assert not patient.is_alive()
    write(database)


def test_a_killed_process_lets_others_write(store: Store, database: SqliteDatabase) -> None:
    with holder(store) as process:
        process.kill()
        process.wait()
        write(database)


def test_a_stopped_process_is_waited_for_by_one_thread_only(
    store: Store, database: SqliteDatabase
) -> None:
    with closing(Writer(store, wait_seconds=0.05)) as writer, holder(store) as process:
        os.kill(process.pid, signal.SIGSTOP)
        for _ in range(5):
            with pytest.raises(Unavailable) as raised:
                writer.submit(Write(lambda: 1)).result(LIMIT_SECONDS)
            assert raised.value.reason == "busy"
        assert waiting_threads() == 1
        os.kill(process.pid, signal.SIGCONT)
        process.communicate()
        until(lambda: waiting_threads() == 0)
        assert writer.submit(Write(lambda: 1)).result(LIMIT_SECONDS) == 1
    write(database)


def test_a_wait_that_is_resumed_gets_the_lock(store: Store, database: SqliteDatabase) -> None:
    with holder(store) as process:
        for _ in range(2):
            with pytest.raises(OperationalError), database.write_queue(0):
                raise AssertionError
        patient = threading.Thread(target=enter_and_write, args=(database,))
        patient.start()
        process.communicate()
        patient.join(LIMIT_SECONDS)
        assert not patient.is_alive()
    until(lambda: waiting_threads() == 0)
    write(database)


def test_a_deleted_lock_file_is_not_waited_for(store: Store, database: SqliteDatabase) -> None:
    with holder(store) as stuck:
        with pytest.raises(OperationalError), database.write_queue(0):
            raise AssertionError
        Path(f"{store.path}-lock").unlink()
        with holder(store) as next_one:
            patient = threading.Thread(target=enter_and_write, args=(database,))
            patient.start()
            until(lambda: waiting_threads() == 2)
            next_one.communicate()
            patient.join(LIMIT_SECONDS / 2)
            assert not patient.is_alive()
        stuck.communicate()
    until(lambda: waiting_threads() == 0)


def enter_and_write(database: SqliteDatabase) -> None:
    with database.write_queue(LIMIT_SECONDS):
        write(database)


def in_another_thread(run: Callable[[], object]) -> list[Exception]:
    errors: list[Exception] = []

    def run_it() -> None:
        try:
            run()
        except OperationalError as error:
            errors.append(error)

    thread = threading.Thread(target=run_it)
    thread.start()
    thread.join(LIMIT_SECONDS)
    return errors


def test_transactions_inside_a_turn_do_not_end_it(database: SqliteDatabase) -> None:
    with database.write_queue(0):
        write(database)
        write(database)
        with database.read_transaction():
            pass
        assert in_another_thread(lambda: write(database))
    assert not in_another_thread(lambda: write(database))


def test_a_transaction_that_cannot_begin_leaves_the_queue(
    store: Store, database: SqliteDatabase
) -> None:
    foreign = apsw.Connection(str(store.path))
    foreign.execute("BEGIN IMMEDIATE")
    with pytest.raises(OperationalError, match="locked"):
        write(database)
    with Store(store.url).database.write_queue(0):
        foreign.close()


def test_readers_do_not_queue(store: Store, database: SqliteDatabase) -> None:
    with holder(store), database.read_transaction():
        assert database.execute_sql("SELECT 1").fetchone() == (1,)


def test_a_copied_descriptor_does_not_keep_the_lock(store: Store, database: SqliteDatabase) -> None:
    """A process that is forked meanwhile has one."""
    with database.write_queue(0):
        copy = os.dup(database._write_queue._held.descriptor)
    with Store(store.url).database.write_queue(0):
        os.close(copy)


def test_a_connection_that_is_closed_gives_up_its_turn(
    store: Store, database: SqliteDatabase
) -> None:
    database.begin()
    database.close()
    with Store(store.url).database.write_queue(0):
        pass


def test_a_store_without_a_lock_file_is_written_without_a_queue(
    store: Store, database: SqliteDatabase
) -> None:
    lock = Path(f"{store.path}-lock")
    lock.symlink_to("nowhere")
    with Store(store.url).database.write_queue(0):
        write(database)
    assert not lock.exists()


def test_the_lock_file_is_as_open_as_the_store(store: Store, database: SqliteDatabase) -> None:
    store.path.chmod(0o640)
    if os.geteuid() == 0:
        os.chown(store.path, 1, 2)
    write(database)
    lock, status = Path(f"{store.path}-lock").stat(), store.path.stat()
    assert lock.st_mode == status.st_mode
    assert (lock.st_uid, lock.st_gid) == (status.st_uid, status.st_gid)


def test_the_umask_does_not_close_the_lock_file_to_the_stores_group(
    store: Store, database: SqliteDatabase
) -> None:
    lock = Path(f"{store.path}-lock")
    lock.unlink(missing_ok=True)
    store.path.chmod(0o660)
    before = os.umask(0o077)
    try:
        write(database)
    finally:
        os.umask(before)
    assert lock.stat().st_mode & 0o777 == 0o660


def test_a_lock_file_that_cannot_be_given_away_is_used(
    store: Store, database: SqliteDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    Path(f"{store.path}-lock").unlink(missing_ok=True)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(os, "fchown", refuse)  # as for root in a container without that right
    write(database)
    assert Path(f"{store.path}-lock").exists()


def test_only_a_lock_file_that_it_has_made_is_given_away(
    store: Store, database: SqliteDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock, other = Path(f"{store.path}-lock"), store.path.with_name("other")
    lock.unlink(missing_ok=True)
    other.touch(0o600)
    look = os.stat

    def stat(path: str) -> os.stat_result:
        with suppress(FileExistsError):
            lock.hardlink_to(other)  # in the moment before it is made
        return look(path)

    store.path.chmod(0o666)
    if os.geteuid() == 0:
        os.chown(store.path, 1, 2)
    before = other.stat()
    with monkeypatch.context() as patched:
        patched.setattr(os, "stat", stat)
        write(database)
    after = other.stat()
    assert other.samefile(lock)
    assert (after.st_mode, after.st_uid) == (before.st_mode, before.st_uid)


def test_no_lock_file_is_made_for_a_store_that_is_gone(
    store: Store, database: SqliteDatabase
) -> None:
    store.path.unlink()
    with database.write_queue(0):
        pass
    assert not Path(f"{store.path}-lock").exists()


def test_a_transaction_that_sqlite_has_ended_is_no_success(database: SqliteDatabase) -> None:
    with database.atomic():
        database.execute_sql(WRITE)

    def lose_it() -> None:
        with database.atomic():
            database.execute_sql("DELETE FROM followed_log WHERE position <> 1")
            with pytest.raises(Exception, match="UNIQUE"):
                database.execute_sql(WRITE.replace("INSERT", "INSERT OR ROLLBACK"))

    with pytest.raises(OperationalError, match="no transaction"):
        lose_it()
    write(database)
