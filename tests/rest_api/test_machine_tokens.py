"""The REST API: tokens of machines, and who may make them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient

from boxis_gateway.app import create_app
from boxis_gateway.levels import Level, State
from boxis_gateway.model import Employee
from boxis_gateway.rest_api.auth import token_digest
from boxis_gateway.settings import Settings
from boxis_gateway.store import Store
from tests.support.example_account import NOW

Person = Callable[[str, Level], Employee]
LATER = NOW + timedelta(days=400)


@pytest.fixture
def person(store: Store) -> Person:
    """An employee of a customer of that name, with a session whose token is the user name."""
    north = store.customers.add("north", NOW)
    for name, reseller in (("sub", north), ("other", None)):
        store.customers.add(name, NOW, reseller)

    def make(customer: str, level: Level) -> Employee:
        name = f"{level}@{customer}"
        made = store.employees.find(name) or store.employees.add(
            store.customers.get(customer), name, name, level, None, NOW
        )
        if store.tokens.find(token_digest(name)) is None:
            store.tokens.add(made, token_digest(name), NOW)
        return made

    return make


@pytest.fixture
def rest(store: Store) -> FlaskClient:
    return create_app(store, Settings(), lambda: LATER).test_client()


def ask(rest: FlaskClient, method: str, path: str, asker: Employee, **query: str) -> Any:
    return rest.open(path, method=method, query_string={"token": asker.username} | query).json


def test_a_machine_s_token_lasts_through_logout(rest: FlaskClient, person: Person) -> None:
    anna = person("north", Level.OWNER)
    answer = ask(rest, "POST", f"/employee/{anna.id.upper()}/token", anna)
    assert list(answer) == ["success", "token"]
    token = answer["token"]
    ask(rest, "GET", "/auth/logout", anna)
    assert rest.get(f"/ping?token={anna.username}").status_code == 401
    assert rest.get(f"/ping?token={token}").status_code == 200


def test_a_machine_s_token_is_ended(rest: FlaskClient, person: Person) -> None:
    anna = person("north", Level.OWNER)
    path = f"/employee/{anna.id}/token"
    token = ask(rest, "POST", path, anna)["token"]
    assert ask(rest, "DELETE", f"{path}/unknown", anna)["message"] == "token"
    assert ask(rest, "DELETE", f"{path}/{token}", anna) == {"success": True}
    assert rest.get(f"/ping?token={token}").status_code == 401


@pytest.mark.parametrize(("query", "machine"), [({}, 200), ({"all": "true"}, 401)])
def test_tokens_clear(
    rest: FlaskClient, person: Person, query: dict[str, str], machine: int
) -> None:
    anna, boss = person("north", Level.VIEWER), person("north", Level.MANAGER)
    token = ask(rest, "POST", f"/employee/{anna.id}/token", boss)["token"]
    assert ask(rest, "GET", f"/employee/{anna.id}/clearTokens", boss, **query)["success"]
    assert rest.get(f"/ping?token={anna.username}").status_code == 401
    assert rest.get(f"/ping?token={token}").status_code == machine


@pytest.mark.parametrize(
    ("asker", "target", "expected"),
    [
        (("north", Level.VIEWER), ("north", Level.VIEWER), (403, "access_denied")),
        (("north", Level.MANAGER), ("north", Level.MANAGER), "success"),
        (("north", Level.MANAGER), ("north", Level.OWNER), (403, "access_denied")),
        (("north", Level.OWNER), ("sub", Level.VIEWER), (404, "id")),
        (("north", Level.RESELLER), ("sub", Level.MANAGER), "success"),
        (("north", Level.RESELLER), ("sub", Level.OWNER), (403, "access_denied")),  # reads texts
        (("north", Level.RESELLER), ("north", Level.OWNER), "success"),
        (("north", Level.RESELLER), ("other", Level.VIEWER), (404, "id")),
        (("sub", Level.RESELLER), ("north", Level.VIEWER), (404, "id")),
        (("north", Level.ADMIN), ("other", Level.OWNER), "success"),
        (("north", Level.ADMIN), ("north", Level.ADMIN), (403, "id")),
    ],
)
def test_each_level_makes_tokens_for_its_employees(
    rest: FlaskClient,
    person: Person,
    asker: tuple[str, Level],
    target: tuple[str, Level],
    expected: object,
) -> None:
    answer = ask(rest, "POST", f"/employee/{person(*target).id}/token", person(*asker))
    assert ("success" if "success" in answer else (answer["code"], answer["message"])) == expected


def test_an_unknown_employee_is_not_found(rest: FlaskClient, person: Person) -> None:
    answer = ask(rest, "POST", "/employee/x/token", person("north", Level.ADMIN))
    assert (answer["code"], answer["message"]) == (404, "id")


def test_no_tokens_for_the_level_no_login(rest: FlaskClient, person: Person, store: Store) -> None:
    boss, anna = person("north", Level.OWNER), person("north", Level.VIEWER)
    for state, expected in ((State.DISABLED, (403, "access_denied")), (State.DELETED, (404, "id"))):
        store.employees.set_state(anna, state)
        answer = ask(rest, "POST", f"/employee/{anna.id}/token", boss)
        assert (answer["code"], answer["message"]) == expected
