"""Lists of submissions, of one server: a walk for each account, merged.

The SQL is in filters.py; totals come from counts.py where they can.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from boxis_gateway.store.engines.base import Row, StoreDatabase
from boxis_gateway.store.ids import GREATEST_ID, ids_of_months
from boxis_gateway.store.messages.counts import Counts
from boxis_gateway.store.messages.listing_sql import (
    ORDERS,
    Criteria,
    Order,
    Shape,
    count_sql,
    page_sql,
    text_parameters,
)
from boxis_gateway.store.messages.recipient_index import account_prefixes

WALKS_AT_ONCE = 200  # SQLite takes 500 SELECTs in one, and a walk has up to two


class ListedSubmission(NamedTuple):
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
    wire_id: str | None


class ListPosition(NamedTuple):
    """A place in a list, behind one submission: what the order goes by, and what breaks ties.
    `time` is None if the order is that of creation, or if the submission lacks the time."""

    time: str | None
    id: int
    account_id: int

    def end_id(self, account_id: int) -> int:
        """Where that account's ids end, of those behind this place and of its time."""
        return min(self.id + (account_id < self.account_id), GREATEST_ID)


def position_after(one: ListedSubmission, order: Order) -> ListPosition:
    """The place behind the submission."""
    time = {Order.SENT: one.sent_at, Order.INVOICED: one.invoiced_at}.get(order)
    return ListPosition(time, one.id, one.account_id)


class _Part(NamedTuple):
    """Which part of a list: `limit` submissions from an index on, counted from behind a place if
    one is given."""

    offset: int
    limit: int
    behind: ListPosition | None = None


@dataclass(frozen=True)
class _Walk:
    """What is looked through of an account: the parameters of the conditions, in their order."""

    account_id: int
    parameters: tuple[Any, ...]


