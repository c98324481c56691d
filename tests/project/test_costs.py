"""Statements that a request may run: every SQL statement counts, PRAGMA and BEGIN too."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from boxis_gateway.levels import Level
from boxis_gateway.model import Account
from boxis_gateway.passwords import hash_password
from boxis_gateway.rest_api.auth import token_digest
from boxis_gateway.store import Store, Write, Writer
from tests.support.engines import statements
from tests.support.example_account import NOW, add_messages
from tests.support.stores import Stores

Post = Callable[..., TestResponse]
Ask = Callable[[], TestResponse]
Cost = Callable[[Ask], list[str]]

STREAM = {
    "sqlite": ["SELECT", "PRAGMA"],
    "postgresql": ["SELECT", "SELECT", "BEGIN", *["SET"] * 5],  # few; still there? a cursor
}
LOCK = {"sqlite": [], "postgresql": ["SET", "SELECT"]}
AUDIT_LOCK = {"sqlite": [], "postgresql": ["SELECT"]}
GUARD = {"sqlite": ["TRIGGER"], "postgresql": []}  # PostgreSQL's triggers are not told


@pytest.fixture
def cost(store: Store, account: Account) -> Cost:
    """The first words of the statements that run while something is asked, by a server that knows
    the user keys, and has shown a history."""
    store.user_keys.get(account)
    list(store.history.read(account.id, with_status=False))

    def run(ask: Ask) -> list[str]:
        with statements(store) as ran:
            assert ask().data
        return [sql.split()[0] for sql in ran]

    return run


def add_rows(store: Store, account: Account, count: int) -> None:
    times = (f"2012-05-09 {n // 3600:02}:{n // 60 % 60:02}:{n % 60:02}" for n in range(count))
    add_messages(store, account, *({"date": time} for time in times))


@pytest.mark.parametrize("returntype", ["xml", "json"])
@pytest.mark.parametrize("rows", [0, 10, 100])
def test_a_history_asks_for_the_account_and_for_the_messages(
    store: Store, account: Account, post_action: Post, cost: Cost, returntype: str, rows: int
) -> None:
    add_rows(store, account, rows)
    assert cost(lambda: post_action(returntype=returntype)) == ["SELECT", "SELECT"]


def test_a_stream_also_makes_its_cache_small(
    stores: Stores, store: Store, account: Account, post_action: Post, cost: Cost
) -> None:
    add_rows(store, account, 2500)
    assert cost(post_action) == ["SELECT", *STREAM[stores.name]]


def test_dates_and_options_are_free(
    store: Store, account: Account, post_action: Post, cost: Cost
) -> None:
    add_rows(store, account, 10)
    store.accounts.set_options(
        account, {"timezone": "Europe/Warsaw", "history_status_fields": "yes"}
    )
    dates = {"datefrom": "2012-05-09 00:00", "dateto": "2012-05-09 23:59"}
    assert cost(lambda: post_action(**dates)) == ["SELECT", "SELECT"]


def test_one_walk_for_each_key(
    store: Store, account: Account, post_action: Post, cost: Cost
) -> None:
    store.accounts.set_options(account, {"history_key": "both"})
    assert cost(lambda: post_action(returntype="json")) == ["SELECT", "SELECT", "SELECT"]


@pytest.mark.parametrize(
    "fault",
    [
        {"authcode": "0" * 32},
        {"username": "nobody@example.com"},
        {"timestamp": "1"},
        {"version": "2.0"},
        {"section": "domains"},
        {"action": "noSuchAction"},
        {"datefrom": "yesterday"},
    ],
    ids=lambda fault: next(iter(fault)),
)
def test_refusals_query_the_account(post_action: Post, cost: Cost, fault: dict[str, str]) -> None:
    assert cost(lambda: post_action(**fault)) == ["SELECT"]


def test_malformed_fields_ask_for_nothing(client: FlaskClient, cost: Cost) -> None:
    assert cost(lambda: client.post("/elsewhere")) == []
    assert cost(lambda: client.put("/")) == []
    assert cost(lambda: client.post("/", data="{}", content_type="application/json")) == []


def test_a_list_asks_for_the_session_the_customer_and_its_accounts_and_for_one_state(
    stores: Stores, store: Store, account: Account, client: FlaskClient, cost: Cost
) -> None:
    add_rows(store, account, 10)
    customer = store.customers.get(account.username)
    reader = store.employees.add(customer, "reader", "", Level.OWNER, None, NOW)
    store.tokens.add(reader, token_digest("token"), NOW, machine=True)
    one_state = ["BEGIN", "SELECT", "SELECT", "COMMIT"]  # the total and the page
    assert cost(lambda: client.get("/sms?token=token")) == ["SELECT"] * 3 + one_state
    assert cost(lambda: client.get("/sms?token=token&sort=SENT")) == ["SELECT"] * 3 + one_state


def test_login_writes_once(
    stores: Stores, store: Store, account: Account, client: FlaskClient
) -> None:
    customer = store.customers.get(account.username)
    password = hash_password("correct horse")
    store.employees.add(customer, "anna@example.com", "", Level.OWNER, password, NOW)
    login = {"username": "anna@example.com", "password": "correct horse"}
    writer: Writer = client.application.writer  # type: ignore[attr-defined]
    of_writer = statements(store)
    ran = writer.submit(Write(of_writer.__enter__)).result()
    with statements(store) as read:
        assert client.post("/auth/login", data=login).status_code == 200
    writer.submit(Write(lambda: of_writer.__exit__(None, None, None))).result()
    assert [sql.split()[0] for sql in read] == ["SELECT"]
    # Inside: the password that it was, old tokens, the new one; the audit with its lock and guard.
    tokens, audit = ["SELECT", "DELETE", "INSERT"], [*AUDIT_LOCK[stores.name], "INSERT"]
    inside = [*tokens, *audit, *GUARD[stores.name]]
    begin, words = ["BEGIN", *LOCK[stores.name]], [sql.split()[0] for sql in ran]
    whole = [*begin, "SAVEPOINT", *inside, "RELEASE", "COMMIT"]
    first = words.index("BEGIN")
    assert words[first:] == [*whole, *begin]  # the last transaction ended the trace
