"""Pages of submissions from one database: a scan for each account, merged.

The SQL is in listing_sql.py. Totals come from counts.py, if the criteria allow it.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from boxis_gateway.store.engines.base import Row, StoreDatabase
from boxis_gateway.store.engines.sql import chunks
from boxis_gateway.store.ids import GREATEST_ID, id_range_of_months
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

SCANS_PER_QUERY = 200  # SQLite takes 500 SELECTs in one, and a scan has up to two


class ListedSubmission(NamedTuple):
    """A submission as lists have it, by listing_sql.COLUMNS."""

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
    """A position in a list, after one submission: the sort key. `time` is None in the order of
    creation, or if the submission lacks the time of the order."""

    time: str | None
    id: int
    account_id: int

    def end_id(self, account_id: int) -> int:
        """Exclusive end of that account's ids after this position and of its time."""
        return min(self.id + (account_id < self.account_id), GREATEST_ID)


def position_after(submission: ListedSubmission, order: Order) -> ListPosition:
    """The position after the submission."""
    times = {Order.SENT: submission.sent_at, Order.INVOICED: submission.invoiced_at}
    return ListPosition(times.get(order), submission.id, submission.account_id)


class _Window(NamedTuple):
    """`limit` submissions from an index, counted from a position if one is given."""

    offset: int
    limit: int
    after: ListPosition | None = None


class _Scan(NamedTuple):
    """An account, and the parameters of the conditions in their order."""

    account_id: int
    parameters: tuple[Any, ...]


