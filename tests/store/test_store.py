"""The store: its file, its versions, its accounts."""

from __future__ import annotations

import stat
import threading
from pathlib import Path
from typing import Any

import pytest
from peewee import Model

from boxis_gateway.errors import ConfigurationError, StoreError
from boxis_gateway.importers.reading.columns import to_message
from boxis_gateway.model import NewMessage
from boxis_gateway.store import Criteria, ListQuery, Store
from boxis_gateway.store.engines.schema_version import MIGRATIONS
from boxis_gateway.store.engines.sqlite.database import SqliteDatabase
from boxis_gateway.store.tables import TABLES, Message, MessageRow, Submission, SubmissionRow
from boxis_gateway.zones import find_zone
from tests.support import engines
from tests.support.example_account import NOW, USER_KEY, USERNAME, add_messages
from tests.support.stores import Stores


def schema(database: SqliteDatabase) -> list[str]:
    rows = database.execute_sql(
        "SELECT sql FROM sqlite_master WHERE type != 'trigger' AND sql IS NOT NULL "
        "AND tbl_name != 'schema_migration'"
    )
    return sorted(sql for (sql,) in rows)


@pytest.mark.sqlite_only("the schema as SQLite keeps it")
def test_the_migrations_make_the_tables_of_today(stores: Stores, tmp_path: Path) -> None:
    store = stores.make(tmp_path / "migrated.db")
    (tmp_path / "modelled.db").touch()
    modelled = SqliteDatabase(tmp_path / "modelled.db")
    with modelled.bind_ctx(TABLES):
        modelled.create_tables(TABLES)
    migrated = [sql.removesuffix(" WITHOUT ROWID") for sql in schema(store.database)]
    assert migrated == schema(modelled)
    store.close()
    modelled.close()


@pytest.mark.parametrize(("row", "table"), [(SubmissionRow, Submission), (MessageRow, Message)])
def test_a_row_has_the_columns_of_its_table(row: Any, table: type[Model]) -> None:
    assert list(row._fields) == [field.column_name for field in table._meta.sorted_fields]


@pytest.mark.sqlite_only("there may be no file, or another one")
def test_a_new_store_is_closed_to_other_users(store: Store) -> None:
    assert stat.S_IMODE(store.path.stat().st_mode) == 0o600
    for beside in store.path.parent.iterdir():
        assert stat.S_IMODE(beside.stat().st_mode) & 0o077 == 0, beside


def test_making_and_migrating_again_changes_nothing(store: Store) -> None:
    account = store.accounts.add("anna@example.com", USER_KEY, NOW)
    store.create()
    assert store.migrate() == []
    assert store.accounts.find("ANNA@example.com") == account


@pytest.mark.sqlite_only("there may be no file, or another one")
def test_a_missing_store_names_init(stores: Stores, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="boxis-gateway init"):
        stores.open(tmp_path / "none.db").require_current()
    assert not (tmp_path / "none.db").exists()


def test_a_store_of_an_older_version_names_migrate(store: Store) -> None:
    store.database.execute_sql(
        "DELETE FROM schema_migration WHERE name = (SELECT max(name) FROM schema_migration)"
    )
    with pytest.raises(StoreError, match="boxis-gateway migrate"):
        store.require_current()


def test_a_store_without_tables_names_init(stores: Stores, tmp_path: Path) -> None:
    store = stores.open(tmp_path / "empty.db")
    store.create()
    with pytest.raises(StoreError, match="boxis-gateway init"):
        store.require_current()
    assert store.migrate()
    assert store.require_current() is store
    store.close()


def test_a_newer_store_is_left_alone(store: Store) -> None:
    store.database.execute_sql(
        "INSERT INTO schema_migration (name, applied) VALUES ('9999_future', '2030-01-01')"
    )
    for use in (store.require_current, store.migrate):
        with pytest.raises(StoreError, match=r"newer version.*9999_future"):
            use()


@pytest.mark.sqlite_only("there may be no file, or another one")
def test_a_foreign_file_is_not_taken_for_a_store(stores: Stores, tmp_path: Path) -> None:
    path = tmp_path / "text.db"
    path.write_text("This is not a database. " * 100)
    with pytest.raises(StoreError, match="cannot be used"):
        stores.open(path).require_current()


