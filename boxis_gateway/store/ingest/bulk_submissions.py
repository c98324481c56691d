"""Submissions with several recipients, from sources that have them.

A submission keeps the id that clients know: as `id`, if this store could give it for that account
and time, otherwise as `wire_id`. So do messages: an export into another store changes no id. New
ids come from the upper half of their millisecond; additions.py counts through the lower half, from
which an id is kept only where additions.py sees it.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from boxis_gateway.model import NewMessage, Prices, Status, SubmissionFacts
from boxis_gateway.store.engines.base import Row, StoreDatabase
from boxis_gateway.store.ids import (
    IDS_PER_MILLISECOND,
    UPPER_HALF,
    first_id,
    from_wire_id,
    is_generated_id,
    is_in_lower_half,
    order_id,
)
from boxis_gateway.store.ingest.duplicates import FingerprintedMessage
from boxis_gateway.store.messages.counts import Counts
from boxis_gateway.store.messages.delivery_reports import DeliveryReports
from boxis_gateway.store.messages.recipient_index import account_prefixes
from boxis_gateway.store.messages.statuses import COLUMNS, Statuses, StoredMessage
from boxis_gateway.store.tables import Message, Submission

SELECT_SQL = "SELECT id, sender, created_at, recipients FROM submission WHERE account_id = ?1"
IS_EQUAL = "sender = ?4 AND created_at = ?5 AND text IS NOT DISTINCT FROM ?6"
FIND_SQL = f"""
    {SELECT_SQL} AND id = ?2 AND wire_id IS NULL AND {IS_EQUAL}
    UNION ALL {SELECT_SQL} AND wire_id = ?3 AND {IS_EQUAL}
"""
LIST_SQL = """
    UPDATE submission
    SET recipients = ?1,
        sent_at = CASE WHEN sent_at < ?2 THEN sent_at ELSE coalesce(?2, sent_at) END
    WHERE account_id = ?3 AND id = ?4
"""
PENDING_SQL = f"""
    SELECT {COLUMNS} FROM message
    WHERE account_id = ? AND sent_at = ? AND submission_id = ? AND fingerprint = ? AND status = ?
"""
DELETE_SQL = "DELETE FROM message WHERE account_id = ? AND sent_at = ? AND id = ?"
RECIPIENTS_SQL = f"""
    SELECT recipient FROM message
    WHERE account_id = ? AND substr(sent_at, 1, 9) IN (SELECT value FROM json_each(?))
        AND recipient IN (SELECT value FROM json_each(?)) AND submission_id = ?
        AND status <> '{Status.REFUSED}'
    ORDER BY sent_at, id
"""
NEWEST_SUBMISSION_SQL = "SELECT max(id) FROM submission WHERE account_id = ? AND id BETWEEN ? AND ?"
NEWEST_MESSAGE_SQL = """
    SELECT max(id) FROM message WHERE account_id = ? AND sent_at = ? AND id BETWEEN ? AND ?
