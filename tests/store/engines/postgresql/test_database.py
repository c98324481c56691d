"""PostgreSQL's own: SQL, tables, long streams."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest

from boxis_gateway.doctor import check_database
from boxis_gateway.errors import ConfigurationError, StoreError
from boxis_gateway.settings import Settings, without_secret
from boxis_gateway.store import Store
from boxis_gateway.store.engines.errors import translate_errors
from boxis_gateway.store.engines.postgresql import rows as postgresql_rows
from boxis_gateway.store.engines.postgresql.connection import ConnectionFactory
from boxis_gateway.store.engines.postgresql.dialect import numbered_parameters, ordered_parameters
from boxis_gateway.store.messages import exports
from boxis_gateway.store.tables import TABLES
from tests.support.example_account import NOW, USER_KEY, USERNAME, add_messages
from tests.support.postgresql_server import Databases, name_of
from tests.support.stores import store_at

COLUMNS_SQL = """
    SELECT column_name, is_nullable = 'YES', data_type = 'text' AND collation_name = 'C'
    FROM information_schema.columns WHERE table_name = ? ORDER BY ordinal_position
"""


@pytest.fixture
def store(databases: Databases, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    monkeypatch.setenv("BOXIS_GATEWAY_SECRET_KEY_FILE", str(tmp_path / "key"))
    store = store_at(databases.new(), stream_seconds=60)
    store.create()
    store.migrate()
    yield store
    store.close()


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table._meta.table_name)
def test_the_tables_are_those_of_the_models(store: Store, table: type) -> None:
    fields = table._meta.sorted_fields  # type: ignore[attr-defined]
    rows = store.database.execute_sql(COLUMNS_SQL, (table._meta.table_name,)).fetchall()  # type: ignore[attr-defined]
    assert [row[0] for row in rows] == [field.column_name for field in fields]
    assert [row[1] for row in rows] == [field.null for field in fields]
    texts = [field.field_type in ("TEXT", "VARCHAR") for field in fields]
    referred = [getattr(field, "rel_field", field).field_type == "VARCHAR" for field in fields]
    assert [row[2] for row in rows] == [a or b for a, b in zip(texts, referred, strict=True)]


@pytest.mark.parametrize(
    ("sql", "numbered", "names"),
    [
        ("SELECT ? + ?", "SELECT $1 + $2", ()),
        ("SELECT ?2, ?1, ?2", "SELECT $2, $1, $2", ()),
        ("SELECT :b, :a, :b", "SELECT $1, $2, $1", ("b", "a")),
        ("SELECT '?', \"a?\", '1'::text, ?", "SELECT '?', \"a?\", '1'::text, $1", ()),
    ],
)
def test_parameters_are_numbered(sql: str, numbered: str, names: tuple[str, ...]) -> None:
    assert numbered_parameters(sql) == (numbered, names)


def test_named_parameters_go_by_their_numbers() -> None:
    assert ordered_parameters(("b", "a"), {"a": 1, "b": 2, "c": 3}) == [2, 1]


def test_letters_are_folded_as_python_folds_them(store: Store) -> None:
    letters = [chr(one) for one in range(1, sys.maxunicode) if chr(one).casefold() != chr(one)]
    sql = "SELECT has_folded(CAST(? AS text), CAST(? AS text))"
    together = "".join(letters)
    assert store.database.execute_sql(sql, (together, together.casefold())).fetchone() == (True,)
    assert store.database.execute_sql(sql, ("ss", "ß")).fetchone() == (False,)


def test_a_stream_has_a_longest_time(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = SimpleNamespace(monotonic=lambda: 0.0)
    monkeypatch.setattr(postgresql_rows, "time", clock)
    account = store.accounts.add(USERNAME, USER_KEY, NOW)
    add_messages(store, account, *[{"date": f"2012-05-09 08:{n % 60:02}:00"} for n in range(400)])
    whole = store.history.read(account.id, with_status=False)
    assert sum(map(len, whole)) == 400
    held = store.history.read(account.id, with_status=False)
    next(held)
    clock.monotonic = lambda: 60.0
    with pytest.raises(StoreError, match="too long"):
        next(held)
    assert store.database.execute_sql("SELECT pg_is_in_recovery()", ()).fetchone() == (False,)


def test_a_walk_goes_by_keys_in_tables_without_statistics(store: Store) -> None:
    """A hash or a sort would read all submissions of an account for each of its messages."""
    anna = store.accounts.add(USERNAME, USER_KEY, NOW)
    add_messages(
        store, anna, *[{"date": f"2012-05-{1 + n // 1440:02} 10:00:00"} for n in range(10_000)]
    )
    sql, parameters = (
        exports._sql(store.database.dialect, ()),
        (USERNAME, anna.id, 0, 1 << 62, True, ""),
    )
    words, names = numbered_parameters(f"EXPLAIN DECLARE walk CURSOR FOR {sql}")
    with closing(store.database.snapshot()):
        connection = store.database.connection()
        plan = (
            psycopg.RawCursor(connection)
            .execute(words, ordered_parameters(names, parameters))
            .fetchall()
        )
    told = "\n".join(line for (line,) in plan)
    assert "Index Cond: ((account_id = '1'::bigint) AND (id = m.submission_id))" in told
    assert "Sort" not in told


def test_a_month_has_its_partition_once_it_has_a_message(store: Store) -> None:
    account = store.accounts.add(USERNAME, USER_KEY, NOW)
    add_messages(store, account, {"date": "2011-12-31 23:59:59"}, {"date": "1999-01-01 00:00:00"})
    sql = "SELECT count(*) FROM message_2011_12 UNION ALL SELECT count(*) FROM message_1999_01"
    assert store.database.execute_sql(sql, ()).fetchall() == [(1,), (1,)]


@pytest.mark.parametrize("change", ["UPDATE audit_entry SET who = ''", "TRUNCATE audit_entry"])
def test_the_audit_stays_as_it_is(store: Store, change: str) -> None:
    store.accounts.add(USERNAME, USER_KEY, NOW)
    with pytest.raises(psycopg.Error, match="append-only"):
        store.database.connection().execute(change)


def test_a_failed_login_is_reported_without_the_password(databases: Databases) -> None:
    store = Store("postgresql://somebody:s3cret@127.0.0.1:1/gateway")
    with pytest.raises(StoreError) as told_so:
        store.require_current()
    assert "s3cret" not in str(told_so.value)
    assert store.name == "postgresql://127.0.0.1:1/gateway"


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://somebody:s3@cret@127.0.0.1/gateway",
        "postgresql://somebody:12/s3cret@127.0.0.1/gateway",
        "postgresql://somebody:s3cret%zz@127.0.0.1/gateway",
        "postgresql://127.0.0.1/gateway?sslpassword=a&s3cret=b",
        "host=127.0.0.1 password=s3cret",
    ],
)
def test_a_password_in_an_invalid_url_is_hidden(url: str) -> None:
    with pytest.raises(ConfigurationError, match="postgresql://USER:PASSWORD@HOST") as told_so:
        Store(url)
    assert "cret" not in str(told_so.value)


@pytest.mark.parametrize(
    "url", ["host=127.0.0.1 password=s3cret", "postgresql:///gateway?sslpassword=s3cret&host=/run"]
)
def test_settings_are_shown_without_passwords_of_any_form(url: str) -> None:
    assert without_secret(url) == url.replace("s3cret", "***")


def test_a_password_with_a_blank_is_not_shown_either() -> None:
    assert without_secret("password='s3 cret' host=::1") == "password=*** host=::1"


def test_a_misspelt_url_parameter_is_named() -> None:
    with pytest.raises(ConfigurationError, match='"sslmod"'):
        Store("postgresql://127.0.0.1/gateway?sslmod=require")


def test_a_database_that_does_not_take_every_text_gets_no_tables(
    databases: Databases, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BOXIS_GATEWAY_SECRET_KEY_FILE", str(tmp_path / "key"))
    url = databases.new()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE DATABASE latin TEMPLATE template0 ENCODING LATIN2 LOCALE 'C'")
    store = store_at(url.replace(name_of(url), "latin"))
    with pytest.raises(StoreError, match=r"LATIN2, .*createdb --encoding=UTF8"):
        store.migrate()
    assert store.database.get_tables() == []
    assert not (tmp_path / "key").exists()
    store.close()


def advice(store: Store) -> set[str]:
    return {text.partition(": ")[2] for text, _, is_grave in store.advice() if is_grave}


def test_a_user_without_ownership_is_advised(store: Store) -> None:
    assert advice(store) == set()
    run = store.database.execute_sql
    run("CREATE ROLE guest")
    run("SET ROLE guest")
    assert advice(store) == {
        "This user may not create tables, and each month needs one.",
        "Another user owns the tables, so VACUUM, which 'erase' needs, skips them.",
    }
    run("RESET ROLE; DROP ROLE guest")


def test_doctor_compares_the_connections_that_the_server_needs_and_has(store: Store) -> None:
    def said(**settings: int) -> list[str]:
        found = check_database(Settings(database_url=store.url, **settings))
        return [finding.text for finding in found if "connections" in finding.text]

    limit = store.connection_limit()
    assert limit
    assert said(workers=1, max_process_streams=limit - 2) == []
    (text,) = said(workers=1, max_process_streams=limit - 1)
    assert text == f"The server needs up to {limit + 1} connections; the database has {limit}."
    store.database.execute_sql(f'ALTER DATABASE "{name_of(store.url)}" CONNECTION LIMIT 20')
    assert store.connection_limit() == 20


def test_a_read_only_user_is_advised(store: Store) -> None:
    store.database.execute_sql("SET default_transaction_read_only = on")
    assert advice(store) == {"Nothing can be written: the server is a replica, or read-only."}


class Lent:
    """A connection of a pooler's, whichever of the server's is behind it."""

    def __init__(self, real: psycopg.Connection[Any]) -> None:
        self.execute, self.info = real.execute, self
        self.backend_pid = -real.info.backend_pid

    def close(self) -> None:
        pass


def test_a_transaction_pooler_is_reported(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    store.require_no_transaction_pooler()
    first, second = store.database.connection(), psycopg.connect(store.url, autocommit=True)
    own, same = iter((Lent(first), Lent(second))), iter((Lent(first), Lent(first)))
    monkeypatch.setattr(ConnectionFactory, "connect", lambda self: next(own))
    store.require_no_transaction_pooler()
    monkeypatch.setattr(ConnectionFactory, "connect", lambda self: next(same))
    with pytest.raises(StoreError, match="pool_mode = session"):
        store.require_no_transaction_pooler()
    second.close()


@pytest.mark.parametrize(
    ("statement", "remedy"),
    [
        ("SET ROLE pg_monitor; SELECT * FROM account", "own the database"),
        ("SET transaction_read_only = on; DELETE FROM account", "takes writes"),
    ],
)
def test_errors_of_the_server_have_a_remedy(store: Store, statement: str, remedy: str) -> None:
    with pytest.raises(StoreError, match=remedy), translate_errors():
        store.database.execute_sql(statement)


def test_no_store_is_created_without_a_key_file(databases: Databases) -> None:
    store = store_at(databases.new())
    with pytest.raises(ConfigurationError, match="BOXIS_GATEWAY_SECRET_KEY_FILE"):
        store.migrate()
    assert store.database.get_tables() == []
    store.close()


def test_somebody_elses_database_is_left_alone(databases: Databases) -> None:
    url = databases.new()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE theirs (id integer)")
    store = store_at(url)
    with pytest.raises(StoreError, match="something else"):
        store.migrate()
    store.close()
