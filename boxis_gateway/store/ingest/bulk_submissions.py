"""Submissions with several recipients, from sources that have them.

A submission keeps the id that clients know: as `id`, if this store could give it for that account
and time, otherwise as `wire_id`. So do messages: an export into another store changes no id.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from boxis_gateway.model import NewMessage, Prices, Status, SubmissionFacts
from boxis_gateway.store.engines.base import StoreDatabase
from boxis_gateway.store.engines.dialect import Dialect
from boxis_gateway.store.ids import from_wire_id, is_generated_id, is_in_lower_half, order_id
from boxis_gateway.store.ingest.duplicates import FingerprintedMessage
from boxis_gateway.store.messages.counts import Counts
from boxis_gateway.store.messages.free_ids import FreeIds
from boxis_gateway.store.messages.inserter import MessageInserter
from boxis_gateway.store.messages.recipient_index import account_prefixes
from boxis_gateway.store.messages.statuses import COLUMNS, Statuses, StoredMessage
from boxis_gateway.store.tables import MessageRow, SubmissionRow

SELECT_SQL = f"SELECT {', '.join(SubmissionRow._fields)} FROM submission WHERE account_id = ?1"
IS_EQUAL = "sender = ?4 AND created_at = ?5 AND text IS NOT DISTINCT FROM ?6"
FIND_SQL = f"""
    {SELECT_SQL} AND id = ?2 AND wire_id IS NULL AND {IS_EQUAL}
    UNION ALL {SELECT_SQL} AND wire_id = ?3 AND {IS_EQUAL}
"""
LIST_SQL = "UPDATE submission SET recipients = ?, sent_at = ? WHERE account_id = ? AND id = ?"
PENDING_SQL = f"""
    SELECT {COLUMNS} FROM message
    WHERE account_id = ? AND sent_at = ? AND submission_id = ? AND fingerprint = ?
        AND status = '{Status.PENDING}'
"""
DELETE_SQL = "DELETE FROM message WHERE account_id = ? AND sent_at = ? AND id = ?"
PENDING = Status.PENDING.value
WIRE_ID_SQL = "SELECT 1 FROM message WHERE account_id = ? AND wire_id = ?"


def recipients_sql(dialect: Dialect) -> str:
    """Query for the key and the recipient of a submission's messages, by some recipients."""
    in_array = dialect.in_array()
    return f"""
        SELECT sent_at, id, recipient FROM message
        WHERE account_id = ? AND substr(sent_at, 1, 9) {in_array} AND recipient {in_array}
            AND submission_id = ? AND status <> '{Status.REFUSED}'
    """


class _Identity(NamedTuple):
    """Identity of a submission: several stores may have given its id, and another system may give
    one id to many texts."""

    wire_id: str
    exported_id: int | None
    sender: str
    created_at: str
    text: str | None


class BulkSubmissions:
    """Messages with `submission` added to an account, inside a transaction."""

    def __init__(self, database: StoreDatabase) -> None:
        self._database = database
        self._inserter = MessageInserter(database)

    def insert(self, account_id: int, messages: Sequence[FingerprintedMessage]) -> None:
        """Add new messages, and their submissions unless these are stored. Among equal times the
        last one counts as newest."""
        groups: dict[_Identity, list[FingerprintedMessage]] = {}
        for pair in messages:
            groups.setdefault(_identity(pair[1]), []).append(pair)
        batch = _Batch(self._database, account_id)
        ids = {identity: batch.submission_id(group) for identity, group in groups.items()}
        rows = [batch.message_row(ids[_identity(pair[1])], *pair) for pair in messages]
        self._inserter.insert(account_id, batch.list_recipients(rows), rows)