@pytest.mark.sqlite_only("there may be no file, or another one")
def test_an_unusable_store_path_is_reported(stores: Stores, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be made"):
        stores.open(tmp_path / "file/store.db").create()


@pytest.mark.parametrize(
    "url", ["mysql://x/y", "store.db", "sqlite://", "sqlite:///:memory:", "", "sqlite:///\udcff"]
)
def test_only_files_are_stores(url: str) -> None:
    with pytest.raises(ConfigurationError):
        Store(url)


def test_several_migrate_at_once(stores: Stores, tmp_path: Path) -> None:
    opened = [stores.open(tmp_path / "store.db") for _ in range(8)]
    opened[0].create()
    applied: list[list[str]] = []

    def migrate(store: Store) -> None:
        applied.append(store.migrate())
        store.close()

    threads = [threading.Thread(target=migrate, args=(store,)) for store in opened]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(len, applied)) == [0] * 7 + [len(list(MIGRATIONS.glob("0*.py")))]


def test_accounts_keep_their_attributes(store: Store) -> None:
    account = store.accounts.add(
        "Anna@Example.com",
        "key",
        NOW,
        options={"timezone": "Europe/Warsaw", "history_status_fields": "yes"},
        sender_names=["boxis.net", "HQSMS", "boxis.net"],
        customer="ACME",
    )
    assert account.options == {"timezone": "Europe/Warsaw", "history_status_fields": "yes"}
    assert store.accounts.sender_names(account) == ["boxis.net", "HQSMS"]
    assert store.accounts.customer_name(account) == "ACME"
    assert store.accounts.find("anna@EXAMPLE.com") == account
    assert "key" not in repr(account)


def test_accounts_of_one_customer_share_it(store: Store) -> None:
    for name in ("a@example.com", "b@example.com"):
        store.accounts.add(name, "k", NOW, customer="ACME")
    assert store.database.execute_sql("SELECT count(*) FROM customer").fetchone() == (1,)


def test_a_user_name_is_taken_in_any_case(store: Store) -> None:
    store.accounts.add("anna@example.com", "k", NOW)
    with pytest.raises(StoreError, match="already"):
        store.accounts.add("ANNA@example.com", "k", NOW)


def test_an_option_can_go_back_to_the_server_s_setting(store: Store) -> None:
    account = store.accounts.add("anna@example.com", "k", NOW, options={"history_key": "both"})
    store.accounts.set_options(account, {"history_key": "", "timezone": "UTC"})
    assert store.accounts.get("anna@example.com").options == {"timezone": "UTC"}


def add(store: Store, account_id: int, *messages: NewMessage) -> int:
    return store.additions.add(account_id, list(enumerate(messages))).new


def test_ids_have_the_documented_shape_and_are_reproducible(stores: Stores, tmp_path: Path) -> None:
    found = []
    for name in ("one.db", "two.db"):
        store = stores.make(tmp_path / name)
        account = store.accounts.add("anna@example.com", "k", NOW)
        message = NewMessage("+48514151563", "boxis.net", "2013-12-01 07:00:06.195")
        add(store, account.id, message, message)
        rows = [row for batch in store.history.read(account.id, with_status=True) for row in batch]
        found.append([row[6] for row in rows])
        store.close()
    assert found[0] == found[1] == [1385881206195000001, 1385881206195000000]


def shown_ids(store: Store, account_id: int) -> list[str]:
    rows = [row for batch in store.history.read(account_id, with_status=True) for row in batch]
    return [wire or str(own) for *_, own, wire, _ in rows]


def test_a_wire_id_is_one_message_whatever_else_differs(store: Store) -> None:
    account = store.accounts.add("anna@example.com", "k", NOW)
    for wire_id in ("1385881206195280690", "133655645431563000007320", "SM42", "007", "7"):
        for second in (1, 2, 2):
            moment = f"2013-12-01 07:00:0{second}"
            add(store, account.id, NewMessage("+48514151563", "x", moment, wire_id=wire_id))
    assert sorted(shown_ids(store, account.id)) == sorted(
        ["1385881206195280690", "133655645431563000007320", "SM42", "007", "7"]
    )


def test_equal_times_are_in_the_order_of_their_ids_whenever_they_came(store: Store) -> None:
    account = store.accounts.add("anna@example.com", "k", NOW)
    ids = ["9", "133655645431563000007320", "1336556454195280690", "133655645431563000007310", "10"]
    for wire_id in ids:
        message = NewMessage("+48514151563", "x", "2012-05-09 09:40:54", wire_id=wire_id)
        add(store, account.id, message)
    assert shown_ids(store, account.id) == sorted(ids, key=int, reverse=True)


