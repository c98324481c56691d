"""Adding imported messages: ids and rows for the new ones.

Ids (ids.py) have 19 digits, like the provider's later ids (protocol page, section 5). They depend
only on what is stored: the same imports make the same store. The id that a message has on the wire
is kept in `wire_id`, and sorts it among equal times (section 11: highest id first).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import NamedTuple

from boxis_gateway.model import Kind, Prices, Status
from boxis_gateway.store.engines.base import Row, StoreDatabase
from boxis_gateway.store.engines.errors import translate_errors
from boxis_gateway.store.engines.schema_version import require_unmigrated
from boxis_gateway.store.engines.sql import select_in
from boxis_gateway.store.ids import (
    UPPER_HALF,
    first_id,
    is_generated_id,
    is_in_lower_half,
    order_id,
)
from boxis_gateway.store.ingest.bulk_submissions import BulkSubmissions
from boxis_gateway.store.ingest.duplicates import Duplicates, FingerprintedMessage, Split
from boxis_gateway.store.messages.inserter import MessageInserter
from boxis_gateway.store.messages.statuses import Statuses
from boxis_gateway.store.privacy.erased_numbers import ErasedNumbers
from boxis_gateway.store.tables import MessageRow, SubmissionRow

FLAGS = (False, False)  # neither flash nor fast
UNPRICED = Prices()
NEITHER = (None, None)  # group nor wire id


class Added(NamedTuple):
    """Number of new messages, of stored ones with a later status, of those left out for an erased
    number, and of those, among the others, that the SMSC refused."""

    new: int
    changed: int
    erased: int
    refused: int


class Additions:
    """Batches of messages added to an account."""

    def __init__(self, database: StoreDatabase) -> None:
        self._database = database
        self._duplicates = Duplicates(database)
        dialect, in_array = database.dialect, database.dialect.in_array()
        self._newest_sql = f"""
            SELECT key, (
                SELECT max(id) FROM submission
                WHERE account_id = ? AND id >= CAST(value AS BIGINT)
                    AND id < CAST(value AS BIGINT) + {UPPER_HALF}
            ) FROM {dialect.object_items()}
        """
        # + 0 stops the planner from using the id in the index.
        self._ids_sql = f"""
            SELECT sent_at, id FROM message
            WHERE account_id = ? AND sent_at {in_array} AND (id + 0) {in_array}
        """
        self._inserter = MessageInserter(database)
        self._statuses = Statuses(database)
        self._bulk_submissions = BulkSubmissions(database)
        self._erased = ErasedNumbers(database)

    def add(
        self, account_id: int, messages: Sequence[FingerprintedMessage], *, dry_run: bool = False
    ) -> Added:
        """Add the new messages in one transaction, and update the status of stored ones. Messages
        of erased numbers are left out. A dry run changes nothing.

        Messages are identified by their wire id, others by time and fingerprint. Among equal times
        the last one counts as newest."""
        with translate_errors():
            if not dry_run:
                self._database.ensure_partitions(message.sent_at for _, message in messages)
            with self._database.message_transaction(account_id, dry_run=dry_run):
                require_unmigrated(self._database)
                admitted = self._admitted(messages)
                split = self._duplicates.split(account_id, admitted)
                changes = [
                    (stored, later)
                    for stored, message in split.repeated
                    if (later := stored.later(message.status, message.status_changed_at)) != stored
                ]
                if not dry_run:
                    self._insert(account_id, split)
                    for change in changes:
                        self._statuses.change(*change)
        refused = [message.status for _, message in admitted].count(Status.REFUSED)
        return Added(len(split.new), len(changes), len(messages) - len(admitted), refused)

    def _admitted(self, messages: Sequence[FingerprintedMessage]) -> Sequence[FingerprintedMessage]:
        """The messages that are neither to nor from an erased number."""
        erased = self._erased.among(
            address for _, message in messages for address in (message.recipient, message.sender)
        )
        if not erased:
            return messages
        return [pair for pair in messages if erased.isdisjoint((pair[1].recipient, pair[1].sender))]

    def _insert(self, account_id: int, split: Split) -> None:
        single = [pair for pair in split.new if pair[1].submission is None]
        if single:
            rows = _rows(account_id, single, self._ids(account_id, single, split.nearby))
            self._inserter.insert(account_id, *rows)
        if len(single) < len(split.new):
            others = [pair for pair in split.new if pair[1].submission]
            self._bulk_submissions.insert(account_id, others)

    def _ids(
        self, account_id: int, messages: Sequence[FingerprintedMessage], nearby: list[Row] | None
    ) -> _Ids:
        """The free ids at each of the messages' times."""
        ids = _Ids()
        for _, sent_at, message_id, submission_id, _, _ in nearby or ():
            ids.note_submission(sent_at, submission_id)
            ids.taken.add((sent_at, message_id))
        if nearby is None:
            self._look_up_ids(account_id, messages, ids)
        return ids

    def _look_up_ids(
        self, account_id: int, messages: Sequence[FingerprintedMessage], ids: _Ids
    ) -> None:
        first_ids = {message.sent_at: first_id(message.sent_at) for _, message in messages}
        parameters = (account_id, json.dumps(first_ids))
        for sent_at, newest in self._database.execute_sql(self._newest_sql, parameters):
            ids.note_submission(sent_at, newest or 0)
        numbered = [(message.sent_at, order_id(message.wire_id or "")) for _, message in messages]
        foreign = [(sent_at, number) for sent_at, number in numbered if number is not None]
        times, numbers = {sent_at for sent_at, _ in foreign}, [number for _, number in foreign]
        ids.taken.update(select_in(self._database, self._ids_sql, account_id, list(times), numbers))


