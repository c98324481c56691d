"""The scan of what a run says (leak_scan.py) hears of secrets, and finds them."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from boxis_gateway.authcode import authcode_of
from boxis_gateway.model import Account
from boxis_gateway.rest_api.auth import new_token
from boxis_gateway.store import Store
from tests.support import leak_scan
from tests.support.example_account import NOW, USER_KEY, add_messages
from tests.support.stores import Stores

NUMBER, TEXT = "48514151563", "Your parcel waits at the corner shop"


@pytest.fixture(autouse=True)
def _nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """Secrets and output of these tests are kept out of the run's."""
    monkeypatch.setattr(leak_scan, "SECRETS", {})
    monkeypatch.setattr(leak_scan, "OUTPUT", {})


@pytest.mark.parametrize(
    ("kind", "make"),
    [
        ("user key", lambda: USER_KEY),
        ("authcode", lambda: authcode_of("1336553826", USER_KEY)),
        ("token", new_token),
        ("number", lambda: f"+{NUMBER}"),
        ("text", lambda: TEXT),
    ],
)
def test_each_kind_of_secret_is_found(kind: str, make: Callable[[], str], store: Store) -> None:
    account = store.accounts.add("anna@example.com", USER_KEY, NOW)
    add_messages(store, account, {"date": "2012-05-09 10:28:00", "text": TEXT})
    logging.getLogger("boxis_gateway.test").info("request=1 said=%s.", make().upper())
    (found,) = leak_scan.find_leaks()
    assert found.startswith(f"{kind} ")


def test_an_error_answer_is_looked_at(client: FlaskClient, account: Account) -> None:
    leak_scan.note_secret("word", "is not valid")
    leak_scan.note_secret("word", "please login")
    client.get("/", query_string={"username": account.username})
    client.get("/sms", query_string={"token": "unknown"})
    found = [leak for leak in leak_scan.find_leaks() if "in an error answer" in leak]
    assert ["is not valid" in leak for leak in found] == [True, False]  # one of each API


def test_a_store_that_another_process_filled_is_known(stores: Stores, tmp_path: Path) -> None:
    store = stores.make(tmp_path / "store.db")
    account = store.accounts.add("anna@example.com", USER_KEY, NOW)
    add_messages(store, account, {"date": "2012-05-09 10:28:00", "text": TEXT})
    store.close()
    leak_scan.SECRETS.clear()
    leak_scan.note_store(stores, tmp_path / "store.db")
    assert {NUMBER: "number", TEXT.lower(): "text"} == leak_scan.SECRETS