def test_long_ids_that_end_alike_are_still_two_messages(store: Store) -> None:
    account = store.accounts.add("anna@example.com", "k", NOW)
    for wire_id in ("1" + "0" * 23, "2" + "0" * 23):
        moment = "2012-05-09 09:40:54"
        add(store, account.id, NewMessage("+48514151563", "x", moment, wire_id=wire_id))
    both = [NewMessage("+48514151563", "x", moment, wire_id=d + "0" * 23) for d in "34"]
    assert add(store, account.id, *both) == 2
    assert sorted(shown_ids(store, account.id)) == [d + "0" * 23 for d in "1234"]


def test_a_nul_in_a_message_is_stored_or_replaced(store: Store) -> None:
    account = store.accounts.add(USERNAME, USER_KEY, NOW)
    add_messages(
        store, account, {"date": "2012-05-09 08:00:00", "sender": "a\0b", "text": "so\0far"}
    )
    nul = "\0" if engines.chosen == "sqlite" else "\ufffd"  # PostgreSQL's text has no U+0000
    [rows] = store.history.read(account.id, with_status=False)
    assert [row[0] for row in rows] == [f"a{nul}b"]
    found, _ = store.submissions.page(ListQuery([account.id], Criteria(text="O\0F"), limit=10))
    assert [one.text for one in found] == [f"so{nul}far"]
    store.submissions.page(ListQuery([account.id], Criteria(sender="a\0b"), limit=10))
    assert store.accounts.find(f"\0{USERNAME}") is None


def test_scheduled_messages_have_a_scheduled_submission(store: Store) -> None:
    account = store.accounts.add("anna@example.com", "k", NOW)
    columns = {"recipient": "48514151563", "sender": "s", "date": "2013-01-01 00:00:00"}
    add(store, account.id, to_message({**columns, "type": "scheduled"}, find_zone("UTC")))
    rows = store.database.execute_sql("SELECT scheduled_at, created_at FROM submission").fetchall()
    assert rows == [("2013-01-01 00:00:00", "2013-01-01 00:00:00")]


@pytest.mark.sqlite_only("the schema as SQLite keeps it")
def test_a_store_of_the_first_version_keeps_its_rows(stores: Stores, tmp_path: Path) -> None:
    """Submissions get the columns that the REST API lists, from their messages."""
    store = stores.open(tmp_path / "old.db")
    store.create()
    store._runner().up("0001_initial")
    run = store.database.execute_sql
    run("INSERT INTO customer VALUES (?, 'old', '2012-05-09 12:00:00')", ("a" * 24,))
    run(
        "INSERT INTO account VALUES (1, ?, 'a@b', 'a@b', 'k', 1, '{}', '2012-05-09 12:00:00')",
        ("a" * 24,),
    )
    messages = [
        (1, "sent", "+48514151563"),
        (1, "pending", "+48514151564"),
        (2, "pending", "+48514151563"),
        (3, "refused", "+48514151563"),
    ]
    for submission_id in (1, 2, 3):
        run(
            "INSERT INTO submission VALUES (1, ?, 's', 'text', '2012-05-09 12:00:00', NULL, 0, 0)",
            (submission_id,),
        )
    for number, (submission_id, status, recipient) in enumerate(messages):
        run(
            "INSERT INTO message VALUES (1, '2012-05-09 12:00:00', ?, ?, 's', ?, 1, 1000, 'sent', "
            "?, NULL, NULL, NULL)",
            (number, submission_id, recipient, status),
        )
    made = sorted(path.stem for path in MIGRATIONS.glob("0*.py"))
    assert store.migrate() == made[1:]
    rows = run("SELECT id, text, recipients, sent_at FROM submission ORDER BY id").fetchall()
    assert rows == [
        (1, "text", "+48514151563\n+48514151564", "2012-05-09 12:00:00"),
        (2, "text", "+48514151563", None),
        (3, "text", None, None),
    ]
    assert len(store.history.recent(1, "", "9", 10)) == 4
    assert store.customers.get("old").parent_reseller_id is None
    counts = run("SELECT * FROM submission_count").fetchall()
    assert counts == [(1, "s", "2012-05", "s", 2)]
    store.close()


def test_names_of_groups_are_those_of_the_customer(store: Store) -> None:
    ours, theirs = (store.customers.add(name, NOW) for name in ("North SMS", "South SMS"))
    store.contacts.add(ours, [("+48123456789", "Anna", "friends")])
    ((group,),) = store.database.execute_sql("SELECT id FROM contact_group")
    assert store.contacts.group_names(ours.id, [group]) == {group: "friends"}
    assert store.contacts.group_names(theirs.id, [group]) == {}
