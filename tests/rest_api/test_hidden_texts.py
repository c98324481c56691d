"""No answer or search result depends on a text that its reader may not see."""

from __future__ import annotations

import tempfile
from datetime import timedelta
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    rule,
    run_state_machine_as_test,
)

from boxis_gateway.app import create_app
from boxis_gateway.levels import Level
from boxis_gateway.model import NewMessage
from boxis_gateway.rest_api.auth import token_digest
from boxis_gateway.settings import Settings
from boxis_gateway.zones import utc_text
from tests.support.engines import examples
from tests.support.example_account import NOW, USER_KEY
from tests.support.stores import Stores

CUSTOMERS = {"reseller": None, "sub": "reseller", "stranger": None}
WORDS = ("apple", "Banana", "cherry")
customers, levels = st.sampled_from(list(CUSTOMERS)), st.sampled_from(list(Level))


class Readers(RuleBasedStateMachine):
    """A reader at each customer, whose level changes while messages arrive."""

    def __init__(self, stores: Stores) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.store = stores.make(Path(self.folder.name, "store.db"))

    @initialize()
    def begin(self) -> None:
        self.messages: list[tuple[str, str]] = []
        self.levels: dict[str, Level] = {}
        self.ids, self.accounts = {}, {}
        for name, reseller in CUSTOMERS.items():
            parent = self.store.customers.get(reseller) if reseller else None
            customer = self.store.customers.add(name, NOW, parent)
            self.ids[name] = customer.id
            self.accounts[name] = self.store.accounts.add(name, USER_KEY, NOW, customer=name)
            reader = self.store.employees.add(customer, name, name, Level.VIEWER, None, NOW)
            self.store.tokens.add(reader, token_digest(name), NOW)
            self.levels[name] = Level.VIEWER
        self.rest = create_app(self.store, Settings(), lambda: NOW).test_client()

    def teardown(self) -> None:
        self.store.close()
        self.folder.cleanup()

    @rule(customer=customers, words=st.lists(st.sampled_from(WORDS), min_size=1, max_size=2))
    def send(self, customer: str, words: list[str]) -> None:
        text = f"{' '.join(words)} of {customer}"
        at = utc_text(NOW + timedelta(seconds=len(self.messages)))
        message = NewMessage("+4581808888", "s", at, text)
        self.store.additions.add(self.accounts[customer].id, [(len(self.messages), message)])
        self.messages.append((customer, text))

    @rule(reader=customers, level=levels)
    def promote(self, reader: str, level: Level) -> None:
        self.store.employees.set_level(self.store.employees.get(reader), level)
        self.levels[reader] = level

    @rule(
        reader=customers,
        asked=customers,
        word=st.sampled_from(["", *WORDS, "of stranger"]),
        limit=st.integers(0, 3),
    )
    def ask(self, reader: str, asked: str, word: str, limit: int) -> None:
        level = self.levels[reader]
        query = {"token": reader, "customer": self.ids[asked], "message": word, "limit": limit}
        answer = self.rest.get("/sms", query_string=query)
        shown = asked if level.rank >= Level.RESELLER.rank else reader
        if level.rank <= Level.PERSONAL.rank or not self.may_list(reader, shown):
            assert answer.status_code in (401, 403)
            return
        readable = self.may_read(reader, shown)
        mine = [text for customer, text in reversed(self.messages) if customer == shown]
        found = [text for text in mine if word.lower() in text.lower()]
        if word and not readable:
            found = []
        self.check(answer.json, found, limit, readable)

    def check(self, body: Any, found: list[str], limit: int, readable: bool) -> None:
        assert body["total"] == len(found)
        texts = [message.get("message") for message in body["messages"]]
        assert texts == [text if readable else None for text in found[:limit]]

    def may_list(self, reader: str, target: str) -> bool:
        if self.levels[reader] is Level.RESELLER:
            return target == reader or CUSTOMERS[target] == reader
        return True

    def may_read(self, reader: str, target: str) -> bool:
        level = self.levels[reader]
        return level is Level.ADMIN or (target == reader and level.rank >= Level.OWNER.rank)


def test_hidden_texts_cannot_be_found_by_search(stores: Stores) -> None:
    run_state_machine_as_test(
        lambda: Readers(stores),
        settings=settings(max_examples=examples(25), stateful_step_count=25),
    )
