"""A clock that jumps: nobody is let in for it, and nothing that was done gets lost or doubled."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from boxis_gateway.app import create_app
from boxis_gateway.levels import Level
from boxis_gateway.model import Account
from boxis_gateway.passwords import hash_password
from boxis_gateway.settings import Settings
from boxis_gateway.store import Store, back_up, verify_file
from tests.support.example_account import NOW, USERNAME, add_messages, signed

PASSWORD = "a long password"
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


class Clock:
    """The server's; it is set by hand."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def client(store: Store, account: Account, clock: Clock, tmp_path: Path) -> Iterator[FlaskClient]:
    customer = store.customers.of_account(account.id)
    assert customer is not None
    store.employees.add(customer, USERNAME, "Anna", Level.OWNER, hash_password(PASSWORD), NOW)
    yield create_app(store, Settings(), clock).test_client()
    if store.file is None:
        back_up(store, tmp_path / "backup.db")
    assert verify_file(store.file or tmp_path / "backup.db", NOW).findings == []


Login = Callable[[], str]


@pytest.fixture
def login(client: FlaskClient) -> Login:
    """A new token."""

    def ask() -> str:
        query = {"username": USERNAME, "password": PASSWORD}
        return str(client.get("/auth/login", query_string=query).get_json()["token"])

    return ask


def ping(client: FlaskClient, token: str) -> str:
    answer = client.get("/ping", query_string={"token": token}).get_json()
    return "success" if "success" in answer else str(answer["message"])


def history(client: FlaskClient, at: datetime) -> str:
    """Result text for a client with a right clock that signs that time."""
    form = signed(int(at.timestamp()), {"returntype": "json"})
    return str(client.post("/", data=form).get_json()["resulttxt"])


@pytest.mark.parametrize("jump", [-DAY, -HOUR, HOUR, DAY], ids=str)
def test_signed_requests_are_good_again_when_the_clock_is(
    client: FlaskClient, clock: Clock, jump: timedelta
) -> None:
    assert history(client, NOW) == "success"
    clock.now = NOW + jump
    assert history(client, NOW) == "Error: 'timestamp' is not valid"
    clock.now = NOW
    assert history(client, NOW) == "success"


@pytest.mark.parametrize("jump", [-DAY, -HOUR], ids=str)
def test_a_clock_that_goes_back_neither_ends_nor_extends_sessions(
    client: FlaskClient, clock: Clock, login: Login, jump: timedelta
) -> None:
    token = login()
    clock.now = NOW + jump
    assert ping(client, token) == "success"
    clock.now = NOW + HOUR
    assert ping(client, token) == "expired"


@pytest.mark.parametrize("jump", [HOUR, 3 * DAY], ids=str)
def test_a_clock_that_goes_ahead_ends_sessions_but_not_for_good(
    client: FlaskClient, clock: Clock, login: Login, jump: timedelta
) -> None:
    token = login()
    clock.now = NOW + jump
    assert ping(client, token) == "expired"
    clock.now = NOW
    assert ping(client, token) == "success"


@pytest.mark.parametrize("jump", [-DAY, HOUR], ids=str)
def test_a_login_by_a_wrong_clock_expires_by_that_clock(
    client: FlaskClient, clock: Clock, login: Login, jump: timedelta
) -> None:
    clock.now = NOW + jump
    token = login()
    assert ping(client, token) == "success"
    clock.now += HOUR
    assert ping(client, token) == "expired"


def test_messages_keep_their_time(
    client: FlaskClient, clock: Clock, store: Store, account: Account
) -> None:
    """Ids and orders go by the time of the message, not by the clock."""
    for n, jump in enumerate((timedelta(), -DAY, DAY)):
        clock.now = NOW + jump
        add_messages(store, account, {"date": f"2012-05-0{n + 1} 10:00:00", "sender": str(n)})
    clock.now = NOW
    form = signed(int(NOW.timestamp()), {"returntype": "json"})
    rows = client.post("/", data=form).get_json()["params"]["senders"].values()
    assert [row["sender"] for row in rows] == ["2", "1", "0"]
    assert store.database.execute_sql("SELECT count(*) FROM submission").fetchone() == (3,)
