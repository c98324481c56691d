"""Customers and employees, as the command line makes them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from boxis_gateway.levels import Level, State
from boxis_gateway.model import Employee
from boxis_gateway.passwords import verify_password
from boxis_gateway.rest_api.auth import token_digest
from boxis_gateway.store import Store
from tests.support.example_account import NOW
from tests.support.running_server import Gateway


def test_a_reseller_its_customer_and_an_employee(gateway: Gateway, store: Store) -> None:
    said = gateway("customer", "add", "North SMS").stdout
    assert re.fullmatch(r"Customer North SMS added\.\nid: [0-9a-f]{24}\n", said)
    added = gateway("customer", "add", "Anna's shop", "--reseller", "North SMS")
    shop_id = added.stdout.split()[-1]
    said = gateway(
        *("employee", "add", "anna@example.com", "--customer", shop_id, "--level", "owner"),
        *("--name", "Anna"),
    )
    password = said.stdout.split("password: ")[1].strip()
    gateway("account", "add", "shop@example.com", "--customer", "Anna's shop")

    assert (
        gateway("customer", "list").stdout.splitlines()[0] == f"{shop_id}\tAnna's shop\tNorth SMS"
    )
    assert gateway("customer", "show", "Anna's shop").stdout.splitlines() == [
        f"id: {shop_id}",
        "name: Anna's shop",
        "reseller: North SMS",
        "accounts: shop@example.com",
        "employees: anna@example.com",
    ]
    assert gateway("employee", "list").stdout == "anna@example.com\tOWNER\tENABLED\tAnna's shop\n"
    anna = store.employees.get("ANNA@example.com")
    assert (anna.name, anna.level, anna.customer_id) == ("Anna", Level.OWNER, shop_id)
    assert verify_password(anna.password_hash, password)


def add_tokens(store: Store, employee: Employee) -> None:
    for machine in (True, False):
        store.tokens.add(employee, token_digest(str(machine)), NOW, machine=machine)


def test_tokens_are_listed_and_ended(gateway: Gateway, store: Store) -> None:
    customer = store.customers.add("North SMS", NOW)
    anna = store.employees.add(customer, "anna@example.com", "Anna", Level.VIEWER, None, NOW)
    add_tokens(store, anna)
    shown = gateway("employee", "tokens", "anna@example.com").stdout.splitlines()
    made = NOW.strftime("%F %T")
    ids = {kind: token_digest(str(kind == "machine"))[:12] for kind in ("machine", "session")}
    expected = [f"{token_id}\t{kind}\t{made}\tnever\t" for kind, token_id in ids.items()]
    assert sorted(shown) == sorted(expected)

    said = gateway("employee", "end-token", "anna@example.com", ids["session"])
    assert said.stdout == f"Token {ids['session']} ended.\n"
    assert [token.machine for token in store.tokens.all(anna)] == [True]
    said = gateway("employee", "end-token", "anna@example.com", ids["session"])
    assert (said.returncode, "has no token" in said.stderr) == (1, True)
    gateway("employee", "end-token", "anna@example.com", "all")
    assert store.tokens.all(anna) == []


def test_an_employee_is_changed(gateway: Gateway, store: Store) -> None:
    customer = store.customers.add("North SMS", NOW)
    anna = store.employees.add(customer, "anna@example.com", "Anna", Level.VIEWER, None, NOW)
    add_tokens(store, anna)

    gateway("employee", "set-level", "anna@example.com", "MANAGER")
    assert store.employees.get("anna@example.com").level is Level.MANAGER

    said = gateway(
        "employee", "set-password", "anna@example.com", "--password", "-", stdin="12345678\n"
    )
    assert said.stdout == "Employee anna@example.com has a new password.\n"
    assert verify_password(store.employees.get("anna@example.com").password_hash, "12345678")
    assert store.tokens.all(anna) == []

    add_tokens(store, store.employees.get("anna@example.com"))
    gateway("employee", "disable", "anna@example.com")
    assert store.employees.get("anna@example.com").state is State.DISABLED
    assert store.tokens.all(anna) == []
    gateway("employee", "enable", "anna@example.com")
    assert store.employees.get("anna@example.com").state is State.ENABLED


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("customer", "add", "North SMS"), "The customer 'North SMS' exists already."),
        (("customer", "add", "New", "--reseller", "Nobody"), "There is no customer 'Nobody'."),
        (("customer", "add", " "), "printable characters"),
        (("customer", "show", "Nobody"), "There is no customer 'Nobody'."),
        (("employee", "add", "a@b", "--customer", "Nobody"), "There is no customer 'Nobody'."),
        (("employee", "add", "short", "--customer", "North SMS"), "at least 8 characters"),
        (
            ("employee", "add", "a@b", "--customer", "North SMS", "--password", "1234567"),
            "A password needs 8 to 254 characters",
        ),
        (("employee", "set-level", "nobody@b", "ADMIN"), "There is no employee 'nobody@b'."),
        (
            ("employee", "add", "Anna@b", "--customer", "North SMS"),
            "The employee 'Anna@b' exists already.",
        ),
    ],
)
def test_an_impossible_change_is_reported_in_one_line(
    gateway: Gateway, store: Store, words: tuple[str, ...], said: str
) -> None:
    customer = store.customers.add("North SMS", NOW)
    store.employees.add(customer, "anna@B", "Anna", Level.VIEWER, None, NOW)
    result = gateway(*words)
    assert result.returncode == 1
    assert said in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_phone_book_is_all_or_nothing(gateway: Gateway, store: Store, tmp_path: Path) -> None:
    customer = store.customers.add("North SMS", NOW)
    file = tmp_path / "book.csv"
    file.write_text("number,name,group\n+45 81 80 88 88,Rip,ducks\n7248,Lottery,\n")
    words = ("contacts", "import", str(file), "--customer", "North SMS")
    for _ in range(2):
        assert gateway(*words).stdout == "2 contacts of North SMS imported.\n"
    numbers = ("+4581808888", "7248", "+4581808889")
    known = {"+4581808888": "Rip", "7248": "Lottery"}
    assert store.contacts.names(customer.id, numbers) == known

    file.write_text("number,name\n+4581808888,Rap\n+4581808889,\n")
    result = gateway(*words)
    assert (result.returncode, "line 3: expected a phone number and a name" in result.stderr) == (
        1,
        True,
    )
    assert store.contacts.names(customer.id, numbers) == known

    file.write_text("telephone\n1\n")
    assert "needs exactly one column 'number'" in gateway(*words).stderr
    for line in ('"+4581808888,x', "+4581808888,x,y", "+45818O8888,x", "4.58E+10,x", "x"):
        file.write_text(f"number,name\n+4581808889,Rup\n{line}\n")
        assert "line 3" in gateway(*words).stderr
    file.write_text("Name;Number;Group\nAnders And;Voicemail\nAn\u2028na;7248;;;\n", newline="\r\n")
    assert gateway(*words).stdout == "2 contacts of North SMS imported.\n"
    assert store.contacts.names(customer.id, ["7248"]) == {"7248": "An\u2028na"}
    assert store.contacts.names(customer.id, ["VOICEMAIL"]) == {"voicemail": "Anders And"}
    file.unlink()
    assert "cannot be read" in gateway(*words).stderr
