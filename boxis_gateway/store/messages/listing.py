"""Submissions as the REST API lists them, over a customer's accounts."""

from __future__ import annotations

from boxis_gateway.store.engines.replicas import ReadServers
from boxis_gateway.store.ids import GREATEST_ACCOUNT_ID, from_wire_id
from boxis_gateway.store.messages.list_pages import ListPages
from boxis_gateway.store.messages.list_query import ListedSubmission, ListPage, ListQuery
from boxis_gateway.store.messages.listing_sql import COLUMNS, LISTED

NO_SUBMISSION = (0, 0)
ACCOUNTS_SQL = "SELECT id FROM account WHERE customer_id = ?"
LISTED_SQL = f"SELECT {COLUMNS} FROM submission WHERE {LISTED}"
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

    def page(self, query: ListQuery) -> ListPage:
        """A page and its total, of one state."""
        return self._servers.read(lambda database: ListPages(database).read(query))

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
