"""The handler as a function: Call in, Success out, without Flask."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from boxis_gateway.errors import InvalidRequest
from boxis_gateway.form_api.action import ActionCall, action, find_action, table
from boxis_gateway.form_api.actions import ACTIONS
from boxis_gateway.form_api.actions.get_history import HistoryParams, get_history
from boxis_gateway.form_api.form import Form
from boxis_gateway.form_api.results import Rows
from boxis_gateway.model import Account, credit_text
from boxis_gateway.settings import Settings
from boxis_gateway.store import Store
from tests.support.engines import statements
from tests.support.example_account import NOW, USER_KEY, add_messages
from tests.support.stores import Stores, store_at


def run(
    store: Store, account: Account, form: Mapping[str, str] | None = None, **options: Any
) -> Rows:
    params = get_history.load(get_history.raw_params(Form(form or {})))
    return get_history.run(ActionCall(account, params, Settings(**options), store, NOW)).payload


def dates(rows: Rows) -> list[str]:
    place = rows.fields.index("date")
    return [date for columns in rows.start() for date in columns[place]]  # type: ignore[misc]


def test_history_is_newest_first(store: Store, account: Account) -> None:
    given = [f"2012-05-0{day} 10:00:00" for day in (3, 9, 1, 5)]
    add_messages(store, account, *({"date": date} for date in given))
    assert dates(run(store, account)) == sorted(given, reverse=True)


def test_history_shows_no_messages_of_other_accounts(store: Store, account: Account) -> None:
    other = store.accounts.add("bob@example.com", USER_KEY, NOW)
    add_messages(store, other, {"date": "2012-05-09 10:00:00"})
    assert dates(run(store, account)) == []


def test_history_is_one_query_however_long(stores: Stores, store: Store, account: Account) -> None:
    add_messages(
        store, account, *({"date": f"2012-05-09 10:{n // 60:02}:{n % 60:02}"} for n in range(2500))
    )
    with statements(store) as asked:
        assert len(dates(run(store, account))) == 2500
    few_first = {"sqlite": 0, "postgresql": 2}[stores.name]  # and a look whether it is still there
    assert len([sql for sql in asked if sql.split()[0] == "SELECT"]) == 1 + few_first


def test_two_walks_see_the_same_rows(store: Store, account: Account) -> None:
    add_messages(
        store, account, *({"date": f"2012-05-09 10:{n // 60:02}:{n % 60:02}"} for n in range(400))
    )
    opened = run(store, account, history_key="both").open("json")
    (first, one), (second, other) = opened.containers
    assert (first, second) == ("senders", "history")
    opened.detach()
    add_messages(store, account, {"date": "2012-05-09 11:00:00"})
    assert list(one) == list(other)
    assert store.database.connections()["set_aside"] == 1
    opened.close()
    assert store.database.connections()["set_aside"] == 0


def test_a_list_that_cannot_be_read_ends_the_one_before_it(
    store: Store, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_messages(
        store, account, *({"date": f"2012-05-09 10:{n // 60:02}:{n % 60:02}"} for n in range(400))
    )
    rows, stream = run(store, account, history_key="both"), store.database.stream
    queries = iter((lambda sql: sql, lambda _: "SELECT nothing"))
    with monkeypatch.context() as patched:
        patched.setattr(
            store.database, "stream", lambda sql, values: stream(next(queries)(sql), values)
        )
        with pytest.raises(Exception, match=r"nothing|bindings"):
            rows.open("json")
    add_messages(store_at(store.url), account, {"date": "2012-05-09 11:00:00"})
    assert len(dates(run(store, account))) == 401


@pytest.mark.sqlite_only("who reads holds up the write-ahead log")
def test_an_abandoned_walk_releases_the_store(store: Store, account: Account) -> None:
    add_messages(
        store, account, *({"date": f"2012-05-09 10:{n // 60:02}:{n % 60:02}"} for n in range(400))
    )
    walk = run(store, account).start()
    next(walk)
    walk.close()
    assert store.database.execute_sql("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0


@pytest.mark.parametrize(
    ("thousandths", "text"),
    [(0, "0"), (1000, "1"), (1500, "1.5"), (125, "0.125"), (12_340, "12.34"), (10_000, "10")],
)
def test_credits_are_integers_where_they_can_be(thousandths: int, text: str) -> None:
    assert credit_text(thousandths) == text


def test_the_zone_of_the_server_is_the_default(store: Store, account: Account) -> None:
    add_messages(store, account, {"date": "2012-05-09 10:00:00"})
    assert dates(run(store, account, timezone="Asia/Tokyo")) == ["2012-05-09 19:00:00"]


def test_the_options_of_the_server_are_the_default(store: Store, account: Account) -> None:
    rows = run(store, account, history_key="history", history_status_fields=True)
    assert rows.names_for("json") == ("history",)
    assert rows.names_for("xml") == ("history",)
    assert rows.fields == (
        "sms_id",
        "sender",
        "reciptient",
        "date",
        "status_date",
        "parts",
        "credit",
        "type",
    )


def test_an_unknown_action_is_not_found_and_an_unknown_section_before_it() -> None:
    for section, name, text in (
        ("sms", "sendsms", "'action' is not valid"),
        ("domains", "getHistory", "'section' is not valid"),
    ):
        with pytest.raises(InvalidRequest, match=text):
            find_action(ACTIONS, section, name)


def test_two_actions_cannot_have_one_name() -> None:
    with pytest.raises(ValueError, match="two actions"):
        table([get_history, action("sms", "getHistory", HistoryParams)(get_history.handler)])
