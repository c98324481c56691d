"""Submissions: the lists of the REST API, over all accounts of a customer."""

from __future__ import annotations

from collections.abc import Sequence

from boxis_gateway.store.engines.replicas import ReadServers
from boxis_gateway.store.ids import GREATEST_ACCOUNT_ID, from_wire_id
from boxis_gateway.store.messages.list_pages import ListedSubmission, ListPages, ListPosition
from boxis_gateway.store.messages.listing_sql import COLUMNS, LISTED, Criteria, Order

NOBODYS = (0, 0)
ACCOUNTS_SQL = "SELECT id FROM account WHERE customer_id = ?"
LISTED_SQL = f"SELECT {', '.join(COLUMNS)} FROM submission WHERE {LISTED}"
FIND_SQL = f"""
    {LISTED_SQL} AND account_id = ? AND id = ? AND wire_id IS NULL
    UNION ALL {LISTED_SQL} AND wire_id IN (?, ?)
"""


class Submissions:
    """The submissions of a store, always of some accounts."""

    def __init__(self, servers: ReadServers) -> None:
        self._servers = servers

    def accounts_of(self, customer_id: str) -> list[int]:
        """The accounts whose submissions are the customer's."""
        rows = self._servers.read(
            lambda one: one.execute_sql(ACCOUNTS_SQL, (customer_id,)).fetchall()
        )
        return [account_id for (account_id,) in rows]

    def page(
        self,
        accounts: Sequence[int],
        which: Criteria,
        order: Order,
        offset: int,
        limit: int,
    ) -> tuple[list[ListedSubmission], int]:
        """`limit` submissions from the index `offset` on, and how many there are on all pages; both
        of one state of the store."""
        return self._servers.read(
            lambda one: ListPages(one).page(accounts, which, order, offset, limit)
        )

    def page_behind(
        self,
        accounts: Sequence[int],
        which: Criteria,
        order: Order,
        limit: int,
        place: ListPosition,
    ) -> list[ListedSubmission]:
        """`limit` submissions behind a place; that costs the same however far it is."""
        return self._servers.read(
            lambda one: ListPages(one).page_behind(accounts, which, order, limit, place)
        )

    def find(self, wire_id: str) -> list[ListedSubmission]:
        """The submissions that clients know by that id, as far as lists show them: by ours, and by
        that of another system, which may be given twice; always in the same order."""
        account_id, submission_id = from_wire_id(wire_id) or NOBODYS
        if account_id > GREATEST_ACCOUNT_ID:
            account_id, submission_id = NOBODYS  # Citus does not take such a one
        parameters = (account_id, submission_id, wire_id, wire_id.lower())
        rows = self._servers.read(lambda one: one.execute_sql(FIND_SQL, parameters).fetchall())
        found = (ListedSubmission(*row) for row in rows)
        return sorted(found, key=lambda one: (one.wire_id or "", one.account_id, one.id))
