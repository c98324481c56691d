"""Pages of submissions from one database: a scan for each account, merged.

The SQL is in listing_sql.py. Totals come from counts.py, if the criteria allow it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from boxis_gateway.store.engines.base import Row, StoreDatabase
from boxis_gateway.store.engines.sql import chunks
from boxis_gateway.store.ids import GREATEST_ID, id_range_of_months
from boxis_gateway.store.messages.counts import Counts
from boxis_gateway.store.messages.list_query import (
    Criteria,
    ListedSubmission,
    ListPage,
    ListQuery,
)
from boxis_gateway.store.messages.listing_sql import (
    ORDERS,
    Shape,
    count_sql,
    page_sql,
    shape_of,
    text_parameters,
)
from boxis_gateway.store.messages.recipient_index import account_prefixes

SCANS_PER_QUERY = 200  # SQLite takes 500 SELECTs in one, and a scan has up to two


class _Scan(NamedTuple):
    """An account, and the parameters of the conditions in their order."""

    account_id: int
    parameters: tuple[Any, ...]


class ListPages:
    """Pages from one database."""

    def __init__(self, database: StoreDatabase) -> None:
        self._database, self._dialect = database, database.dialect
        self._counts = Counts(database)

    def read(self, query: ListQuery) -> ListPage:
        """Read a page, see Submissions.page."""
        if query.after:
            return ListPage(self._page(query), None)
        with self._database.read_transaction():
            total = self._count(query)
            limit = max(0, min(query.limit, total - query.offset))  # or a scan looks for more
            query = query._replace(limit=limit)
            if limit and query.offset and query.criteria.is_counted and query.order not in ORDERS:
                query = self._without_newer_months(query)
            return ListPage(self._page(query), total)

    def _page(self, query: ListQuery) -> list[ListedSubmission]:
        scans = self._scans(query) if query.limit else []
        if not scans:
            return []
        shape, is_by_time = shape_of(query), query.order in ORDERS
        page: list[ListedSubmission] = []
        if is_by_time and not (query.after and query.after.time is None):
            page = self._read(scans, shape, query)
        if len(page) == query.limit:
            return page  # without a search for submissions that lack the time
        return self._read(scans, shape._replace(untimed=is_by_time), query)

    def _without_newer_months(self, query: ListQuery) -> ListQuery:
        """Query for the same page, counted from the newest submission of its own month."""
        criteria, offset = query.criteria, query.offset
        listed = sum(
            (self._counts.by_month(account_id, criteria) for account_id in query.accounts),
            Counter[str](),
        )
        for month in sorted(listed, reverse=True):
            if offset < listed[month]:
                return query._replace(criteria=replace(criteria, last_month=month), offset=offset)
            offset -= listed[month]
        raise IndexError(offset)

    def _count(self, query: ListQuery) -> int:
        if query.criteria.is_counted:
            return sum(self._counts.total(account, query.criteria) for account in query.accounts)
        sql = count_sql(self._dialect, shape_of(query))
        return sum(self._database.scalar(sql, scan.parameters) for scan in self._scans(query))

    def _read(
        self, scans: Sequence[_Scan], shape: Shape, query: ListQuery
    ) -> list[ListedSubmission]:
        groups = list(self._query_groups(scans))
        if len(groups) == 1:
            return [ListedSubmission(*row) for _, *row in self._rows(scans, shape, query)]
        rows: list[Row] = []
        end = query.offset + query.limit
        for group in groups:
            rows += self._rows(group, shape, query._replace(offset=0, limit=end))
        rows.sort(key=_newest_first, reverse=True)
        return [ListedSubmission(*row) for _, *row in rows[query.offset : end]]

    def _query_groups(self, scans: Sequence[_Scan]) -> Iterator[Sequence[_Scan]]:
        shards: dict[int, list[_Scan]] = {}
        for scan in scans:
            shards.setdefault(self._database.shard_of(scan.account_id), []).append(scan)
        for shard in shards.values():
            yield from chunks(shard, SCANS_PER_QUERY)

    def _rows(self, scans: Sequence[_Scan], shape: Shape, query: ListQuery) -> Iterable[Row]:
        """Rows of the time or id that the list is sorted by, then COLUMNS."""
        after, end = query.after, query.offset + query.limit
        parameters: list[Any] = []
        for scan in scans:
            parameters += scan.parameters
            end_id = after.end_id(scan.account_id) if after else GREATEST_ID
            if after and shape.order in ORDERS:
                parameters += ["", 0] if after.time is None else [after.time, end_id]
            elif after:
                parameters.append(end_id)
            if not self._dialect.merges_ordered_unions:
                parameters.append(end)
            if shape.untimed:
                parameters += scan.parameters
                if after:
                    parameters.append(end_id if after.time is None else GREATEST_ID)
                parameters.append(end)
        sql = page_sql(self._dialect, shape, len(scans))
        parameters += [query.limit, query.offset]
        rows: Iterable[Row] = self._database.execute_sql(sql, parameters)
        return rows

    def _scans(self, query: ListQuery) -> list[_Scan]:
        """Scans of the accounts that may have matches."""
        scans = (self._scan(account_id, query.criteria) for account_id in query.accounts)
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
        if criteria.first_month or criteria.last_month:
            parameters += id_range_of_months(criteria.first_month, criteria.last_month)
        if criteria.recipient is not None:
            days = self._dialect.array(account_prefixes(self._database, account_id))
            parameters += [account_id, days, criteria.recipient, f"\n{criteria.recipient}\n"]
        if spellings is not None:
            parameters.append(self._dialect.array([spelling.sender for spelling in spellings]))
        if criteria.text is not None:
            parameters += text_parameters(criteria.text)
        return _Scan(account_id, tuple(parameters))


def _newest_first(row: Row) -> tuple[bool, Any, int, int]:
    """Sort key of the SQL's order; submissions that lack the time come last."""
    time, submission_id, account_id, *_ = row
    return time is not None, time or 0, submission_id, account_id
