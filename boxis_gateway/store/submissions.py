"""Submissions: the lists of the REST door, over all accounts of a customer.

An id is 16 hexadecimal digits of the submission's and 8 of its account's: so ids sort by creation,
and tell what they name. A list is one walk for each account, merged by SQLite; conditions and order
make its SQL, which is made once for each shape.
"""

from __future__ import annotations

import json
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
    sent_at: str | None
    invoiced_at: str | None
    price: int | None
    whole_sale: int | None
    cost: int | None
    group_id: str | None


class Shape(NamedTuple):
    """Which conditions a filter has: all that its SQL depends on."""

    by_time: bool
    by_recipient: bool
    by_sender: bool
    by_text: bool


@dataclass(frozen=True)
class Filter:
    """Which submissions: all conditions hold. Ids from `first_id` up to, not including, `end_id`
    stand for a time of creation; a sender or text is compared without case."""

    first_id: int = LEAST_ID
    end_id: int = GREATEST_ID
    recipient: str | None = None
    sender: str | None = None
    text: str | None = None

    @property
    def shape(self) -> Shape:
        """Which conditions there are."""
        return Shape(
            (self.first_id, self.end_id) != (LEAST_ID, GREATEST_ID),
            self.recipient is not None,
            self.sender is not None,
            self.text is not None,
        )


class Position(NamedTuple):
    """A place in a list, behind one submission: what the order goes by, and what breaks ties.
    `time` is None if the order is that of creation, or if the submission lacks the time."""

    time: str | None
    id: int
    account_id: int

    def end_id(self, account_id: int) -> int:
        """Where that account's ids end, of those behind this place and of its time."""
        return self.id + (account_id < self.account_id)


def position_of(one: Submitted, order: Order) -> Position:
    """The place behind the submission."""
    time = {Order.SENT: one.sent_at, Order.INVOICED: one.invoiced_at}.get(order)
    return Position(time, one.id, one.account_id)


class Submissions:
    """The submissions of a store, always of some accounts."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def accounts_of(self, customer_id: str) -> list[int]:
        """The accounts whose submissions are the customer's."""
        query = Account.select(Account.id).where(Account.customer == customer_id)
        return [account_id for (account_id,) in rows_of(self._database, query)]

    def page(
        self,
        accounts: Sequence[int],
        which: Filter,
        order: Order,
        offset: int,
        limit: int,
        behind: Position | None = None,
    ) -> list[Submitted]:
        """`limit` submissions from the index `offset` on, of those behind a place if one is given:
        that costs the same however far it is."""
        if not accounts or not limit:
            return []
        sql = _page_sql(len(accounts), which.shape, order, behind is not None)
        parameters: list[Any] = []
        for account in accounts:
            own = self._parameters(account, which)
            end_id = behind.end_id(account) if behind else 0
            if order not in ORDERS:
                parameters += [*own, end_id] if behind else own
                continue
            if behind is None:
                parameters += [*own, *own, offset + limit]
            elif behind.time is None:
                parameters += [*own, "", 0, *own, end_id, offset + limit]
            else:
                parameters += [*own, behind.time, end_id, *own, GREATEST_ID, offset + limit]
        rows = run(self._database, sql, (*parameters, limit, offset))
        return [Submitted(*row) for _, *row in rows]

    def count(self, accounts: Sequence[int], which: Filter) -> int:
        """How many submissions there are, on all pages."""
        sql = _count_sql(which.shape)
        return sum(
            run(self._database, sql, self._parameters(account, which)).fetchone()[0]
            for account in accounts
        )

    def _parameters(self, account_id: int, which: Filter) -> list[Any]:
        """In the order of `_conditions`."""
        parameters: list[Any] = [account_id]
        if which.shape.by_time:
            parameters += [which.first_id, which.end_id]
        if which.recipient is not None:
            tens = json.dumps(_ten_days(*self._span(account_id)))
            parameters += [account_id, tens, which.recipient, f"\n{which.recipient}\n"]
        texts = (which.sender, which.text)
        return parameters + [text.casefold() for text in texts if text is not None]

    def _span(self, account_id: int) -> tuple[str, str]:
        """Days of the account's oldest and newest messages; "" if there are none."""
        first, last = run(self._database, SPAN_SQL, (account_id, account_id)).fetchone()
        return (first or "")[:10], (last or "")[:10]

    def find(self, account_id: int, submission_id: int) -> Submitted | None:
        """The submission of that id, if it is one that lists show."""
        which = Filter(submission_id, submission_id + 1)
        page = self.page([account_id], which, Order.CREATED, 0, 1)
        return page[0] if page else None


