"""Groups of writes in PostgreSQL: their locks, and their pipeline."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from boxis_gateway.store import Store, Write, Writer
from boxis_gateway.store.engines.errors import TransactionLost
from boxis_gateway.store.engines.postgresql.database import LOCKS, OTHERS
from tests.support.postgresql_server import Databases
from tests.support.stores import store_at
from tests.support.waiting import LIMIT_SECONDS, until

WAITING_SQL = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
FREE_SQL = "SELECT pg_try_advisory_xact_lock({}, {})"
INSERT_SQL = "INSERT INTO followed_log VALUES (?, 1, '', 1, 1, NULL)"
UPDATE_SQL = "UPDATE followed_log SET line = line + 1"


@pytest.fixture
def store(databases: Databases, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    monkeypatch.setenv("BOXIS_GATEWAY_SECRET_KEY_FILE", str(tmp_path / "key"))
    with closing(store_at(databases.new())) as store:
        store.migrate()
        yield store


@pytest.fixture
def database(store: Store) -> Any:
    return store.database


def test_groups_take_their_locks_in_one_order(store: Store, database: Any) -> None:
    other, third = store_at(store.url).database, store_at(store.url).database

    def write() -> None:
        with closing(other), other.group_transaction([2, None, 1], LIMIT_SECONDS):
            pass

    waiting = threading.Thread(target=write)
    with closing(third):
        with database.group_transaction([1], 0):
            waiting.start()
            until(lambda: third.execute_sql(WAITING_SQL).fetchone()[0])
            assert third.execute_sql(FREE_SQL.format(LOCKS + 1, 2)).fetchone() == (True,)
            assert third.execute_sql(FREE_SQL.format(LOCKS, OTHERS)).fetchone() == (False,)
        waiting.join(LIMIT_SECONDS)
        assert not waiting.is_alive()


def test_a_group_is_a_pipeline_and_a_write_alone_is_none(store: Store, database: Any) -> None:
    def is_pipelined() -> bool:
        return database.connection().pipeline_in_use is not None

    entered, gate = threading.Event(), threading.Event()

    def wait() -> bool:
        entered.set()
        return gate.wait(LIMIT_SECONDS) and is_pipelined()

    with closing(Writer(store)) as writer:
        futures = [writer.submit(Write(wait))]
        assert entered.wait(LIMIT_SECONDS)
        futures += [writer.submit(Write(is_pipelined)) for _ in range(2)]
        gate.set()
        assert [future.result(LIMIT_SECONDS) for future in futures] == [False, True, True]


def test_an_error_of_a_statement_loses_the_group(database: Any) -> None:
    def write(*, late: bool) -> None:
        with database.group_transaction([None, None], 1):
            assert database.execute_sql(INSERT_SQL, ("log",)).rowcount == 1
            second = database.execute_sql(INSERT_SQL, ("log",))
            assert late or second.rowcount

    for late in (True, False):
        with pytest.raises(TransactionLost) as raised:
            write(late=late)
        assert "duplicate key" in repr(raised.value.__cause__)
        assert database.execute_sql(UPDATE_SQL).rowcount == 0
