"""Every level's view of the own customer, a customer of it, and a stranger's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from flask.testing import FlaskClient

from boxis_gateway.app import create_app
from boxis_gateway.levels import Level
from boxis_gateway.model import NewMessage, Prices
from boxis_gateway.rest_api.auth import token_digest
from boxis_gateway.settings import Settings
from boxis_gateway.store import Store
from tests.support.example_account import NOW, USER_KEY
from tests.support.stores import Stores

# level: what is answered for `customer=` the own, one of its customers, a stranger: a status, or
# whose messages with which of the fields that not everybody sees
TABLE = """
NO_LOGIN        401                         401                        401
PERSONAL        403                         403                        403
VIEWER          own                         own                        own
MANAGER         own                         own                        own
OWNER           own:message                 own:message                own:message
RESELLER        own:message,wholeSale       sub:wholeSale              403
RESELLER_ADMIN  own:message,wholeSale       sub:wholeSale              other:wholeSale
ADMIN           own:message,wholeSale,cost  sub:message,wholeSale,cost other:message,wholeSale,cost
"""
TARGETS = ("own", "sub", "other")
FIELDS = ("message", "price", "wholeSale", "cost")
FILTERS = {
    "to": ("+4581808888", "+4581808889"),
    "from": ("voicemail", "voice"),
    "message": ("TEXT OF", "nowhere"),
    "fromDate": ("2014-01", "2014-02"),
    "toDate": ("2014-01", "2013-12"),
}
"""Name -> (what every message has, what none has)."""


def cells() -> Iterator[tuple[Level, str, str]]:
    for line in TABLE.strip().splitlines():
        level, *answers = line.split()
        for target, answer in zip(TARGETS, answers, strict=True):
            yield Level(level), target, answer


CELLS = list(cells())


class World:
    """The API over a reseller, its customer and a stranger, a message of each."""

    def __init__(self, store: Store) -> None:
        own = store.customers.add("own", NOW)
        self.customers = {
            "own": own,
            "sub": store.customers.add("sub", NOW, own),
            "other": store.customers.add("other", NOW),
        }
        for name in self.customers:
            account = store.accounts.add(f"{name}@example.com", USER_KEY, NOW, customer=name)
            message = NewMessage(
                "+4581808888",
                "Voicemail",
                "2014-01-01 12:34:56",
                f"text of {name}",
                prices=Prices(price=3, whole_sale=2, cost=1),
            )
            store.additions.add(account.id, [(1, message)])
        for level in Level:
            reader = store.employees.add(own, f"{level}@own", level, level, None, NOW)
            store.tokens.add(reader, token_digest(level), NOW)
        self.rest: FlaskClient = create_app(store, Settings(), lambda: NOW).test_client()

    def ask(self, level: Level, target: str, **query: str) -> Any:
        parameters = {"token": level.value, "customer": self.customers[target].id, **query}
        return self.rest.get("/sms", query_string=parameters)


@pytest.fixture(scope="module")
def world(stores: Stores, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Asking changes nothing."""
    with closing(stores.make(tmp_path_factory.mktemp("world") / "store.db")) as store:
        yield World(store)


@pytest.mark.parametrize(("level", "target", "expected"), CELLS)
def test_each_level_sees_its_fields(world: World, level: Level, target: str, expected: str) -> None:
    answer = world.ask(level, target)
    if expected.isdigit():
        assert answer.status_code == int(expected)
        return
    whose, _, seen = expected.partition(":")
    (message,) = answer.json["messages"]
    assert message["customer"] == world.customers[whose].id
    for field in FIELDS:
        assert (field in message) == (field == "price" or field in seen.split(",")), field
    assert message.get("message") in (None, f"text of {whose}")
    alone = world.rest.get(f"/sms/{message['_id']}?token={level}").json
    assert alone == message


@pytest.mark.parametrize("name", FILTERS)
@pytest.mark.parametrize(("level", "target", "expected"), CELLS)
def test_each_filter_finds_visible_messages_only(
    world: World, level: Level, target: str, expected: str, name: str
) -> None:
    fits, fits_not = FILTERS[name]
    answer = world.ask(level, target, **{name: fits})
    if expected.isdigit():
        assert answer.status_code == int(expected)
        return
    hidden = name == "message" and "message" not in expected
    assert (answer.json["total"], len(answer.json["messages"])) == ((0, 0) if hidden else (1, 1))
    assert "Link" not in answer.headers
    nothing = world.ask(level, target, **{name: fits_not}).json
    assert (nothing["total"], nothing["messages"]) == (0, [])
    if hidden:  # as if there were nothing
        assert answer.json == nothing


@pytest.mark.parametrize(("level", "target", "expected"), CELLS)
def test_a_message_by_its_id(world: World, level: Level, target: str, expected: str) -> None:
    listed = world.ask(Level.ADMIN, target).json["messages"][0]["_id"]
    answer = world.rest.get(f"/sms/{listed}?token={level}")
    if level in (Level.NO_LOGIN, Level.PERSONAL):
        assert answer.status_code == int(expected)
    elif expected.startswith(target):
        assert answer.json["customer"] == world.customers[target].id
    else:
        assert (answer.status_code, answer.json["message"]) == (404, "id")
