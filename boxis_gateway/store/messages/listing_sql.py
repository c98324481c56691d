"""Which submissions a list has, in which order, and the SQL of that.

Conditions and order make a list's SQL, which is made once for each shape.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Any, NamedTuple

from boxis_gateway.store.engines.base import without_nul

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
    """The time that a list goes by, newest first; what lacks it comes last."""

    CREATED = "CREATED"
    SENT = "SENT"
    INVOICED = "INVOICED"


@dataclass(frozen=True)
class Criteria:
    """Which submissions: all conditions hold. Months are `yyyy-mm`, of creation, both inclusive, ""
    for no bound; a sender is compared by its key (sms/numbers.py), a text without case."""

    first_month: str = ""
    last_month: str = ""
    recipient: str | None = None
    sender: str | None = None
    text: str | None = None

    @property
    def is_counted(self) -> bool:
        """Whether the table of counts can tell how many they are."""
        return self.recipient is None and self.text is None


class Shape(NamedTuple):
    """All that a list's SQL depends on: which conditions it has, and its order. `late` adds what
    lacks the time of the order; `behind` begins it behind a place; `bounded` is that no walk goes
    on for longer than the page (for who does not merge walks as they go)."""

    by_month: bool
    by_recipient: bool
    by_sender: bool
    by_text: bool
    order: Order = Order.CREATED
    late: bool = False
    behind: bool = False
    bounded: bool = False


ORDERS = {Order.SENT: "sent_at", Order.INVOICED: "invoiced_at"}
"""The columns behind the orders that are not that of the ids."""


@lru_cache(maxsize=1024)
def page_sql(shape: Shape, accounts: int) -> str:
    """COLUMNS, and what the order goes by before them. Each account has its walk, merged by SQLite;
    what lacks the time of the order another one, by id, as far as the page may reach into it."""
    column = ORDERS.get(shape.order)
    conditions = _conditions(shape, by_id=column is None)
    walk = f"SELECT {column or 'id'}, {', '.join(COLUMNS)} FROM submission WHERE {conditions}"
    by_id = " AND id < ?" if shape.behind else ""
    if column:
        late = f"SELECT NULL, {', '.join(COLUMNS)} FROM submission WHERE {conditions}"
        late += f" AND {column} IS NULL{by_id} ORDER BY id DESC LIMIT ?"
        walk += f" AND {column} IS NOT NULL"
        walk += f" AND ({column}, id) < (?, ?)" if shape.behind else ""
        walk = _bounded(walk) if shape.bounded else walk
        walk += f" UNION ALL SELECT * FROM ({late}) AS late" if shape.late else ""
    else:
        walk = _bounded(walk + by_id) if shape.bounded else walk + by_id
    walks = " UNION ALL ".join([walk] * accounts)
    return f"{walks} ORDER BY 1 DESC NULLS LAST, 2 DESC, 3 DESC LIMIT ? OFFSET ?"


def _bounded(walk: str) -> str:
    return f"SELECT * FROM ({walk} ORDER BY 1 DESC, 2 DESC LIMIT ?) AS walk"


@lru_cache(maxsize=64)
def count_sql(shape: Shape) -> str:
    """How many there are, of one account."""
    return f"SELECT count(*) FROM submission WHERE {_conditions(shape, by_id=True)}"


def _conditions(shape: Shape, by_id: bool) -> str:
    """`by_id` lets ids lead the walk; else a `+` hides them from SQLite's choice."""
    conditions = ["account_id = ?", LISTED]
    if shape.by_month:
        name = "id" if by_id and not shape.by_recipient else "+id"
        conditions += [f"{name} >= ?", f"{name} < ?"]
    if shape.by_recipient:
        conditions.append(
            "id IN (SELECT submission_id FROM message WHERE account_id = ? "
            "AND substr(sent_at, 1, 9) IN (SELECT value FROM json_each(?)) AND recipient = ?)"
        )
        conditions.append("instr(char(10) || recipients || char(10), ?) > 0")  # it was not refused
    if shape.by_sender:
        conditions.append("sender IN (SELECT value FROM json_each(?))")
    if shape.by_text:
        conditions.append(TEXT_CONDITION)
    return " AND ".join(conditions)


TEXT_CONDITION = """
CASE WHEN ? AND octet_length(text) = length(text) THEN text LIKE ? ESCAPE '!'
WHEN text LIKE ? ESCAPE '!' THEN has_folded(text, ?) END
"""
"""That a text contains another one, without case. Texts of ASCII alone are for SQLite's LIKE, which
knows no other letters. Of others it finds those that may be right, and Python (sqlite/database.py),
which is slow to call, looks at them. Patterns may not be long."""

FOLDED_INTO = frozenset("afhijklnstwy")
"""Letters of ASCII that others are folded into: ß into ss, the Kelvin sign into k, ﬁ into fi."""


def text_parameters(text: str) -> list[Any]:
    """Those of TEXT_CONDITION."""
    folded = without_nul(text).casefold()
    if len(folded) > LONGEST_PATTERN:
        return [False, None, "%", folded]
    in_ascii = f"%{_escaped(folded)}%" if folded.isascii() else None
    sure = (one if one.isascii() and one not in FOLDED_INTO else "%" for one in folded)
    return [True, in_ascii, f"%{_escaped(''.join(sure), specials='!_')}%", folded]


def _escaped(text: str, specials: str = "!%_") -> str:
    """For LIKE: behind `!` what is special stands for itself."""
    for special in specials:
        text = text.replace(special, "!" + special)
    return text
