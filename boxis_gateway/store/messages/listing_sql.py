"""SQL of lists of submissions, from search criteria and an order.

Each combination of conditions (a shape) has one SQL text, which is cached.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Any, NamedTuple

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
    "wire_id",
)
LISTED = "recipients IS NOT NULL"
LONGEST_PATTERN = 10_000  # characters; SQLite takes 50,000 bytes


class Order(StrEnum):
    """Time that a list is sorted by, newest first; submissions without it come last."""

    CREATED = "CREATED"
    SENT = "SENT"
    INVOICED = "INVOICED"


@dataclass(frozen=True)
class Criteria:
    """Search criteria, which all have to hold. Months of creation are `yyyy-mm`, both inclusive, ""
    for no bound. Senders are compared by their key (sms/numbers.py), texts without case."""

    first_month: str = ""
    last_month: str = ""
    recipient: str | None = None
    sender: str | None = None
    text: str | None = None

    @property
    def is_counted(self) -> bool:
        """True if counts.py can count the matches."""
        return self.recipient is None and self.text is None


class Shape(NamedTuple):
    """Conditions and order of a list's SQL. `untimed` adds submissions that lack the time of the
    order; `after` starts after a position; `bounded` limits each scan to the page, for engines that
    don't merge ordered scans lazily."""

    by_month: bool
    by_recipient: bool
    by_sender: bool
    by_text: bool
    order: Order = Order.CREATED
    untimed: bool = False
    after: bool = False
    bounded: bool = False


ORDERS = {Order.SENT: "sent_at", Order.INVOICED: "invoiced_at"}
"""Columns of the orders by time; the order of creation is that of the ids."""


@lru_cache(maxsize=1024)
def page_sql(shape: Shape, accounts: int) -> str:
    """Query for the time or id of the order, then COLUMNS. Each account has a scan, and for
    submissions without the time a second one, by id, limited to the page."""
    column = ORDERS.get(shape.order)
    conditions = _conditions(shape, by_id=column is None)
    scan = f"SELECT {column or 'id'}, {', '.join(COLUMNS)} FROM submission WHERE {conditions}"
    by_id = " AND id < ?" if shape.after else ""
    if column:
        untimed = f"SELECT NULL, {', '.join(COLUMNS)} FROM submission WHERE {conditions}"
        untimed += f" AND {column} IS NULL{by_id} ORDER BY id DESC LIMIT ?"
        scan += f" AND {column} IS NOT NULL"
        scan += f" AND ({column}, id) < (?, ?)" if shape.after else ""
        scan = _bounded(scan) if shape.bounded else scan
        scan += f" UNION ALL SELECT * FROM ({untimed}) AS untimed" if shape.untimed else ""
    else:
        scan = _bounded(scan + by_id) if shape.bounded else scan + by_id
    scans = " UNION ALL ".join([scan] * accounts)
    return f"{scans} ORDER BY 1 DESC NULLS LAST, 2 DESC, 3 DESC LIMIT ? OFFSET ?"


def _bounded(scan: str) -> str:
    return f"SELECT * FROM ({scan} ORDER BY 1 DESC, 2 DESC LIMIT ?) AS scan"


@lru_cache(maxsize=64)
def count_sql(shape: Shape) -> str:
    """Query for the number of matches of one account."""
    return f"SELECT count(*) FROM submission WHERE {_conditions(shape, by_id=True)}"


def _conditions(shape: Shape, by_id: bool) -> str:
    """`by_id`: the scan is by id; otherwise a `+` keeps SQLite from choosing that index."""
    conditions = ["account_id = ?", LISTED]
    if shape.by_month:
        name = "id" if by_id and not shape.by_recipient else "+id"
        conditions += [f"{name} >= ?", f"{name} < ?"]
    if shape.by_recipient:
        conditions.append(
            "id IN (SELECT submission_id FROM message WHERE account_id = ? "
            "AND substr(sent_at, 1, 9) IN (SELECT value FROM json_each(?)) AND recipient = ?)"
        )
        conditions.append("instr(char(10) || recipients || char(10), ?) > 0")  # not a refused one
    if shape.by_sender:
        conditions.append("sender IN (SELECT value FROM json_each(?))")
    if shape.by_text:
        conditions.append(TEXT_CONDITION)
    return " AND ".join(conditions)


TEXT_CONDITION = """
CASE WHEN ? AND octet_length(text) = length(text) THEN text LIKE ? ESCAPE '!'
WHEN text LIKE ? ESCAPE '!' OR instr(text, char(0)) > 0 THEN has_folded(text, ?) END
"""
"""Case-insensitive search in texts. SQLite's LIKE knows the case of ASCII only: it decides about
ASCII texts, and preselects others for Python (sqlite/database.py), which is slow to call. Patterns
are limited in length."""

FOLDED_INTO = frozenset("afhijklnstwy")
"""ASCII letters that others are folded into: ß into ss, the Kelvin sign into k, ﬁ into fi."""


def text_parameters(text: str) -> list[Any]:
    """Parameters of TEXT_CONDITION."""
    folded = text.casefold()
    if len(folded) > LONGEST_PATTERN:
        return [False, None, "%", folded]
    in_ascii = f"%{_escaped(folded)}%" if folded.isascii() and "\0" not in folded else None
    certain = (c if "\0" < c < "\x80" and c not in FOLDED_INTO else "%" for c in folded)
    return [True, in_ascii, f"%{_escaped(''.join(certain), specials='!_')}%", folded]


def _escaped(text: str, specials: str = "!%_") -> str:
    """A text for LIKE, with `!` before special characters."""
    for special in specials:
        text = text.replace(special, "!" + special)
    return text
