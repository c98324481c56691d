"""Writer: group commit on one thread."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from contextlib import closing, suppress
from typing import Any

import apsw
import pytest

from boxis_gateway.errors import StoreError, Unavailable
from boxis_gateway.levels import Level
from boxis_gateway.model import Account, NewMessage
from boxis_gateway.store import Store, Write, Writer, write_group
from boxis_gateway.store import writer as writer_module
from tests.support.example_account import NOW
from tests.support.stores import store_at
from tests.support.waiting import LIMIT_SECONDS


@pytest.fixture
def writer(store: Store) -> Iterator[Writer]:
    with closing(Writer(store)) as writer:
        yield writer


def add(store: Store, name: str) -> Write[str]:
    """Add a customer."""

    def run() -> str:
        store.customers.add(name, NOW)
        return name

    return Write(run)


def fail(error: BaseException, before: Callable[[], object] = lambda: None) -> Write[None]:
    """Do something, then raise."""

    def run() -> None:
        before()
        raise error

    return Write(run)


def customers(store: Store) -> list[str]:
    return sorted(customer.name for customer in store.customers.all())


def result(future: Future[Any]) -> Any:
    return future.result(LIMIT_SECONDS)


def reason(future: Future[Any]) -> str:
    """The reason of a write that is Unavailable."""
    error = future.exception(LIMIT_SECONDS)
    assert isinstance(error, Unavailable)
    return error.reason


class Gate(threading.Event):
    """A write that occupies the writer until the gate is set."""

    def __init__(self, writer: Writer) -> None:
        super().__init__()
        self._entered = threading.Event()
        self.future = writer.submit(Write(self._run))
        assert self._entered.wait(LIMIT_SECONDS)

    def _run(self) -> None:
        self._entered.set()
        assert self.wait(LIMIT_SECONDS)


def together(writer: Writer, *writes: Write[Any]) -> list[Future[Any]]:
    """Futures of writes that are one group."""
    gate = Gate(writer)
    futures = [writer.submit(write) for write in writes]
    gate.set()
    return futures


def test_a_write_is_committed_before_its_future_has_the_result(
    store: Store, writer: Writer
) -> None:
    seen: list[list[str]] = []
    other = Store(store.url)
    futures = together(writer, add(store, "one"), add(store, "two"))
    futures[0].add_done_callback(lambda _: seen.append(customers(other)))
    assert [result(future) for future in futures] == ["one", "two"]
    writer.close()
    assert seen == [["one", "two"]]


def test_what_comes_meanwhile_is_one_transaction(store: Store, writer: Writer) -> None:
    commits: list[int] = []
    commit = store.database.commit
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(store.database, "commit", lambda: (commits.append(1), commit()))
        futures = together(writer, *(add(store, f"customer {n}") for n in range(5)))
        assert [result(future) for future in futures] == [f"customer {n}" for n in range(5)]
    assert len(commits) == 2


def test_a_group_is_bounded(store: Store, writer: Writer, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    commit = write_group.WriteGroup.commit

    def note(group: write_group.WriteGroup) -> None:
        sizes.append(len(group._writes))
        commit(group)

    monkeypatch.setattr(writer_module, "GROUP_WRITES", 3)
    monkeypatch.setattr(write_group.WriteGroup, "commit", note)
    assert [result(f) for f in together(writer, *[Write(bool)] * 7)] == [False] * 7
    assert sizes == [1, 3, 3, 1]


def test_a_write_that_fails_takes_nobody_along(store: Store, writer: Writer) -> None:
    first, failing, last = together(
        writer,
        add(store, "first"),
        fail(ValueError("no"), add(store, "undone").run),
        add(store, "last"),
    )
    assert (result(first), result(last)) == ("first", "last")
    with pytest.raises(ValueError, match="no"):
        result(failing)
    assert customers(store) == ["first", "last"]


def test_a_write_that_fails_inside_a_savepoint_of_its_own_is_undone_as_a_whole(
    store: Store, writer: Writer
) -> None:
    def run() -> None:
        store.customers.add("undone", NOW)
        with suppress(ValueError), store.database.atomic():
            store.customers.add("inner", NOW)
            raise ValueError("inner")
        store.customers.add("undone as well", NOW)
        raise ValueError("outer")

    failing, _ = together(writer, Write(run), add(store, "other"))
    with pytest.raises(ValueError, match="outer"):
        result(failing)
    assert customers(store) == ["other"]


def test_a_write_whose_statement_fails_takes_nobody_along(store: Store, writer: Writer) -> None:
    known_late = "UPDATE customer SET name = name WHERE 1 = 'x'"  # an error in PostgreSQL
    first, failing, late, last = together(
        writer,
        add(store, "first"),
        Write(lambda: store.database.execute_sql("SELECT nothing")),
        Write(lambda: store.database.execute_sql(known_late)),
        add(store, "last"),
    )
    assert (result(first), result(last)) == ("first", "last")
    with pytest.raises(Exception, match="nothing"):
        result(failing)
    late.exception(LIMIT_SECONDS)
    assert customers(store) == ["first", "last"]


def test_a_write_that_fails_alone_is_undone(store: Store, writer: Writer) -> None:
    failing = writer.submit(fail(ValueError("no"), add(store, "undone").run))
    with pytest.raises(ValueError, match="no"):
        result(failing)
    assert customers(store) == []


def test_writes_of_a_lost_transaction_get_one_each(store: Store, writer: Writer) -> None:
    ran: list[str] = []

    def lose() -> None:
        ran.append("lose")
        store.customers.add("loser", NOW)
        if ran.count("lose") == 1:
            store.database.execute_sql("ROLLBACK")
            raise ValueError("the transaction is lost")

    def note() -> str:
        ran.append("note")
        return add(store, "other").run()

    losing, other = together(writer, Write(lose), Write(note))
    assert (result(losing), result(other)) == (None, "other")
    assert ran[-2:] == ["lose", "note"]
    assert ran.count("lose") == 2
    assert customers(store) == ["loser", "other"]


def test_a_commit_that_fails_is_not_repeated(store: Store, writer: Writer) -> None:
    ran: list[int] = []
    gate = Gate(writer)
    futures = [writer.submit(Write(lambda: ran.append(1))) for _ in range(3)]
    commit = store.database.commit

    def fail_once() -> None:
        if ran:
            monkeypatch.undo()
            raise StoreError("The disk is full.")
        commit()

    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(store.database, "commit", fail_once)
        gate.set()
        assert [reason(future) for future in futures] == ["unusable"] * 3
    assert len(ran) == 3
    assert result(writer.submit(add(store, "after"))) == "after"
    assert customers(store) == ["after"]


def test_a_fault_of_the_store_is_unavailable(writer: Writer) -> None:
    failing, other = together(writer, fail(StoreError("The disk.")), Write(lambda: 1))
    assert reason(failing) == "unusable"
    assert "The disk." in str(failing.exception().problem)  # type: ignore[union-attr]
    assert result(other) == 1


def test_writes_wait_for_another_writer_not_for_ever(store: Store) -> None:
    with closing(Writer(store, wait_seconds=0.05)) as writer:
        with Store(store.url).database.atomic():
            futures = [writer.submit(Write(bool)) for _ in range(3)]
            assert [reason(future) for future in futures] == ["busy"] * 3
        assert result(writer.submit(add(store, "after"))) == "after"


@pytest.mark.sqlite_only("another program does not queue")
def test_writes_wait_for_another_program(store: Store) -> None:
    impatient = store_at(store.url, lock_seconds=0)
    foreign = apsw.Connection(str(store.path))
    foreign.execute("BEGIN IMMEDIATE")
    with closing(Writer(impatient)) as writer:
        future = writer.submit(add(impatient, "patient"))
        assert not wait([future], timeout=0.2).done
        foreign.close()
        assert result(future) == "patient"


def test_a_full_queue_refuses(writer: Writer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer_module, "QUEUE_WRITES", 2)
    gate = Gate(writer)
    futures = [writer.submit(Write(lambda: 1)) for _ in range(2)]
    with pytest.raises(Unavailable) as raised:
        writer.submit(Write(lambda: 2))
    assert raised.value.reason == "queue"
    gate.set()
    assert [result(future) for future in futures] == [1, 1]


def test_a_waiting_write_can_be_cancelled(store: Store, writer: Writer) -> None:
    gate = Gate(writer)
    future = writer.submit(add(store, "one"))
    assert future.cancel()
    assert not gate.future.cancel()
    gate.set()
    assert result(writer.submit(add(store, "two"))) == "two"
    assert customers(store) == ["two"]


def test_a_callback_that_fails_breaks_nothing(store: Store, writer: Writer) -> None:
    def exit_() -> None:
        raise SystemExit

    gate = Gate(writer)
    first, second = writer.submit(add(store, "first")), writer.submit(add(store, "second"))
    thread = writer._thread
    first.add_done_callback(lambda _: exit_())
    gate.set()
    assert (result(first), result(second)) == ("first", "second")
    assert result(writer.submit(add(store, "third"))) == "third"
    assert writer._thread is thread


def test_a_writer_that_dies_is_replaced(
    store: Store, writer: Writer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(writer_module, "GROUP_WRITES", 3)
    futures = together(
        writer,
        add(store, "undone"),
        fail(SystemExit()),
        Write(lambda: 1),
        add(store, "of the next group"),
    )
    assert [reason(future) for future in futures[:3]] == ["writer"] * 3
    assert result(futures[3]) == "of the next group"
    assert result(writer.submit(add(store, "after"))) == "after"
    assert customers(store) == ["after", "of the next group"]
    assert "the writer thread failed" in caplog.text


def test_a_writer_that_dies_in_a_commit_lets_others_write(store: Store, writer: Writer) -> None:
    def die() -> None:
        monkeypatch.undo()
        raise SystemExit

    with pytest.MonkeyPatch.context() as monkeypatch:
        gate = Gate(writer)
        monkeypatch.setattr(store.database, "commit", die)
        gate.set()
        assert reason(gate.future) == "writer"
    with Store(store.url, lock_seconds=LIMIT_SECONDS).database.atomic():
        pass
    assert result(writer.submit(Write(lambda: 1))) == 1


def test_without_a_thread_writes_are_refused(
    store: Store, writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", refuse)
        with pytest.raises(Unavailable) as raised:
            writer.submit(Write(bool))
    assert raised.value.reason == "thread"
    gate = Gate(writer)
    dying, waiting = writer.submit(fail(SystemExit())), writer.submit(Write(bool))
    with monkeypatch.context() as patched:
        patched.setattr(writer_module, "GROUP_WRITES", 1)
        patched.setattr(threading.Thread, "start", refuse)
        gate.set()
        assert (reason(dying), reason(waiting)) == ("writer", "thread")
    assert result(writer.submit(Write(lambda: 1))) == 1


def test_closing_finishes_what_is_queued(store: Store) -> None:
    writer = Writer(store)
    gate = Gate(writer)
    futures = [writer.submit(add(store, name)) for name in "abc"]
    closing = threading.Thread(target=writer.close)

    def prepare() -> None:
        gate.wait(LIMIT_SECONDS)
        closing.join(0.1)

    prepared = writer.submit(Write(closing.is_alive, prepare=prepare))
    closing.start()
    gate.set()
    closing.join(LIMIT_SECONDS)
    assert [future.result(0) for future in futures] == ["a", "b", "c"]
    assert prepared.result(0)
    with pytest.raises(Unavailable):
        writer.submit(add(store, "d"))


def test_a_preparation_that_fails_is_the_end_of_the_write(writer: Writer) -> None:
    ran: list[int] = []

    def raise_(error: BaseException) -> None:
        raise error

    failing = writer.submit(
        Write(lambda: ran.append(1), prepare=lambda: raise_(ValueError("password")))
    )
    dying = writer.submit(Write(lambda: ran.append(1), prepare=lambda: raise_(SystemExit())))
    with pytest.raises(ValueError, match="password"):
        result(failing)
    assert reason(dying) == "writer"
    assert result(writer.submit(Write(lambda: 1, prepare=lambda: None))) == 1
    assert not ran


def test_groups_have_all_that_the_store_does(
    store: Store, writer: Writer, account: Account
) -> None:
    """Rows that are counted, bulk inserts, and partitions of new months."""
    customer = store.customers.get(account.username)
    anna = store.employees.add(customer, "anna", "", Level.OWNER, None, NOW)
    other = store.accounts.add("other@example.com", "k", NOW)
    store.tokens.add(anna, "digest", NOW, machine=True)

    def messages(year: int) -> list[tuple[int, NewMessage]]:
        return [
            (n, NewMessage("+48514", "boxis.net", f"{year}-05-09 08:00:{n:02}")) for n in range(20)
        ]

    ended, missing, added, added_too, failing = together(
        writer,
        Write(lambda: store.tokens.end(anna, "digest")),
        Write(lambda: store.tokens.end(anna, "digest")),
        Write(lambda: store.additions.add(account.id, messages(2031)).new, account.id),
        Write(lambda: store.additions.add(other.id, messages(2031)).new, other.id),
        fail(ValueError(), lambda: store.additions.add(account.id, messages(2032))),
    )
    assert [result(f) for f in (ended, missing, added, added_too)] == [True, False, 20, 20]
    assert failing.exception(LIMIT_SECONDS)
    assert (
        result(
            writer.submit(
                Write(lambda: store.additions.add(account.id, messages(2032)).new, account.id)
            )
        )
        == 20
    )
    assert len(store.history.recent(account.id, "2031", "2033", 100)) == 40


FORKING = """
import os, signal, sys
from boxis_gateway.store import Store, Write, Writer

store = Store(sys.argv[1])
writer = Writer(store)
with Store(sys.argv[1]).database.write_queue(0):
    queued = [writer.submit(Write(lambda: os.write(1, b"queued "))) for _ in range(2)]
    child = os.fork()
signal.alarm(60)
if child:
    [future.result() for future in queued]
    os.waitpid(child, 0)
else:
    writer.submit(Write(lambda: os.write(1, b"forked "))).result()
writer.close()
"""


@pytest.mark.sqlite_only("a connection of psycopg does not survive a fork")
def test_a_forked_process_has_a_writer_of_its_own(store: Store) -> None:
    said = subprocess.run(
        [sys.executable, "-c", FORKING, store.url],
        capture_output=True,
        text=True,
        timeout=LIMIT_SECONDS,
    )
    assert sorted(said.stdout.split()) == ["forked", "queued", "queued"], said.stderr