class ListPages:
    """The lists of one server."""

    def __init__(self, database: StoreDatabase) -> None:
        self._database = database
        self._counts = Counts(database)

    def page(
        self,
        accounts: Sequence[int],
        which: Criteria,
        order: Order,
        offset: int,
        limit: int,
    ) -> tuple[list[ListedSubmission], int]:
        """See Submissions.page."""
        with self._database.read_transaction():
            total = self._count(accounts, which)
            limit = max(0, min(limit, total - offset))  # so that no walk goes on for more
            if limit and offset and which.is_counted and order is Order.CREATED:
                which, offset = self._without_newer_months(accounts, which, offset)
            return self._page(accounts, which, order, _Part(offset, limit)), total

    def page_behind(
        self,
        accounts: Sequence[int],
        which: Criteria,
        order: Order,
        limit: int,
        place: ListPosition,
    ) -> list[ListedSubmission]:
        """See Submissions.page_behind."""
        return self._page(accounts, which, order, _Part(0, limit, place))

    def _page(
        self, accounts: Sequence[int], which: Criteria, order: Order, part: _Part
    ) -> list[ListedSubmission]:
        walks = self._walks(accounts, which) if part.limit else []
        if not walks:
            return []
        shape = _shape(which)._replace(
            order=order,
            behind=part.behind is not None,
            bounded=not self._database.merges_ordered_unions,
        )
        found: list[ListedSubmission] = []
        if order in ORDERS and not (part.behind and part.behind.time is None):
            found = self._read(walks, shape, part)
        if len(found) == part.limit:
            return found  # without a look for what lacks the time
        return self._read(walks, shape._replace(late=order in ORDERS), part)

    def _without_newer_months(
        self, accounts: Sequence[int], which: Criteria, offset: int
    ) -> tuple[Criteria, int]:
        """The same place in a list that begins with the month of that index."""
        listed = sum((self._counts.by_month(one, which) for one in accounts), Counter[str]())
        for month in sorted(listed, reverse=True):
            if offset < listed[month]:
                return replace(which, last_month=month), offset
            offset -= listed[month]
        raise IndexError(offset)

    def _count(self, accounts: Sequence[int], which: Criteria) -> int:
        if which.is_counted:
            return sum(self._counts.total(account, which) for account in accounts)
        sql = count_sql(_shape(which))
        walks = self._walks(accounts, which)
        return sum(self._database.execute_sql(sql, walk.parameters).fetchone()[0] for walk in walks)

    def _read(self, walks: Sequence[_Walk], shape: Shape, part: _Part) -> list[ListedSubmission]:
        groups = list(self._asked_together(walks))
        if len(groups) == 1:
            return [ListedSubmission(*row) for _, *row in self._rows(walks, shape, part)]
        rows: list[Row] = []
        end = part.offset + part.limit
        for some in groups:
            rows += self._rows(some, shape, _Part(0, end, part.behind))
        rows.sort(key=_newest_first, reverse=True)
        return [ListedSubmission(*row) for _, *row in rows[part.offset : end]]

    def _asked_together(self, walks: Sequence[_Walk]) -> Iterator[Sequence[_Walk]]:
        places: dict[int, list[_Walk]] = {}
        for walk in walks:
            places.setdefault(self._database.shard_of(walk.account_id), []).append(walk)
        for some in places.values():
            for first in range(0, len(some), WALKS_AT_ONCE):
                yield some[first : first + WALKS_AT_ONCE]

    def _rows(self, walks: Sequence[_Walk], shape: Shape, part: _Part) -> Iterable[Row]:
        """What the order goes by, and the columns."""
        offset, limit, behind = part
        parameters: list[Any] = []
        for walk in walks:
            parameters += walk.parameters
            end_id = behind.end_id(walk.account_id) if behind else GREATEST_ID
            if behind and shape.order in ORDERS:
                parameters += ["", 0] if behind.time is None else [behind.time, end_id]
            elif behind:
                parameters.append(end_id)
            if shape.bounded:
                parameters.append(offset + limit)
            if shape.late:
                parameters += walk.parameters
                if behind:
                    parameters.append(end_id if behind.time is None else GREATEST_ID)
                parameters.append(offset + limit)
        sql = page_sql(shape, len(walks))
        rows: Iterable[Row] = self._database.execute_sql(sql, (*parameters, limit, offset))
        return rows

    def _walks(self, accounts: Sequence[int], which: Criteria) -> list[_Walk]:
        """One for each account that may have something."""
        walks = (self._walk(account, which) for account in accounts)
        return [walk for walk in walks if walk is not None]

    def _walk(self, account_id: int, which: Criteria) -> _Walk | None:
        """None if there is nothing to be found, as far as the counts tell."""
        spellings = None
        if which.sender is not None:
            spellings = self._counts.spellings(account_id, which)
            if not spellings:
                return None
            first = min(one.first_month for one in spellings)
            last = max(one.last_month for one in spellings)
            which = replace(which, first_month=first, last_month=last)
        parameters: list[Any] = [account_id]
        if _shape(which).by_month:
            parameters += ids_of_months(which.first_month, which.last_month)
        if which.recipient is not None:
            tens = account_prefixes(self._database, account_id)
            parameters += [account_id, tens, which.recipient, f"\n{which.recipient}\n"]
        if spellings is not None:
            parameters.append(json.dumps([one.sender for one in spellings]))
        if which.text is not None:
            parameters += text_parameters(which.text)
        return _Walk(account_id, tuple(parameters))


def _newest_first(row: Row) -> tuple[bool, Any, int, int]:
    """As the SQL has it: what lacks the time comes last."""
    time, submission_id, account_id, *_ = row
    return time is not None, time or 0, submission_id, account_id


def _shape(which: Criteria) -> Shape:
    return Shape(
        by_month=bool(which.first_month or which.last_month or which.sender is not None),
        by_recipient=which.recipient is not None,
        by_sender=which.sender is not None,
        by_text=which.text is not None,
    )
