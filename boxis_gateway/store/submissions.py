"""Submissions: the lists of the REST door, over all accounts of a customer.

An id is 16 hexadecimal digits of the submission's and 8 of its account's: so ids sort by creation,
and tell what they name. A list is one walk for each account, merged by SQLite; conditions and order
make its SQL, which is made once for each shape.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Any, NamedTuple

from peewee import Database

from boxis_gateway.store.queries import rows_of, run
from boxis_gateway.store.tables import Account

UNSIGNED = 1 << 64
LEAST_ID, GREATEST_ID = -(1 << 63), (1 << 63) - 1
WIRE_ID = re.compile(r"([0-9a-f]{16})([0-9a-f]{8})")
COLUMNS = (
    "id",
    "account_id",
    "text",
    "sender",
    "recipients",
    "created_at",
    "sent_at",
    "invoiced_at",
    "price",
    "whole_sale",
    "cost",
    "group_id",
)


class Order(StrEnum):
    """The time that a list goes by, newest first; what lacks it comes last."""

    CREATED = "CREATED"
    SENT = "SENT"
    INVOICED = "INVOICED"


class Submitted(NamedTuple):
    """What the store tells of a submission: COLUMNS."""

    id: int
    account_id: int
    text: str | None
    sender: str
    recipients: str
    created_at: str
    sent_at: str | None
    invoiced_at: str | None
    price: int | None
    whole_sale: int | None
    cost: int | None
    group_id: str | None


@dataclass(frozen=True)
class Filter:
    """Which submissions: all conditions hold. Ids from `first_id` up to, not including, `end_id`
    stand for a time of creation; a sender or text is compared without case."""

    first_id: int = LEAST_ID
    end_id: int = GREATEST_ID
    recipient: str | None = None
    sender: str | None = None
    text: str | None = None

    def parameters(self, account_id: int) -> list[Any]:
        """In the order of `_conditions`."""
        given = [self.recipient, self.sender and self.sender.casefold()]
        given.append(self.text and self.text.casefold())
        kept = [value for value in given if value is not None]
        own = [account_id] if self.recipient is not None else []
        return [account_id, self.first_id, self.end_id, *own, *kept]

    @property
    def shape(self) -> tuple[bool, bool, bool]:
        """Which conditions there are beyond the range of ids."""
        return self.recipient is not None, self.sender is not None, self.text is not None


class Submissions:
    """The submissions of a store, always of some accounts."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def accounts_of(self, customer_id: str) -> list[int]:
        """The accounts whose submissions are the customer's."""
        query = Account.select(Account.id).where(Account.customer == customer_id)
        return [account_id for (account_id,) in rows_of(self._database, query)]

    def page(
        self, accounts: Sequence[int], which: Filter, order: Order, offset: int, limit: int
    ) -> list[Submitted]:
        """`limit` submissions from the index `offset` on."""
        if not accounts or not limit:
            return []
        sql = _page_sql(len(accounts), which.shape, order)
        parameters = [one for account in accounts for one in which.parameters(account)]
        rows = run(self._database, sql, (*parameters, limit, offset))
        return [Submitted(*row) for row in rows]

    def count(self, accounts: Sequence[int], which: Filter) -> int:
        """How many submissions there are, on all pages."""
        sql = _count_sql(which.shape)
        return sum(
            run(self._database, sql, which.parameters(account)).fetchone()[0]
            for account in accounts
        )

    def find(self, account_id: int, submission_id: int) -> Submitted | None:
        """The submission of that id, if it is one that lists show."""
        which = Filter(submission_id, submission_id + 1)
        page = self.page([account_id], which, Order.CREATED, 0, 1)
        return page[0] if page else None


def wire_id(submitted: Submitted) -> str:
    """24 hexadecimal digits (REST protocol page, section 1)."""
    return f"{submitted.id % UNSIGNED:016x}{submitted.account_id:08x}"


def from_wire_id(text: str) -> tuple[int, int] | None:
    """(account id, submission id) of what `wire_id` gave, in either case; None for other texts."""
    found = WIRE_ID.fullmatch(text.lower())
    if not found:
        return None
    number = int(found[1], 16)
    return int(found[2], 16), number - UNSIGNED if number > GREATEST_ID else number


ORDERS: dict[Order, Sequence[str]] = {
    Order.CREATED: ("id", "account_id"),
    Order.SENT: ("sent_at", "id", "account_id"),
    Order.INVOICED: ("invoiced_at", "id", "account_id"),
}


@lru_cache(maxsize=1024)
def _page_sql(accounts: int, shape: tuple[bool, bool, bool], order: Order) -> str:
    one = f"SELECT {', '.join(COLUMNS)} FROM submission WHERE {_conditions(shape)}"
    by = ", ".join(f"{column} DESC" for column in ORDERS[order])
    return f"{' UNION ALL '.join([one] * accounts)} ORDER BY {by} LIMIT ? OFFSET ?"


@lru_cache(maxsize=8)
def _count_sql(shape: tuple[bool, bool, bool]) -> str:
    return f"SELECT count(*) FROM submission WHERE {_conditions(shape)}"


def _conditions(shape: tuple[bool, bool, bool]) -> str:
    by_recipient, by_sender, by_text = shape
    conditions = ["account_id = ?", "recipients IS NOT NULL", "id >= ?", "id < ?"]
    if by_recipient:
        conditions.append(
            "id IN (SELECT submission_id FROM message WHERE account_id = ? AND recipient = ? "
            "AND status <> 'refused')"
        )
    if by_sender:
        conditions.append("casefold(sender) = ?")
    if by_text:
        conditions.append("instr(casefold(text), ?)")
    return " AND ".join(conditions)
