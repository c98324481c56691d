"""A store of many accounts, and requests that are all refused with the same text."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256
from pathlib import Path

from boxis_gateway.authcode import authcode_of
from boxis_gateway.levels import Level, State
from boxis_gateway.passwords import hash_password
from boxis_gateway.store import Store

ACCOUNTS = 1_000  # of each kind
FOREIGN = {"networks": "192.0.2.0/24"}  # no request comes from there
ZONES = ("UTC", "Europe/Warsaw", "America/New_York")
PASSWORD = "the right password"
NOW = datetime(2026, 1, 1, tzinfo=UTC)

MakeForm = Callable[[], Mapping[str, str]]


def make_store(folder: Path) -> Store:
    """Accounts with and without options of their own, and two employees."""
    store = Store(f"sqlite:///{folder / 'timing.db'}")
    store.create()
    store.migrate()
    with store.database.atomic():
        for number in range(ACCOUNTS):
            options = {"timezone": ZONES[number % 3]} if number % 2 else {}
            _add(store, f"known{number:04}", options)
            _add(store, f"gone-{number:04}", options, enabled=False)
            _add(store, f"apart{number:04}", FOREIGN)
    customer = store.customers.add("Customer", NOW)
    for name, state in (("ben", State.ENABLED), ("eve", State.DISABLED)):
        username, password = f"{name}@example.com", hash_password(PASSWORD)
        employee = store.employees.add(customer, username, name, Level.OWNER, password, NOW)
        store.employees.set_state(employee, state)
    store.close()
    return store


def _add(store: Store, name: str, options: Mapping[str, str], *, enabled: bool = True) -> None:
    username = f"{name}@example.com"
    account = store.accounts.add(username, _key(username), NOW, options=options, customer="All")
    if not enabled:
        store.accounts.set_enabled(account, False)


def _key(username: str) -> str:
    return sha256(username.encode()).hexdigest()[:24]


def _signed(name: str, *, right: bool) -> dict[str, str]:
    username = f"{name}{random.randrange(ACCOUNTS):04}@example.com"
    timestamp = str(int(time.time()))
    key = _key(username) if right else _key(f"{random.random()}")
    signature = {"timestamp": timestamp, "authcode": authcode_of(timestamp, key)}
    return {"username": username, **signature, "section": "sms", "action": "getHistory"}


def _login(name: str, password: str) -> dict[str, str]:
    return {"username": f"{name}@example.com", "password": password}


CODES: dict[str, MakeForm] = {
    "unknown user": partial(_signed, "nobod", right=False),
    "unknown user, again": partial(_signed, "nobod", right=False),
    "wrong code": partial(_signed, "known", right=False),
    "disabled account, right code": partial(_signed, "gone-", right=True),
    "foreign network, right code": partial(_signed, "apart", right=True),
}
"""Kinds of requests at the form API. The second repeats the first, to show the effect of chance."""

PASSWORDS: dict[str, MakeForm] = {
    "unknown user": partial(_login, "nob", "a wrong password"),
    "unknown user, again": partial(_login, "nob", "a wrong password"),
    "wrong password": partial(_login, "ben", "a wrong password"),
    "disabled employee, right password": partial(_login, "eve", PASSWORD),
}
"""Kinds of logins at the REST API."""