def wire_id(submission_id: int, account_id: int) -> str:
    """24 hexadecimal digits (REST protocol page, section 1)."""
    return f"{submission_id % UNSIGNED:016x}{account_id:08x}"


def from_wire_id(text: str) -> tuple[int, int] | None:
    """(account id, submission id) of what `wire_id` gave, in either case; None for other texts."""
    found = WIRE_ID.fullmatch(text.lower())
    if not found:
        return None
    number = int(found[1], 16)
    return int(found[2], 16), number - UNSIGNED if number > GREATEST_ID else number


SPAN_SQL = """
    SELECT (SELECT sent_at FROM message WHERE account_id = ? ORDER BY sent_at LIMIT 1),
           (SELECT sent_at FROM message WHERE account_id = ? ORDER BY sent_at DESC LIMIT 1)
"""
ORDERS = {Order.SENT: "sent_at", Order.INVOICED: "invoiced_at"}
"""The columns behind the orders that are not that of the ids."""


@lru_cache(maxsize=1024)
def _page_sql(accounts: int, shape: Shape, order: Order, behind: bool) -> str:
    """COLUMNS, and what the order goes by before them. Each account has its walk; what lacks the
    time of the order another one, by id, as far as the page may reach into it."""
    column = ORDERS.get(order)
    conditions = _conditions(shape, by_id=column is None)
    walk = f"SELECT {column or 'id'}, {', '.join(COLUMNS)} FROM submission WHERE {conditions}"
    by_id = " AND id < ?" if behind else ""
    if column:
        late = f"SELECT NULL, {', '.join(COLUMNS)} FROM submission WHERE {conditions}"
        late += f" AND {column} IS NULL{by_id} ORDER BY id DESC LIMIT ?"
        walk += f" AND {column} IS NOT NULL"
        walk += f" AND ({column}, id) < (?, ?)" if behind else ""
        walk += f" UNION ALL SELECT * FROM ({late})"
    else:
        walk += by_id
    walks = " UNION ALL ".join([walk] * accounts)
    return f"{walks} ORDER BY 1 DESC, 2 DESC, 3 DESC LIMIT ? OFFSET ?"


@lru_cache(maxsize=64)
def _count_sql(shape: Shape) -> str:
    return f"SELECT count(*) FROM submission WHERE {_conditions(shape, by_id=True)}"


def _conditions(shape: Shape, by_id: bool) -> str:
    """`by_id` lets ids lead the walk; else a `+` hides them from SQLite's choice."""
    conditions = ["account_id = ?", "recipients IS NOT NULL"]
    if shape.by_time:
        name = "id" if by_id and not shape.by_recipient else "+id"
        conditions += [f"{name} >= ?", f"{name} < ?"]
    if shape.by_recipient:
        conditions.append(
            "id IN (SELECT submission_id FROM message WHERE account_id = ? "
            "AND substr(sent_at, 1, 9) IN (SELECT value FROM json_each(?)) AND recipient = ?)"
        )
        conditions.append("instr(char(10) || recipients || char(10), ?)")  # it was not refused
    if shape.by_sender:
        conditions.append("casefold(sender) = ?")
    if shape.by_text:
        conditions.append("instr(casefold(text), ?)")
    return " AND ".join(conditions)


@lru_cache(maxsize=1024)
def _ten_days(first: str, last: str) -> list[str]:
    """The beginnings, `yyyy-mm-d`, of all days from one to the other."""
    if not first:
        return []
    months = range(int(first[:4]) * 12 + int(first[5:7]) - 1, int(last[:4]) * 12 + int(last[5:7]))
    tens = (f"{n // 12:04}-{n % 12 + 1:02}-{ten}" for n in months for ten in range(4))
    return [ten for ten in tens if first[:9] <= ten <= last[:9]]
