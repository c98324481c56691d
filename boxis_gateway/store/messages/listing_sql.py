"""SQL of lists of submissions, from search criteria and an order.

Each combination of conditions (a shape) has one SQL text, which is cached.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

from boxis_gateway.store.engines.dialect import Dialect
from boxis_gateway.store.messages.list_query import ListedSubmission, ListQuery, Order

COLUMNS = ", ".join(ListedSubmission._fields)
LISTED = "recipients IS NOT NULL"
LONGEST_PATTERN = 10_000  # characters; SQLite takes 50,000 bytes


class Shape(NamedTuple):
    """Conditions and order of a list's SQL. `after` starts after a position; `untimed` adds
    submissions that lack the time of the order."""

    by_month: bool
    by_recipient: bool
    by_sender: bool
    by_text: bool
    order: Order = Order.CREATED
    after: bool = False
    untimed: bool = False


def shape_of(query: ListQuery) -> Shape:
    """The shape of the query, without untimed submissions."""
    criteria = query.criteria
    return Shape(
        by_month=bool(criteria.first_month or criteria.last_month or criteria.sender is not None),
        by_recipient=criteria.recipient is not None,
        by_sender=criteria.sender is not None,
        by_text=criteria.text is not None,
        order=query.order,
        after=query.after is not None,
    )


ORDERS = {Order.SENT: "sent_at", Order.INVOICED: "invoiced_at"}
"""Columns of the orders by time; the order of creation is that of the ids."""


@lru_cache(maxsize=1024)
def page_sql(dialect: Dialect, shape: Shape, accounts: int) -> str:
    """Query for the time or id of the order, then COLUMNS. Each account has a scan, limited to the
    page unless the engine merges scans lazily. For submissions without the time it has a second
    one, by id, limited to the page."""
    column = ORDERS.get(shape.order)
    conditions = _conditions(dialect, shape, by_id=column is None)
    by_id = " AND id < ?" if shape.after else ""
    by_time = f" AND ({column}, id) < (?, ?)" if shape.after else ""
    timed = f" AND {column} IS NOT NULL{by_time}" if column else by_id
    scan = f"SELECT {column or 'id'}, {COLUMNS} FROM submission WHERE {conditions}{timed}"
    if not dialect.merges_ordered_unions:
        scan = f"SELECT * FROM ({scan} ORDER BY 1 DESC, 2 DESC LIMIT ?) AS scan"
    if column and shape.untimed:
        untimed = f"SELECT NULL, {COLUMNS} FROM submission WHERE {conditions}"
        untimed += f" AND {column} IS NULL{by_id} ORDER BY id DESC LIMIT ?"
        scan += f" UNION ALL SELECT * FROM ({untimed}) AS untimed"
    scans = " UNION ALL ".join([scan] * accounts)
    return f"{scans} ORDER BY 1 DESC NULLS LAST, 2 DESC, 3 DESC LIMIT ? OFFSET ?"


@lru_cache(maxsize=64)
def count_sql(dialect: Dialect, shape: Shape) -> str:
    """Query for the number of matches of one account."""
    conditions = _conditions(dialect, shape, by_id=True)
    return f"SELECT count(*) FROM submission WHERE {conditions}"


def _conditions(dialect: Dialect, shape: Shape, by_id: bool) -> str:
    """`by_id`: the scan is by id; otherwise a `+` keeps SQLite from choosing that index."""
    conditions = ["account_id = ?", LISTED]
    if shape.by_month:
        name = "id" if by_id and not shape.by_recipient else "+id"
        conditions += [f"{name} >= ?", f"{name} < ?"]
    if shape.by_recipient:
        conditions.append(
            "id IN (SELECT submission_id FROM message WHERE account_id = ? "
            f"AND substr(sent_at, 1, 9) {dialect.in_array()} AND recipient = ?)"
        )
        lines = dialect.position("'\n' || recipients || '\n'", "?")
        conditions.append(f"{lines} > 0")  # not a refused one
    if shape.by_sender:
        conditions.append(f"sender {dialect.in_array()}")
    if shape.by_text:
        conditions.append(_text_condition(dialect))
    return " AND ".join(conditions)


def _text_condition(dialect: Dialect) -> str:
    """Case-insensitive search in texts, with the parameters of `text_parameters`. LIKE knows the
    case of ASCII only: it decides about ASCII texts, and preselects others for `has_folded`, which
    is slow to call in SQLite (sqlite/database.py)."""
    like = dialect.like("text")
    return (
        f"CASE WHEN ? AND octet_length(text) = length(text) THEN {like} "
        f"WHEN {like} OR {dialect.has_nul('text')} THEN has_folded(text, ?) END"
    )


FOLDED_INTO = frozenset("afhijklnstwy")
"""ASCII letters that others are folded into: ß into ss, the Kelvin sign into k, ﬁ into fi."""


def text_parameters(text: str) -> list[Any]:
    """Parameters of `_text_condition`. Patterns are limited in length."""
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
