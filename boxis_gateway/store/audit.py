"""The audit: who changed what, when, and from where. Entries are added, never changed; the database
itself refuses to (migration 0006).

Whoever lets people in says who acts, for as long as they do:

>>> with acting("anna@example.com", "192.0.2.7"):
...     store.accounts.set_enabled(account, False)

and the store writes the entry down in the transaction of the change. No entry holds a secret, a
message's text or a number of a person.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import NamedTuple

from boxis_gateway.store.engines.base import StoreDatabase
from boxis_gateway.zones import utc_now, utc_text

INSERT_SQL = """
    INSERT INTO audit_entry (id, at, who, origin, what, subject, details)
    SELECT coalesce(max(id), 0) + 1, ?, ?, ?, ?, ?, ? FROM audit_entry
"""
SELECT_SQL = """
    SELECT id, at, who, origin, what, subject, details FROM audit_entry
    WHERE at >= ? AND at < ? ORDER BY id
"""


class Actor(NamedTuple):
    """Who acts, and from where: an address, or the command line."""

    who: str
    origin: str


UNKNOWN = "unknown"
NOBODY = Actor(UNKNOWN, UNKNOWN)
ACTOR: ContextVar[Actor] = ContextVar("actor", default=NOBODY)


class Entry(NamedTuple):
    """A change. `what` is a word such as `account.add`, `subject` what was changed, `details` a
    JSON object."""

    id: int
    at: str
    who: str
    origin: str
    what: str
    subject: str
    details: str


@contextmanager
def acting(who: str, origin: str) -> Iterator[None]:
    """Changes that are made meanwhile, in this thread, are this person's."""
    token = ACTOR.set(Actor(who, origin))
    try:
        yield
    finally:
        ACTOR.reset(token)


class Audit:
    """The audit of a store."""

    def __init__(self, database: StoreDatabase) -> None:
        self._database = database

    def record(self, what: str, subject: str = "", **details: object) -> None:
        """Write down a change, now. To be called inside the transaction that makes it."""
        actor = ACTOR.get()
        row = (actor.who, actor.origin, what, subject, json.dumps(details, ensure_ascii=False))
        self._database.execute_sql(INSERT_SQL, (utc_text(utc_now()), *row))

    def entries(self, start: str, end: str) -> Iterator[Entry]:
        """What was changed with start <= at < end, in the order of time."""
        for row in self._database.execute_sql(SELECT_SQL, (start, end)):
            yield Entry(*row)