"""
SUBMISSION_SQL = "SELECT 1 FROM submission WHERE account_id = ? AND id = ?"
MESSAGE_SQL = "SELECT 1 FROM message WHERE account_id = ? AND sent_at = ? AND id = ?"
WIRE_ID_SQL = "SELECT 1 FROM message WHERE account_id = ? AND wire_id = ?"


class _Identity(NamedTuple):
    """Identity of a submission: several stores may have given its id, and another system may give
    one id to many texts."""

    wire_id: str
    exported_id: int | None
    sender: str
    created_at: str
    text: str | None


class _Submission(NamedTuple):
    """A submission in the store."""

    id: int
    sender: str
    created_at: str
    recipients: str | None


class BulkSubmissions:
    """Messages with `submission` added to an account, inside a transaction."""

    def __init__(self, database: StoreDatabase) -> None:
        self._database = database
        self._insert_messages = database.bulk_inserter(Message)
        self._insert_submissions = database.bulk_inserter(Submission)
        self._counts = Counts(database)
        self._delivery_reports = DeliveryReports(database)
        self._statuses = Statuses(database)

    def insert(self, account_id: int, messages: Sequence[FingerprintedMessage]) -> None:
        """Add new messages, and their submissions unless these are stored. Among equal times the
        last one counts as newest."""
        groups: dict[_Identity, list[FingerprintedMessage]] = {}
        for pair in messages:
            groups.setdefault(_identity(pair[1]), []).append(pair)
        submissions = {
            identity: self._submission(account_id, group) for identity, group in groups.items()
        }
        rows: dict[_Identity, list[Row]] = {identity: [] for identity in groups}
        for fingerprint, message in messages:
            identity = _identity(message)
            rows[identity].append(
                self._row(account_id, submissions[identity].id, fingerprint, message)
            )
        counted: Counter[tuple[str, str]] = Counter()
        for identity, submission in submissions.items():
            if self._list_recipients(account_id, submission, rows[identity]):
                counted[submission.sender, submission.created_at[:7]] += 1
        self._counts.change(account_id, counted)
        self._delivery_reports.apply_waiting([row for group in rows.values() for row in group])

    def _submission(self, account_id: int, group: Sequence[FingerprintedMessage]) -> _Submission:
        """The submission of the messages, added unless it is stored."""
        messages = [message for _, message in group]
        first, facts = messages[0], _facts(messages[0])
        named = from_wire_id(facts.wire_id) if facts.exported_id is None else None
        own = named[1] if named and named[0] == account_id else None
        key = (account_id, own, facts.wire_id, first.sender, facts.created_at, first.text)
        row = self._database.execute_sql(FIND_SQL, key).fetchone()
        if row and self._delete_pending(account_id, row[0], group):
            row = self._database.execute_sql(FIND_SQL, key).fetchone()
        if row:
            return _Submission(*row)
        submission_id = self._submission_id(account_id, facts, messages)
        wire_id = None if submission_id == own else facts.wire_id
        times = (facts.created_at, facts.scheduled_at)
        row = (account_id, submission_id, first.sender, first.text, *times, facts.flash, facts.fast)
        listed, prices = (None, None), first.prices or Prices()
        self._insert_submissions.insert([(*row, *listed, *prices, facts.group_id, wire_id)])
        return _Submission(submission_id, first.sender, facts.created_at, None)

    def _delete_pending(
        self, account_id: int, submission_id: int, group: Sequence[FingerprintedMessage]
    ) -> bool:
        """Delete stored messages that were pending for an unknown time, and come again with the
        time at which they were sent. True if there were any."""
        deleted = False
        for fingerprint, message in group:
            key = (account_id, _facts(message).created_at, submission_id, fingerprint)
            row = self._database.execute_sql(PENDING_SQL, (*key, Status.PENDING.value)).fetchone()
            if row:
                pending = StoredMessage(*row)
                self._statuses.hide_recipient(pending)
                self._database.execute_sql(DELETE_SQL, (account_id, pending.sent_at, pending.id))
                deleted = True
        return deleted

    def _submission_id(
        self, account_id: int, facts: SubmissionFacts, messages: Sequence[NewMessage]
    ) -> int:
        """The id of the source, if it is free and cannot be given to another; or a new one."""
        named = from_wire_id(facts.wire_id)
        number = named[1] if facts.exported_id is None and named else facts.exported_id
        created_at = facts.created_at
        if number is not None and is_generated_id(number, created_at):
            is_safe = not is_in_lower_half(number, created_at) or any(
                message.sent_at == created_at
                for message in messages  # additions.py sees them
            )
            if is_safe and not self._exists(SUBMISSION_SQL, (account_id, number)):
                return number
        return self._next(NEWEST_SUBMISSION_SQL, (account_id,), created_at)

    def _row(
        self, account_id: int, submission_id: int, fingerprint: int, message: NewMessage
    ) -> Row:
        message_id = self._message_id(account_id, submission_id, message)
        wire_id = message.wire_id
        if wire_id is None and message.exported_id not in (None, message_id):
            wire_id = str(message.exported_id)
        if wire_id is not None and self._exists(WIRE_ID_SQL, (account_id, wire_id)):
            wire_id = None  # the first of two messages keeps it
        row = (
            account_id,
            message.sent_at,
            message_id,
            submission_id,
            message.sender,
            message.recipient,
            message.parts,
            message.credit_thousandths,
            message.kind.value,
            message.status.value,
            message.status_changed_at,
            wire_id,
            fingerprint,
            message.reported_as,
        )
        self._insert_messages.insert([row])
        return row

    def _message_id(self, account_id: int, submission_id: int, message: NewMessage) -> int:
        """The id of the source, if it is free and cannot be given to another; or a new one."""
        number = (
            order_id(message.wire_id or "") if message.exported_id is None else message.exported_id
        )
        key = (account_id, message.sent_at)
        if number is not None:
            is_safe = number == submission_id or not is_in_lower_half(number, message.sent_at)
            if is_safe and not self._exists(MESSAGE_SQL, (*key, number)):
                return number
        return self._next(NEWEST_MESSAGE_SQL, key, message.sent_at)

    def _list_recipients(
        self, account_id: int, submission: _Submission, rows: Sequence[Row]
    ) -> bool:
        """Add the rows' recipients, sorted by time and id, to the submission; true if they are its
        first ones."""
        accepted = sorted(row[1:] for row in rows if row[9] != Status.REFUSED)
        if not accepted:
            return False
        recipients = [row[4] for row in accepted]
        if submission.recipients:
            recipients = self._all_recipients(account_id, submission, recipients)
        sent_at = next((row[0] for row in accepted if row[8] != Status.PENDING), None)
        key = (account_id, submission.id)
        self._database.execute_sql(LIST_SQL, ("\n".join(recipients), sent_at, *key))
        return not submission.recipients

    def _all_recipients(
        self, account_id: int, submission: _Submission, new: Sequence[str]
    ) -> list[str]:
        """The stored and the new recipients of a submission."""
        listed = (submission.recipients or "").split("\n")
        prefixes = account_prefixes(self._database, account_id)
        key = (account_id, prefixes, json.dumps(list({*listed, *new})), submission.id)
        return [recipient for (recipient,) in self._database.execute_sql(RECIPIENTS_SQL, key)]

    def _exists(self, sql: str, key: tuple[object, ...]) -> bool:
        return self._database.execute_sql(sql, key).fetchone() is not None

    def _next(self, sql: str, key: tuple[object, ...], instant: str) -> int:
        first = first_id(instant)
        bounds = (first + UPPER_HALF, first + IDS_PER_MILLISECOND - 1)
        (newest,) = self._database.execute_sql(sql, (*key, *bounds)).fetchone()
        return bounds[0] if newest is None else int(newest) + 1


def _identity(message: NewMessage) -> _Identity:
    facts = _facts(message)
    return _Identity(
        facts.wire_id, facts.exported_id, message.sender, facts.created_at, message.text
    )


def _facts(message: NewMessage) -> SubmissionFacts:
    assert message.submission
    return message.submission
