"""Writers of several processes over one store, some of which are killed or see it replaced."""

from __future__ import annotations

import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from boxis_gateway.errors import Unavailable
from boxis_gateway.store import Store, Write, Writer
from boxis_gateway.store.engines.base import EVERY_ACCOUNT
from tests.support.example_account import NOW
from tests.support.stores import Stores, store_at
from tests.support.waiting import LIMIT_SECONDS, until

WRITES = 120
AT_ONCE = 8
WRITING = """
import sys
from collections import deque
from datetime import UTC, datetime
from boxis_gateway.store import Store, Write, Writer

url, name, writes, at_once = sys.argv[1], sys.argv[2], *map(int, sys.argv[3:])
store = Store(url)
writer, futures = Writer(store, wait_seconds=60), deque()
now = datetime.now(UTC)

def add(number):
    return Write(lambda: store.customers.add(f"{name}-{number}", now).name)

for number in range(writes):
    futures.append(writer.submit(add(number)))
    if len(futures) == at_once:
        print(futures.popleft().result(), flush=True)
for future in futures:
    print(future.result(), flush=True)
writer.close()
"""


def begin(store: Store, name: str) -> subprocess.Popen[str]:
    """A process that adds customers, and says which are committed."""
    words = [sys.executable, "-c", WRITING, store.url, name, str(WRITES), str(AT_ONCE)]
    return subprocess.Popen(words, stdout=subprocess.PIPE, text=True)


def customers(store: Store) -> set[str]:
    """The customers. Each was added as a whole: the audit has them all."""
    with store.serving():
        names = sorted(customer.name for customer in store.customers.all())
        entries = [one.subject for one in store.audit.entries("0", "9999") if "add" in one.what]
    assert sorted(entries) == names
    return set(names)


def test_two_processes_write_all_that_they_are_given(store: Store) -> None:
    processes = [begin(store, name) for name in "ab"]
    said = [process.communicate(timeout=LIMIT_SECONDS)[0].split() for process in processes]
    assert said == [[f"{name}-{number}" for number in range(WRITES)] for name in "ab"]
    assert customers(store) == {*said[0], *said[1]}


@pytest.mark.parametrize("at", [1, 7, 20, 55, 100])
def test_a_killed_process_loses_nothing_that_is_committed(store: Store, at: int) -> None:
    survivor = begin(store, "survivor")
    with begin(store, "victim") as victim:
        assert victim.stdout
        said = [victim.stdout.readline().strip() for _ in range(at)]
        victim.kill()
        said += [line.strip() for line in victim.stdout if line.endswith("\n")]
    said += survivor.communicate(timeout=LIMIT_SECONDS)[0].split()
    stored = customers(store)
    assert set(said) <= stored
    assert {f"survivor-{number}" for number in range(WRITES)} <= stored
    assert len(stored - set(said)) <= AT_ONCE
    assert store.find_damage() == ""


def add(store: Store, name: str) -> Write[str]:
    return Write(lambda: store.customers.add(name, NOW).name)


@pytest.mark.sqlite_only("a file is replaced")
def test_a_writer_notices_that_its_file_is_moved_and_replaced(
    stores: Stores, store: Store, tmp_path: Path
) -> None:
    with closing(Writer(store)) as writer:
        assert writer.submit(add(store, "first")).result(LIMIT_SECONDS) == "first"
        away = tmp_path / "away.db"
        store.path.rename(away)
        with pytest.raises(Unavailable) as raised:
            writer.submit(add(store, "nowhere")).result(LIMIT_SECONDS)
        assert "There is no store" in raised.value.problem
        stores.make(store.path).close()
        assert writer.submit(add(store, "second")).result(LIMIT_SECONDS) == "second"
        assert customers(store) == {"second"}
        away.replace(store.path)
        assert writer.submit(add(store, "third")).result(LIMIT_SECONDS) == "third"
        assert customers(store) == {"first", "third"}


@pytest.mark.sqlite_only("a file is replaced")
def test_nobody_reads_the_next_file_while_a_write_waits_with_the_former(
    stores: Stores, store: Store, tmp_path: Path
) -> None:
    """Two connections of a process would share the log of one and the other."""
    stores.make(tmp_path / "next.db").close()
    with closing(Writer(store)) as writer, closing(store_at(store.url)) as holder:
        assert writer.submit(add(store, "first")).result(LIMIT_SECONDS) == "first"
        with store.serving():
            assert customers(store) == {"first"}
        with holder.database.write_transaction(EVERY_ACCOUNT):
            waiting = writer.submit(add(store, "second"))
            until(writer._queue.empty)
            (tmp_path / "next.db").replace(store.path)
            with pytest.raises(Unavailable) as raised, store.serving():
                customers(store)
            assert "A write waits with the store" in raised.value.problem
        holder.close()
        assert waiting.result(LIMIT_SECONDS) == "second"
        with store.serving():
            assert customers(store) == {"second"}
        assert store.find_damage() == ""


@pytest.mark.sqlite_only("a file is replaced")
def test_a_writer_outlives_its_lock_file(store: Store) -> None:
    with closing(Writer(store)) as writer:
        for name in ("first", "second"):
            assert writer.submit(add(store, name)).result(LIMIT_SECONDS) == name
            Path(f"{store.path}-lock").unlink()
    assert customers(store) == {"first", "second"}
