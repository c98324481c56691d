"""Inserter of submissions and messages; only copies of whole stores have another way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from boxis_gateway.store.engines.base import StoreDatabase
from boxis_gateway.store.messages.counts import Counts
from boxis_gateway.store.messages.delivery_reports import DeliveryReports
from boxis_gateway.store.tables import Message, MessageRow, Submission, SubmissionRow


class MessageInserter:
    """Inserter of an account's submissions and messages, imported or to be sent.

    Call it inside a transaction that holds the account (`write_transaction`, or a Write of
    store/writer.py), with free ids (free_ids.py), after `ensure_partitions` for the messages."""

    def __init__(self, database: StoreDatabase) -> None:
        self._submissions = database.bulk_inserter(Submission)
        self._messages = database.bulk_inserter(Message)
        self._counts = Counts(database)
        self._delivery_reports = DeliveryReports(database)

    def insert(
        self,
        account_id: int,
        submissions: Sequence[SubmissionRow],
        messages: Sequence[MessageRow],
    ) -> None:
        """Insert new submissions, and new messages of these or of stored ones. Submissions with
        recipients are counted. Delivery reports that waited for the messages are applied.

        Raises peewee's IntegrityError for an id or wire id that is taken; then the transaction or
        its savepoint must be rolled back."""
        self._submissions.insert(submissions)
        self._messages.insert(messages)
        listed = Counter(
            (row.sender, row.created_at[:7]) for row in submissions if row.recipients is not None
        )
        self._counts.change(account_id, listed)
        self._delivery_reports.apply_waiting(account_id, messages)
