"""Code for Citus, on a PostgreSQL without it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

from boxis_gateway.errors import StoreError, Unavailable
from boxis_gateway.model import NewMessage
from boxis_gateway.store import Store
from boxis_gateway.store.engines.errors import translate_errors
from boxis_gateway.store.engines.postgresql.citus import ShardMap
from boxis_gateway.store.engines.postgresql.database import PostgresDatabase
from tests.support.engines import statements
from tests.support.example_account import NOW, USER_KEY
from tests.support.postgresql_server import Databases
from tests.support.stores import store_at

MAY = [f"2012-05-{day:02} 10:00:00" for day in range(1, 29)]


@pytest.fixture
def server_store(
    databases: Databases, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Store]:
    """A store in PostgreSQL, which is not spread."""
    monkeypatch.setenv("BOXIS_GATEWAY_SECRET_KEY_FILE", str(tmp_path / "key"))
    store = store_at(databases.new())
    store.migrate()
    yield store
    store.close()


def test_histories_are_equal_in_pieces(
    server_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = server_store.accounts.add("anna@example.com", USER_KEY, NOW)
    sent = [NewMessage(f"+{n}", "n\0", MAY[n % 3]) for n in range(3_000)]
    server_store.additions.add(account.id, list(enumerate(sent)))

    def history() -> list[Any]:
        return list(chain(*server_store.history.read(account.id, with_status=False)))

    whole = history()
    monkeypatch.setitem(vars(shard_map_of(server_store)), "is_distributed", True)
    assert history() == whole
    assert len({row[1] for row in whole}) == len(sent) == len(whole)
    assert {row[0] for row in whole} == {"n\ufffd"}


def test_the_next_month_has_room_before_it_begins(server_store: Store) -> None:
    server_store.database.ensure_partitions(["2012-05-31 23:59:59", "2012-12-31 23:59:59"])
    assert partitions(server_store) == ["message_2012_05", "message_2012_12", "message_2013_01"]


def test_a_month_needs_no_room_for_the_next(server_store: Store) -> None:
    database = server_store.database
    in_the_way = "FOR VALUES FROM ('2012-06-10') TO ('2012-06-11')"
    database.execute_sql(f"CREATE TABLE message_x PARTITION OF message {in_the_way}")
    database.ensure_partitions(MAY)
    assert partitions(server_store) == ["message_2012_05", "message_x"]


def test_a_worker_that_is_lost_costs_no_connection_to_the_coordinator(server_store: Store) -> None:
    """Else each request of its accounts would open another one, at the expense of all."""
    connection = server_store.database.connection()
    for code in ("08006", "XX000"):
        lost = f"DO $$ BEGIN RAISE 'a worker is lost' USING ERRCODE = '{code}'; END $$"
        with pytest.raises(Unavailable) as told, server_store.serving():
            server_store.database.execute_sql(lost, ())
        assert told.value.reason == "worker"
        assert server_store.database.connection() is connection


def test_a_server_that_is_not_spread_plans_a_history_once(server_store: Store) -> None:
    for account_id in range(1, 20):
        assert not list(server_store.history.read(account_id, with_status=False))
    sql = """
        SELECT sum(custom_plans), sum(generic_plans) > 0 FROM pg_prepared_statements
        WHERE statement LIKE '%FROM message%'
    """
    assert server_store.database.execute_sql(sql).fetchone() == (0, True)


def test_a_commit_with_a_warning_is_no_success(server_store: Store) -> None:
    """Citus says so when a worker was lost that will commit only later."""
    database = server_store.database
    database.execute_sql(WARNS_AT_COMMIT)
    with (
        pytest.raises(StoreError, match="not confirmed"),
        translate_errors(),
        database.atomic(),
    ):
        database.execute_sql("INSERT INTO warned VALUES (1)", ())
    with database.atomic():
        database.execute_sql("SELECT 1", ())


WARNS_AT_COMMIT = """
    CREATE TABLE warned (id integer);
    CREATE FUNCTION warn() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN RAISE WARNING 'failed to commit transaction on 10.0.0.11:5432'; RETURN NULL; END
    $$;
    CREATE CONSTRAINT TRIGGER warn AFTER INSERT ON warned DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW EXECUTE FUNCTION warn();
"""


def partitions(store: Store) -> list[str]:
    sql = "SELECT relname FROM pg_class WHERE relispartition AND relkind = 'r' ORDER BY 1"
    return [name for (name,) in store.database.execute_sql(sql)]


def shard_map_of(store: Store) -> ShardMap:
    assert isinstance(store.database, PostgresDatabase)
    return store.database.shard_map


def test_a_history_ends_by_time_only_if_tables_are_distributed(
    server_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = server_store.accounts.add("anna@example.com", USER_KEY, NOW)

    def ends() -> tuple[bool, bool]:
        with statements(server_store) as ran:
            list(server_store.history.read(account.id, with_status=True))
        [sql] = [sql for sql in ran if "FROM message" in sql]
        return "sent_at < ?" in sql, "(sent_at, id) < (?, " in sql

    assert ends() == (False, True)
    monkeypatch.setitem(vars(shard_map_of(server_store)), "is_distributed", True)
    assert ends() == (True, False)
