"""Messages as files have them: a row for each, oldest first, with all that the store knows of it.

Of every account one walk over its messages is open, and they are merged; all of them read one state
of the store. A batch is a fixed number of messages that were looked at, whether they are wanted or
not: so whoever waits between two batches never waits long.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Mapping
from heapq import merge

from boxis_gateway.export_columns import EXPORT_COLUMNS
from boxis_gateway.sms.numbers import sender_key
from boxis_gateway.store.engines.base import Row, StoreDatabase
from boxis_gateway.store.engines.replicas import ReadServers
from boxis_gateway.store.engines.sql import take
from boxis_gateway.store.ids import ids_of_months
from boxis_gateway.store.messages.listing_sql import Criteria

BATCH = 150  # messages that are looked at; their rows are made in a few milliseconds

_EXPRESSIONS = {
    "account": "?1",
    "sms_id": "coalesce(m.wire_id, CAST(m.id AS TEXT))",
    "submission_id": "coalesce(s.wire_id, printf('%016x%08x', s.id, s.account_id))",
    "sender": "m.sender",
    "recipient": "m.recipient",
    "date": "m.sent_at",
    "text": "s.text",
    "parts": "m.parts",
    "credit": "m.credit_thousandths",
    "type": "m.kind",
    "status": "m.status",
    "status_date": "m.status_changed_at",
    "created_at": "s.created_at",
    "scheduled_at": "s.scheduled_at",
    "flash": "s.flash",
    "fast": "s.fast",
    "group_id": "s.group_id",
    "invoiced_at": "s.invoiced_at",
    "price": "s.price",
    "whole_sale": "s.whole_sale",
    "cost": "s.cost",
    "message_place": "CASE WHEN m.wire_id IS NOT NULL THEN CAST(m.id AS TEXT) END",
    "submission_place": "CASE WHEN s.wire_id IS NOT NULL THEN CAST(s.id AS TEXT) END",
}
assert list(_EXPRESSIONS) == list(EXPORT_COLUMNS)
_PLACE = ("m.sent_at", "m.account_id", "m.id", "s.id IS NOT NULL")
"""What stands before the columns: what rows are merged by, and whether a first look wants them."""

SENDER, TEXT, STATUS = (
    len(_PLACE) + list(EXPORT_COLUMNS).index(name) for name in ("sender", "text", "status")
)


class Exports:
    """The way out of a store for many messages."""

    def __init__(self, database: StoreDatabase, servers: ReadServers) -> None:
        self._database, self._servers = database, servers

    def accounts(self, customer_id: str | None = None) -> dict[int, str]:
        """Ids and user names of all accounts, or of a customer's."""
        sql = "SELECT id, username FROM account WHERE ? OR customer_id = ? ORDER BY id"
        return dict(self._database.execute_sql(sql, (customer_id is None, customer_id or "")))

    def rows(
        self,
        accounts: Mapping[int, str],
        which: Criteria,
        statuses: Collection[str] = (),
        hidden: Collection[str] = (),
    ) -> Generator[list[Row], None, None]:
        """Batches, which may be empty, of rows with a value for each of EXPORT_COLUMNS: of these
        accounts, given with their names, and of these statuses, if any are named. Hidden columns
        are None, and a text that is hidden is not found either.

        The connection is in use until the iterator has ended or is closed. Raises StoreError."""
        sql, wanted = _sql(hidden), _condition(which, statuses)
        months = ids_of_months(which.first_month, which.last_month)
        recipient = (which.recipient is None, which.recipient or "")
        snapshot = self._servers.read(lambda database: database.snapshot())
        try:
            walks = [
                snapshot.walk(sql, (name, account_id, *months, *recipient))
                for account_id, name in accounts.items()
            ]
            merged = merge(*walks)
            while looked_at := take(self._database, merged, BATCH):
                yield [row[len(_PLACE) :] for row in looked_at if row[3] and wanted(row)]
        finally:
            snapshot.close()


def _sql(hidden: Collection[str]) -> str:
    """The messages of an account. The submission of one that is of other months, or to another
    recipient, is not looked up."""
    shown = ["NULL" if name in hidden else told for name, told in _EXPRESSIONS.items()]
    return f"""
        SELECT {", ".join((*_PLACE, *shown))}
        FROM message m LEFT JOIN submission s
            ON s.account_id = m.account_id AND s.id = m.submission_id
            AND m.submission_id >= ?3 AND m.submission_id < ?4
            AND (?5 OR m.recipient = ?6)
        WHERE m.account_id = ?2 ORDER BY m.sent_at, m.id
    """


def _condition(which: Criteria, statuses: Collection[str]) -> Callable[[Row], bool]:
    key = None if which.sender is None else sender_key(which.sender)
    folded = None if which.text is None else which.text.casefold()

    def wanted(row: Row) -> bool:
        return (
            (key is None or sender_key(row[SENDER]) == key)
            and (folded is None or folded in (row[TEXT] or "").casefold())
            and (not statuses or row[STATUS] in statuses)
        )

    return wanted
