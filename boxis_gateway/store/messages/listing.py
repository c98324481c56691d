"""Submissions as the REST API lists them, over a customer's accounts."""

from __future__ import annotations

from collections.abc import Sequence

from boxis_gateway.store.engines.replicas import ReadServers
from boxis_gateway.store.ids import GREATEST_ACCOUNT_ID, from_wire_id
from boxis_gateway.store.messages.list_pages import ListedSubmission, ListPages, ListPosition
from boxis_gateway.store.messages.listing_sql import COLUMNS, LISTED, Criteria, Order

NO_SUBMISSION = (0, 0)
ACCOUNTS_SQL = "SELECT id FROM account WHERE customer_id = ?"
LISTED_SQL = f"SELECT {', '.join(COLUMNS)} FROM submission WHERE {LISTED}"
FIND_SQL = f"""
    {LISTED_SQL} AND account_id = ? AND id = ? AND wire_id IS NULL
    UNION ALL {LISTED_SQL} AND wire_id IN (?, ?)
"""


class Submissions:
    """Lists of submissions, read from any server."""

    def __init__(self, servers: ReadServers) -> None:
        self._servers = servers

    def accounts_of(self, customer_id: str) -> list[int]:
        """Ids of the customer's accounts."""
        rows = self._servers.read(
            lambda database: database.execute_sql(ACCOUNTS_SQL, (customer_id,)).fetchall()
        )
        return [account_id for (account_id,) in rows]

    def page(
        self,
        accounts: Sequence[int],
        criteria: Criteria,
        order: Order,
        offset: int,
        limit: int,
    ) -> tuple[list[ListedSubmission], int]:
        """`limit` submissions from index `offset`, and the number on all pages, of one state."""
        return self._servers.read(
            lambda database: ListPages(database).page(accounts, criteria, order, offset, limit)
        )

    def page_after(
        self,
        accounts: Sequence[int],
        criteria: Criteria,
        order: Order,
        limit: int,
        position: ListPosition,
    ) -> list[ListedSubmission]:
        """`limit` submissions after a position, at the same cost for any position."""
        return self._servers.read(
            lambda database: ListPages(database).page_after(
                accounts, criteria, order, limit, position
            )
        )

    def find(self, wire_id: str) -> list[ListedSubmission]:
        """The listed submissions with that id on the wire, in a stable order: at most one with an
        id of ours, and any number with an id of another system."""
        account_id, submission_id = from_wire_id(wire_id) or NO_SUBMISSION
        if account_id > GREATEST_ACCOUNT_ID:
            account_id, submission_id = NO_SUBMISSION  # Citus rejects larger ids
        parameters = (account_id, submission_id, wire_id, wire_id.lower())
        rows = self._servers.read(
            lambda database: database.execute_sql(FIND_SQL, parameters).fetchall()
        )
        submissions = [ListedSubmission(*row) for row in rows]
        return sorted(
            submissions, key=lambda listed: (listed.wire_id or "", listed.account_id, listed.id)
        )