class _Ids:
    """Free ids at the times of an account. `taken` are pairs of time and message id."""

    def __init__(self) -> None:
        self.taken: set[tuple[str, int]] = set()
        self._next: dict[str, int] = {}

    def note_submission(self, sent_at: str, submission_id: int) -> None:
        """Note the id of a stored submission with a message of that time."""
        if is_in_lower_half(submission_id, sent_at):
            self._next[sent_at] = max(submission_id + 1, self._next.get(sent_at, 0))

    def take(self, sent_at: str, wire_id: str | None) -> tuple[int, int]:
        """Ids for a message and its submission. The message keeps the number of its wire id, if
        that is free and no generated id; otherwise both get the same."""
        submission_id = self._next.get(sent_at) or first_id(sent_at)
        self._next[sent_at] = submission_id + 1
        number = order_id(wire_id) if wire_id else None
        if number is None or is_generated_id(number, sent_at) or (sent_at, number) in self.taken:
            return submission_id, submission_id
        self.taken.add((sent_at, number))
        return number, submission_id


def _rows(
    account_id: int, messages: Sequence[FingerprintedMessage], ids: _Ids
) -> tuple[list[SubmissionRow], list[MessageRow]]:
    """Rows of submissions and messages, one of each for a message."""
    submissions: list[SubmissionRow] = []
    rows: list[MessageRow] = []
    scheduled, pending, refused = Kind.SCHEDULED, Status.PENDING, Status.REFUSED  # slow to look up
    to_submission, to_message = SubmissionRow._make, MessageRow._make  # quicker than the classes
    for fingerprint, message in messages:
        recipient, sender, at, text, parts, credit, kind, status, changed_at, wire_id, *_ = message
        message_id, submission_id = ids.take(at, wire_id)
        scheduled_at = at if kind is scheduled else None
        listed = None if status is refused else recipient
        sent_at = None if status is refused or status is pending else at
        sent = (account_id, submission_id, sender, text, at, scheduled_at, *FLAGS, listed, sent_at)
        submissions.append(to_submission(sent + (message.prices or UNPRICED) + NEITHER))
        row = (account_id, at, message_id, submission_id, sender, recipient, parts, credit)
        state = (str(kind), str(status), changed_at, wire_id, fingerprint, message.reported_as)
        rows.append(to_message(row + state))
    return submissions, rows
