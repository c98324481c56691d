"""Writer: group commit on one thread."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import closing
from typing import Any

import pytest

from boxis_gateway.errors import StoreError, Unavailable
from boxis_gateway.store import Store, Write, Writer
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


def customers(store: Store) -> list[str]:
    return sorted(customer.name for customer in store.customers.all())


def result(future: Future[Any]) -> Any:
    return future.result(LIMIT_SECONDS)


class Gate(threading.Event):
    """A write that occupies the writer until the gate is set."""

    def __init__(self, writer: Writer) -> None:
        super().__init__()
        self.entered = threading.Event()
        self.future = writer.submit(Write(self._run))
        assert self.entered.wait(LIMIT_SECONDS)

    def _run(self) -> None:
        self.entered.set()
        assert self.wait(LIMIT_SECONDS)


def test_a_write_is_committed_before_its_future_has_the_result(
    store: Store, writer: Writer
) -> None:
    seen: list[list[str]] = []
    other = store_at(store.url)
    future = writer.submit(add(store, "one"))
    future.add_done_callback(lambda _: seen.append(customers(other)))
    assert result(future) == "one"
    writer.close()
    assert seen == [["one"]]


def test_what_comes_meanwhile_is_one_transaction(store: Store, writer: Writer) -> None:
    gate = Gate(writer)
    futures = [writer.submit(add(store, f"customer {n}")) for n in range(5)]
    commits: list[int] = []
    commit = store.database.commit
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(store.database, "commit", lambda: (commits.append(1), commit()))
        gate.set()
        assert [result(future) for future in futures] == [f"customer {n}" for n in range(5)]
    assert len(commits) == 2


def fail(error: BaseException, before: Callable[[], object] = lambda: None) -> Write[None]:
    def run() -> None:
        before()
        raise error

    return Write(run)


def test_a_write_that_fails_takes_nobody_along(store: Store, writer: Writer) -> None:
    gate = Gate(writer)
    first = writer.submit(add(store, "first"))
    failing = writer.submit(fail(ValueError("no"), add(store, "undone").run))
    last = writer.submit(add(store, "last"))
    gate.set()
    assert (result(first), result(last)) == ("first", "last")
    with pytest.raises(ValueError, match="no"):
        result(failing)
    assert customers(store) == ["first", "last"]


def test_a_write_that_fails_alone_is_undone(store: Store, writer: Writer) -> None:
    failing = writer.submit(fail(ValueError("no"), add(store, "undone").run))
    with pytest.raises(ValueError, match="no"):
        result(failing)
    assert customers(store) == []


def test_a_fault_of_the_store_is_unavailable(writer: Writer) -> None:
    gate = Gate(writer)
    failing, other = (
        writer.submit(fail(StoreError("The disk."))),
        writer.submit(Write(lambda: 1)),
    )
    gate.set()
    with pytest.raises(Unavailable) as raised:
        result(failing)
    assert raised.value.problem == "The disk."
    assert result(other) == 1


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


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_writer_that_dies_is_replaced(store: Store, writer: Writer) -> None:
    gate = Gate(writer)
    in_hand = [
        writer.submit(add(store, "undone")),
        writer.submit(fail(SystemExit())),
        writer.submit(Write(lambda: 1)),
    ]
    gate.set()
    for future in in_hand:
        with pytest.raises(Unavailable):
            result(future)
    assert result(writer.submit(add(store, "after"))) == "after"
    assert customers(store) == ["after"]


def test_closing_finishes_what_is_queued(store: Store) -> None:
    writer = Writer(store)
    gate = Gate(writer)
    futures = [writer.submit(add(store, name)) for name in "abc"]
    threading.Thread(target=gate.set).start()
    writer.close()
    assert [future.result(0) for future in futures] == ["a", "b", "c"]
    with pytest.raises(Unavailable):
        writer.submit(add(store, "d"))


def test_a_write_whose_statement_fails_takes_nobody_along(store: Store, writer: Writer) -> None:
    gate = Gate(writer)
    first = writer.submit(add(store, "first"))
    failing = writer.submit(Write(lambda: store.database.execute_sql("SELECT nothing")))
    late = writer.submit(
        Write(lambda: store.database.execute_sql("UPDATE customer SET name = name WHERE 1 = 'x'"))
    )
    last = writer.submit(add(store, "last"))
    gate.set()
    assert (result(first), result(last)) == ("first", "last")
    with pytest.raises(Exception, match="nothing"):
        result(failing)
    late.exception(LIMIT_SECONDS)
    assert customers(store) == ["first", "last"]