class _Batch:
    """Rows of a batch of messages of an account."""

    def __init__(self, database: StoreDatabase, account_id: int) -> None:
        self._database, self._account_id = database, account_id
        self._counts, self._statuses = Counts(database), Statuses(database)
        self._submission_ids = FreeIds(database, "submission", account_id)
        self._message_ids = FreeIds(database, "message", account_id)
        self._wire_ids: set[str] = set()
        self._stored: dict[int, SubmissionRow] = {}
        self._new: dict[int, SubmissionRow] = {}
        self._new_ids: dict[tuple[object, ...], int] = {}  # by what FIND_SQL compares

    def submission_id(self, group: Sequence[FingerprintedMessage]) -> int:
        """The submission of the messages, stored or new."""
        _, first = group[0]
        facts = _facts(first)
        owner, number = from_wire_id(facts.wire_id) or (None, None)
        own = number if owner == self._account_id and facts.exported_id is None else None
        equal = (first.sender, facts.created_at, first.text)
        stored = self._find(own, facts.wire_id, *equal)
        if stored and self._delete_pending(stored.id, group):
            stored = self._find(own, facts.wire_id, *equal)
        if stored:
            self._stored[stored.id] = stored
            return stored.id
        for known in (own, facts.wire_id):
            if (known, *equal) in self._new_ids:
                return self._new_ids[known, *equal]
        return self._add_submission(own, [message for _, message in group])

    def _find(self, own: int | None, *compared: str | None) -> SubmissionRow | None:
        key = (self._account_id, own, *compared)
        row = self._database.execute_sql(FIND_SQL, key).fetchone()
        return SubmissionRow(*row) if row else None

    def _delete_pending(self, submission_id: int, group: Sequence[FingerprintedMessage]) -> bool:
        """Delete stored messages that were pending for an unknown time, and come again with the
        time at which they were sent. True if there were any."""
        deleted = False
        for fingerprint, message in group:
            key = (self._account_id, _facts(message).created_at, submission_id, fingerprint)
            row = self._database.execute_sql(PENDING_SQL, key).fetchone()
            if row:
                pending = StoredMessage(*row)
                self._statuses.hide_recipient(pending)
                message_key = (self._account_id, pending.sent_at, pending.id)
                self._database.execute_sql(DELETE_SQL, message_key)
                deleted = True
        return deleted

    def _add_submission(self, own: int | None, messages: Sequence[NewMessage]) -> int:
        first, facts = messages[0], _facts(messages[0])
        submission_id = self._new_submission_id(facts, messages)
        row = SubmissionRow(
            self._account_id,
            submission_id,
            first.sender,
            first.text,
            facts.created_at,
            facts.scheduled_at,
            facts.flash,
            facts.fast,
            None,  # recipients
            None,  # sent_at
            *(first.prices or Prices()),
            facts.group_id,
            None if submission_id == own else facts.wire_id,
        )
        self._new[submission_id] = row
        known = row.wire_id or submission_id
        self._new_ids[known, row.sender, row.created_at, row.text] = submission_id
        return submission_id

    def _new_submission_id(self, facts: SubmissionFacts, messages: Sequence[NewMessage]) -> int:
        """The id of the source, if it is free and cannot be given to another; or a new one."""
        number, created_at = facts.exported_id, facts.created_at
        if number is None:
            _, number = from_wire_id(facts.wire_id) or (None, None)
        if number is not None and is_generated_id(number, created_at):
            is_safe = not is_in_lower_half(number, created_at) or any(
                message.sent_at == created_at
                for message in messages  # additions.py sees them
            )
            if is_safe and self._submission_ids.keep(number, created_at):
                return number
        return self._submission_ids.new(created_at)

    def message_row(self, submission_id: int, fingerprint: int, message: NewMessage) -> MessageRow:
        """Row of a message of that submission, with a free id."""
        message_id = self._message_id(submission_id, message)
        wire_id = message.wire_id
        if wire_id is None and message.exported_id not in (None, message_id):
            wire_id = str(message.exported_id)
        return MessageRow(
            self._account_id,
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
            self._wire_id_if_free(wire_id),
            fingerprint,
            message.reported_as,
        )

    def _message_id(self, submission_id: int, message: NewMessage) -> int:
        """The id of the source, if it is free and cannot be given to another; or a new one."""
        number, sent_at = message.exported_id, message.sent_at
        if number is None:
            number = order_id(message.wire_id or "")
        if number is not None:
            is_safe = number == submission_id or not is_in_lower_half(number, sent_at)
            if is_safe and self._message_ids.keep(number, sent_at):
                return number
        return self._message_ids.new(sent_at)

    def _wire_id_if_free(self, wire_id: str | None) -> str | None:
        """The wire id, unless another message has it: the first of two keeps it."""
        if wire_id is None or wire_id in self._wire_ids:
            return None
        self._wire_ids.add(wire_id)
        key = (self._account_id, wire_id)
        return None if self._database.execute_sql(WIRE_ID_SQL, key).fetchone() else wire_id

    def list_recipients(self, rows: Sequence[MessageRow]) -> list[SubmissionRow]:
        """The new submissions with the recipients of these messages, in the order of time and id;
        stored submissions are changed at once."""
        accepted: dict[int, list[MessageRow]] = defaultdict(list)
        for row in sorted(rows):
            if row.status != Status.REFUSED:
                accepted[row.submission_id].append(row)
        for submission_id, messages in accepted.items():
            sent_at = next((each.sent_at for each in messages if each.status != PENDING), None)
            if new := self._new.get(submission_id):
                recipients = "\n".join(message.recipient for message in messages)
                self._new[new.id] = new._replace(recipients=recipients, sent_at=sent_at)
            else:
                self._list_more(self._stored[submission_id], messages, sent_at)
        return list(self._new.values())

    def _list_more(
        self, stored: SubmissionRow, messages: Sequence[MessageRow], sent_at: str | None
    ) -> None:
        listed = [(message.sent_at, message.id, message.recipient) for message in messages]
        if stored.recipients:
            dialect = self._database.dialect
            days = dialect.array(account_prefixes(self._database, self._account_id))
            recipients = dialect.array(stored.recipients.split("\n"))
            key = (self._account_id, days, recipients, stored.id)
            listed = sorted([*listed, *self._database.execute_sql(recipients_sql(dialect), key)])
        else:
            counted = Counter({(stored.sender, stored.created_at[:7]): 1})
            self._counts.change(self._account_id, counted)
        recipients = "\n".join(recipient for _, _, recipient in listed)
        sent_at = min(filter(None, (stored.sent_at, sent_at)), default=None)
        self._database.execute_sql(LIST_SQL, (recipients, sent_at, self._account_id, stored.id))


def _identity(message: NewMessage) -> _Identity:
    facts = _facts(message)
    return _Identity(
        facts.wire_id, facts.exported_id, message.sender, facts.created_at, message.text
    )


def _facts(message: NewMessage) -> SubmissionFacts:
    assert message.submission
    return message.submission
