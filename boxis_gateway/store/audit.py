"""Audit trail: who changed what, when and from where.

Entries are append-only; triggers refuse changes (migration 0006). Name the actor around what they
do:

>>> with acting_as("anna@example.com", "192.0.2.7"):
...     store.accounts.set_enabled(account, False)

The store adds the entry in the transaction of the change. No entry has a secret, a message's text
or a person's number.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
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
    """A user and their origin: an address, or the command line."""

    who: str
    origin: str


UNKNOWN = "unknown"
NOBODY = Actor(UNKNOWN, UNKNOWN)
ACTOR: ContextVar[Actor] = ContextVar("actor", default=NOBODY)


class AuditRecord(NamedTuple):
    """A change: `what` is the action (`account.add`), `subject` its object, `details` JSON."""

    id: int
    at: str
    who: str
    origin: str
    what: str
    subject: str
    details: str


@contextmanager
def acting_as(who: str, origin: str) -> Iterator[None]:
    """Attribute this thread's changes to the user, inside the context."""
    token = ACTOR.set(Actor(who, origin))
    try:
        yield
    finally:
        ACTOR.reset(token)


class Audit:
    """The audit trail of a store."""

    def __init__(self, database: StoreDatabase) -> None:
        self._database = database

    def record(self, action: str, subject: str = "", **details: object) -> None:
        """Add an entry. Call it in the transaction of the change, as its last step: on PostgreSQL
        others wait for the next id until the commit."""
        actor = ACTOR.get()
        row = (actor.who, actor.origin, action, subject, json.dumps(details, ensure_ascii=False))
        alone = not self._database.in_transaction()
        with self._database.atomic() if alone else nullcontext():
            self._database.lock_audit()
            self._database.execute_sql(INSERT_SQL, (utc_text(utc_now()), *row))

    def entries(self, start: str, end: str) -> Iterator[AuditRecord]:
        """Entries with start <= at < end, oldest first."""
        for row in self._database.execute_sql(SELECT_SQL, (start, end)):
            yield AuditRecord(*row)
