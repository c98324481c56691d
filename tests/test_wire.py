"""The wire contract, as data: each folder of tests/wire is an exchange.

`exchange.json` says why it is there, which messages are stored, what the account's options are and
what is sent; `answer.xml` and `answer.json` are the exact bytes of the answer in both formats, with
TIMESTAMP where the server's time stands. All are replayed in process and over a socket. Answers are
written by `pytest --write-missing-answers`, which overwrites none: a changed answer is a changed
contract, and goes into the changelog.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import requests
from flask.testing import FlaskClient

from boxis_gateway.app import create_app
from boxis_gateway.settings import Settings
from boxis_gateway.store import Store
from tests.support import engines
from tests.support.example_account import NOW, USER_KEY, add_messages, signed
from tests.support.running_server import RunningServer
from tests.support.stores import Stores

EXCHANGES = {path.parent.name: path for path in Path(__file__).parent.glob("wire/*/exchange.json")}
URLENCODED = "application/x-www-form-urlencoded"


def load(name: str) -> dict[str, Any]:
    exchange: dict[str, Any] = json.loads(engine_bytes(EXCHANGES[name]))
    return exchange


def engine_bytes(path: Path) -> bytes:
    """The file as the engine can hold it: PostgreSQL's text has no U+0000."""
    content = path.read_bytes()
    return content if engines.chosen == "sqlite" else content.replace(rb"\u0000", b"")


def username(name: str) -> str:
    return f"{name}@example.com"


def fill(store: Store) -> None:
    """Fill the store; each exchange has an account."""
    for name in EXCHANGES:
        exchange = load(name)
        account = store.accounts.add(
            username(name), USER_KEY, NOW, options=exchange.get("options", {})
        )
        add_messages(store, account, *exchange.get("messages", []))
        if exchange.get("disabled"):
            store.accounts.set_enabled(account, False)


def to_send(name: str, returntype: str, now: int) -> tuple[str, str, dict[str, str], bytes]:
    """Method, path with query, headers and body."""
    exchange = load(name)
    form = {"returntype": returntype, **exchange.get("form", {})}
    if form.get("timestamp", "").startswith("now"):
        form["timestamp"] = str(now + int(form["timestamp"][3:]))
    form = signed(now, form, username=username(name))
    body = urlencode({k: v for k, v in form.items() if v is not None}).encode()
    raw = exchange.get("append", "").encode("latin-1")  # bytes of the form as they are
    body += raw
    headers = {"Content-Type": exchange.get("content_type", URLENCODED)}
    path = exchange.get("path", "/")
    if exchange.get("in_query"):
        return exchange.get("method", "GET"), f"{path}?{body.decode()}", {}, b""
    if "multipart" in headers["Content-Type"]:
        body = multipart({k: v for k, v in form.items() if v is not None})
    if "body" in exchange:
        path, body = f"{path}?returntype={returntype}", exchange["body"].encode()
    if "query" in exchange:
        path += f"?{exchange['query']}"
    return exchange.get("method", "POST"), path, headers, body


def multipart(form: dict[str, str]) -> bytes:
    parts = [
        f'--BOUNDARY\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in form.items()
    ]
    return ("".join(parts) + "--BOUNDARY--\r\n").encode()


def check(name: str, returntype: str, answer: bytes, config: pytest.Config) -> None:
    shown = re.sub(rb'(<timestamp>|"timestamp":)\d+', rb"\1TIMESTAMP", answer)
    path = EXCHANGES[name].with_name(f"answer.{returntype}")
    if not path.exists() and config.getoption("--write-missing-answers"):
        path.write_bytes(shown)
    assert shown == engine_bytes(path)


@pytest.fixture(scope="module")
def filled_store(stores: Stores, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    store = stores.make(tmp_path_factory.mktemp("wire") / "store.db")
    fill(store)
    yield store
    store.close()


@pytest.fixture(scope="module")
def in_process(filled_store: Store) -> FlaskClient:
    return create_app(filled_store, Settings(), clock=lambda: NOW).test_client()


@pytest.fixture(scope="module")
def over_socket(filled_store: Store) -> Iterator[RunningServer]:
    server = RunningServer(filled_store, "--workers", "1")
    yield server
    server.stop()


@pytest.mark.parametrize("returntype", ["xml", "json"])
@pytest.mark.parametrize("name", sorted(EXCHANGES))
def test_an_exchange_has_its_exact_answer_in_process(
    name: str, returntype: str, in_process: FlaskClient, pytestconfig: pytest.Config
) -> None:
    now = int(NOW.timestamp())
    method, path, headers, body = to_send(name, returntype, now)
    answer = in_process.open(path, method=method, headers=headers, data=body)
    check(name, returntype, answer.data, pytestconfig)
    assert f"{now}".encode() in answer.data
    assert answer.status_code == load(name).get("status", 200)


@pytest.mark.parametrize("returntype", ["xml", "json"])
@pytest.mark.parametrize("name", sorted(EXCHANGES))
def test_an_exchange_has_its_exact_answer_over_a_socket(
    name: str, returntype: str, over_socket: RunningServer, pytestconfig: pytest.Config
) -> None:
    method, path, headers, body = to_send(name, returntype, int(time.time()))
    answer = requests.request(
        method, over_socket.url.rstrip("/") + path, headers=headers, data=body, timeout=60
    )
    check(name, returntype, answer.content, pytestconfig)
    kinds = {"xml": "text/xml; charset=UTF-8", "json": "application/json"}
    assert answer.headers["Content-Type"] == kinds[returntype]


@pytest.mark.parametrize("name", sorted(EXCHANGES))
def test_an_exchange_has_a_note(name: str) -> None:
    assert load(name)["why"].endswith(".")