class ListPages:
    """Pages from one database."""

    def __init__(self, database: StoreDatabase) -> None:
        self._database = database
        self._counts = Counts(database)

    def page(
        self,
        accounts: Sequence[int],
        criteria: Criteria,
        order: Order,
        offset: int,
        limit: int,
    ) -> tuple[list[ListedSubmission], int]:
        """Read a page by its offset, as Submissions.page."""
        with self._database.read_transaction():
            total = self._count(accounts, criteria)
            limit = max(0, min(limit, total - offset))  # or a scan looks for more
            if limit and offset and criteria.is_counted and order is Order.CREATED:
                criteria, offset = self._without_newer_months(accounts, criteria, offset)
            return self._page(accounts, criteria, order, _Window(offset, limit)), total

    def page_after(
        self,
        accounts: Sequence[int],
        criteria: Criteria,
        order: Order,
        limit: int,
        position: ListPosition,
    ) -> list[ListedSubmission]:
        """Read a page by its position, as Submissions.page_after."""
        return self._page(accounts, criteria, order, _Window(0, limit, position))

    def _page(
        self, accounts: Sequence[int], criteria: Criteria, order: Order, window: _Window
    ) -> list[ListedSubmission]:
        scans = self._scans(accounts, criteria) if window.limit else []
        if not scans:
            return []
        shape = _shape(criteria)._replace(
            order=order,
            after=window.after is not None,
            bounded=not self._database.merges_ordered_unions,
        )
        page: list[ListedSubmission] = []
        if order in ORDERS and not (window.after and window.after.time is None):
            page = self._read(scans, shape, window)
        if len(page) == window.limit:
            return page  # without a search for submissions that lack the time
        return self._read(scans, shape._replace(untimed=order in ORDERS), window)

    def _without_newer_months(
        self, accounts: Sequence[int], criteria: Criteria, offset: int
    ) -> tuple[Criteria, int]:
        """Criteria and offset of the same position, without the months after its own."""
        listed = sum(
            (self._counts.by_month(account_id, criteria) for account_id in accounts), Counter[str]()
        )
        for month in sorted(listed, reverse=True):
            if offset < listed[month]:
                return replace(criteria, last_month=month), offset
            offset -= listed[month]
        raise IndexError(offset)

    def _count(self, accounts: Sequence[int], criteria: Criteria) -> int:
        if criteria.is_counted:
            return sum(self._counts.total(account, criteria) for account in accounts)
        sql = count_sql(_shape(criteria))
        scans = self._scans(accounts, criteria)
        return sum(self._database.execute_sql(sql, scan.parameters).fetchone()[0] for scan in scans)

    def _read(
        self, scans: Sequence[_Scan], shape: Shape, window: _Window
    ) -> list[ListedSubmission]:
        groups = list(self._query_groups(scans))
        if len(groups) == 1:
            return [ListedSubmission(*row) for _, *row in self._rows(scans, shape, window)]
        rows: list[Row] = []
        end = window.offset + window.limit
        for group in groups:
            rows += self._rows(group, shape, _Window(0, end, window.after))
        rows.sort(key=_newest_first, reverse=True)
        return [ListedSubmission(*row) for _, *row in rows[window.offset : end]]

    def _query_groups(self, scans: Sequence[_Scan]) -> Iterator[Sequence[_Scan]]:
        shards: dict[int, list[_Scan]] = {}
        for scan in scans:
            shards.setdefault(self._database.shard_of(scan.account_id), []).append(scan)
        for shard in shards.values():
            yield from chunks(shard, SCANS_PER_QUERY)

    def _rows(self, scans: Sequence[_Scan], shape: Shape, window: _Window) -> Iterable[Row]:
        """Rows of the time or id that the list is sorted by, then COLUMNS."""
        offset, limit, after = window
        parameters: list[Any] = []
        for scan in scans:
            parameters += scan.parameters
            end_id = after.end_id(scan.account_id) if after else GREATEST_ID
            if after and shape.order in ORDERS:
                parameters += ["", 0] if after.time is None else [after.time, end_id]
            elif after:
                parameters.append(end_id)
            if shape.bounded:
                parameters.append(offset + limit)
            if shape.untimed:
                parameters += scan.parameters
                if after:
                    parameters.append(end_id if after.time is None else GREATEST_ID)
                parameters.append(offset + limit)
        sql = page_sql(shape, len(scans))
        rows: Iterable[Row] = self._database.execute_sql(sql, (*parameters, limit, offset))
        return rows

    def _scans(self, accounts: Sequence[int], criteria: Criteria) -> list[_Scan]:
        """Scans of the accounts that may have matches."""
        scans = (self._scan(account_id, criteria) for account_id in accounts)
        return [scan for scan in scans if scan is not None]

    def _scan(self, account_id: int, criteria: Criteria) -> _Scan | None:
        """None if the counts rule out a match."""
        spellings = None
        if criteria.sender is not None:
            spellings = self._counts.spellings(account_id, criteria)
            if not spellings:
                return None
            first = min(spelling.first_month for spelling in spellings)
            last = max(spelling.last_month for spelling in spellings)
            criteria = replace(criteria, first_month=first, last_month=last)
        parameters: list[Any] = [account_id]
        if _shape(criteria).by_month:
            parameters += id_range_of_months(criteria.first_month, criteria.last_month)
        if criteria.recipient is not None:
            prefixes = account_prefixes(self._database, account_id)
            parameters += [account_id, prefixes, criteria.recipient, f"\n{criteria.recipient}\n"]
        if spellings is not None:
            parameters.append(json.dumps([spelling.sender for spelling in spellings]))
        if criteria.text is not None:
            parameters += text_parameters(criteria.text)
        return _Scan(account_id, tuple(parameters))


def _newest_first(row: Row) -> tuple[bool, Any, int, int]:
    """Sort key of the SQL's order; submissions that lack the time come last."""
    time, submission_id, account_id, *_ = row
    return time is not None, time or 0, submission_id, account_id


def _shape(criteria: Criteria) -> Shape:
    return Shape(
        by_month=bool(criteria.first_month or criteria.last_month or criteria.sender is not None),
        by_recipient=criteria.recipient is not None,
        by_sender=criteria.sender is not None,
        by_text=criteria.text is not None,
    )
