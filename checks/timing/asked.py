"""A store of many accounts, and requests that are all refused with the same words."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from urllib.parse import urlencode

from boxis_gateway.authcode import authcode_of
from boxis_gateway.levels import Level, State
from boxis_gateway.passwords import hash_password
from boxis_gateway.store import Store

ACCOUNTS = 1_000  # of each kind
FOREIGN = {"networks": "192.0.2.0/24"}  # where nobody asks from
ZONES = ("UTC", "Europe/Warsaw", "America/New_York")
PASSWORD = "the right password"
NOW = datetime(2026, 1, 1, tzinfo=UTC)

Make = Callable[[], Mapping[str, str]]


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
        word = f"{name}@example.com"
        made = store.employees.add(customer, word, name, Level.OWNER, hash_password(PASSWORD), NOW)
        store.employees.set_state(made, state)
    store.close()
    return store


def _add(store: Store, name: str, options: Mapping[str, str], *, enabled: bool = True) -> None:
    username = f"{name}@example.com"
    account = store.accounts.add(username, key_of(username), NOW, options=options, customer="All")
    if not enabled:
        store.accounts.set_enabled(account, False)


def key_of(username: str) -> str:
    """The account's key."""
    return sha256(username.encode()).hexdigest()[:24]


def _form(name: str, *, right: bool) -> dict[str, str]:
    username = f"{name}{random.randrange(ACCOUNTS):04}@example.com"
    timestamp = str(int(time.time()))
    key = key_of(username) if right else key_of(f"{random.random()}")
    signature = {"timestamp": timestamp, "authcode": authcode_of(timestamp, key)}
    return {"username": username, **signature, "section": "sms", "action": "getHistory"}


def _login(name: str, password: str) -> dict[str, str]:
    return {"username": f"{name}@example.com", "password": password}


CODES: dict[str, Make] = {
    "unknown user": lambda: _form("nobod", right=False),
    "unknown user, again": lambda: _form("nobod", right=False),
    "wrong code": lambda: _form("known", right=False),
    "disabled account, right code": lambda: _form("gone-", right=True),
    "foreign network, right code": lambda: _form("apart", right=True),
}
"""Kinds of requests at the form API. The second is as the first, and tells what chance does."""

PASSWORDS: dict[str, Make] = {
    "unknown user": lambda: _login("nob", "a wrong password"),
    "unknown user, again": lambda: _login("nob", "a wrong password"),
    "wrong password": lambda: _login("ben", "a wrong password"),
    "disabled employee, right password": lambda: _login("eve", PASSWORD),
}
"""The same at the REST API."""


def as_post(path: str, form: Mapping[str, str]) -> bytes:
    """The request in bytes."""
    body = urlencode(form).encode()
    kind = b"Content-Type: application/x-www-form-urlencoded"
    head = b"POST %b HTTP/1.1\r\nHost: x\r\n%b\r\nContent-Length: %d" % (
        path.encode(),
        kind,
        len(body),
    )
    return head + b"\r\n\r\n" + body
