"""A store with a few thousand messages, its server, and what clients at both APIs see of it."""

from __future__ import annotations

import json
import os
import re
import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import requests
from lxml import etree

from boxis_gateway.levels import Level
from boxis_gateway.model import NewMessage
from boxis_gateway.passwords import hash_password
from boxis_gateway.rest_api.auth import token_digest
from boxis_gateway.store import Store
from tests.support.example_account import NOW, USER_KEY, USERNAME, signed
from tests.support.running_server import RunningServer
from tests.support.stores import Stores
from tests.support.waiting import until

PASSWORD = "a long password"
ROWS = 8_000
WHOLE, UNAVAILABLE, BROKEN_OFF, REFUSED = "whole", "unavailable", "broken off", "refused"
SAID = "service is not available, try again later"
NUMBERS = [f"48514{number:06}" for number in range(ROWS)]


def fill(store: Store) -> None:
    """An account with a message a second, and an employee who may see them."""
    account = store.accounts.add(USERNAME, USER_KEY, NOW)
    customer = store.customers.of_account(account.id)
    assert customer is not None
    store.employees.add(customer, USERNAME, "Anna", Level.OWNER, hash_password(PASSWORD), NOW)
    messages = [
        NewMessage(f"+{number}", "boxis.net", moment(n), f"a text of some length, no. {n}")
        for n, number in enumerate(NUMBERS)
    ]
    store.additions.add(account.id, list(enumerate(messages)))


def moment(second: int) -> str:
    """The time of a message."""
    return f"2012-05-09 {second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}"


def make_template(stores: Stores, path: Path) -> Path:
    """The file of a store, whole without anything beside it."""
    store = stores.make(path)
    fill(store)
    store.close()
    return path


@dataclass
class Shop:
    """A store and its server."""

    store: Store
    server: RunningServer
    log: Path

    @property
    def path(self) -> Path:
        return self.store.path

    def history(self, returntype: str = "xml", **form: str) -> str:
        """The client's view of the whole history: a word, or the fault."""
        fields = signed(int(time.time()), {"returntype": returntype, **form})
        try:
            answer = requests.post(self.server.url, data=fields, timeout=60)
        except requests.exceptions.RequestException:
            return BROKEN_OFF
        assert answer.status_code == 200
        if SAID in answer.text:
            return UNAVAILABLE
        found = (xml_numbers if returntype == "xml" else json_numbers)(answer.content)
        return WHOLE if found == NUMBERS[::-1] else f"{len(found)} rows, or others"

    @cached_property
    def token(self) -> str:
        """A machine's token, which never expires."""
        employee = self.store.employees.get(USERNAME)
        self.store.tokens.add(employee, token_digest("f" * 40), NOW, machine=True)
        return "f" * 40

    def list(self) -> str:
        """The client's view of a page of the list."""
        answer = self._get("sms", token=self.token, limit="50", offset=str(ROWS // 2))
        if answer.status_code != 200:
            return rest_word(answer)
        page = answer.json()
        texts = [one["message"] for one in page["messages"]]
        first = ROWS - 1 - ROWS // 2
        expected = [f"a text of some length, no. {first - n}" for n in range(50)]
        return WHOLE if (page["total"], texts) == (ROWS, expected) else "other rows"

    def login(self) -> str:
        """The client's view of a login, which writes."""
        answer = self._get("auth/login", username=USERNAME, password=PASSWORD)
        return "token" if answer.status_code == 200 else rest_word(answer)

    def view(self) -> dict[str, str]:
        """The clients' view of both APIs."""
        return {
            "xml": self.history("xml"),
            "json": self.history("json"),
            "list": self.list(),
            "login": self.login(),
        }

    def kill_worker(self) -> None:
        """Let another process answer."""
        (worker,) = self.server.workers
        os.kill(worker, signal.SIGKILL)
        until(lambda: set(self.server.workers) - {worker})

    def said(self) -> str:
        """The log of the server."""
        return self.log.read_text()

    def _get(self, path: str, **query: str) -> requests.Response:
        return requests.get(f"{self.server.url}{path}", params=query, timeout=60)


ALL_WELL = {"xml": WHOLE, "json": WHOLE, "list": WHOLE, "login": "token"}
READS_ONLY = {**ALL_WELL, "login": UNAVAILABLE}
NOTHING = dict.fromkeys(ALL_WELL, UNAVAILABLE)


def rest_word(answer: requests.Response) -> str:
    """A failure of the REST API."""
    body: Mapping[str, object] = answer.json()
    assert body["code"] == answer.status_code
    if answer.status_code == 503:
        assert int(answer.headers["Retry-After"]) > 0
    return str(body["message"])


def xml_numbers(content: bytes) -> list[str]:
    """The recipients of a history."""
    return [str(element.text) for element in etree.fromstring(content).iter("reciptient")]


def json_numbers(content: bytes) -> list[str]:
    """The recipients of a history."""
    return [row["reciptient"] for row in json.loads(content)["params"]["senders"].values()]


def secrets_in(log: str) -> list[str]:
    """Secrets that the log contains."""
    secrets = (USER_KEY, PASSWORD, "f" * 40, "a text of some length", "48514")
    return [secret for secret in secrets if secret in log] + re.findall(r"\b[0-9a-f]{32}\b", log)
