"""Messages of sources that know submissions: several recipients of one, each a message.

A submission keeps the id that clients know: as its own, if it is one that this store would give for
its account and time, else as `wire_id`. The same holds for messages. So what was exported from a
store and comes into another one is there what it was. Ids that are given here come from the upper
half of their millisecond's, so that none of additions.py is in the way; those of the lower half are
taken over only where additions.py sees them.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from boxis_gateway.model import NewMessage, Prices, Status, SubmissionFacts
from boxis_gateway.store.engines.base import Row, StoreDatabase
from boxis_gateway.store.ids import (
    IDS_PER_MILLISECOND,
    UPPER_HALF,
    first_id,
    from_wire_id,
    is_in_lower_half,
    is_ours,
    own_id,
)
from boxis_gateway.store.ingest.duplicates import FingerprintedMessage
from boxis_gateway.store.messages.counts import Counts
from boxis_gateway.store.messages.delivery_reports import DeliveryReports
from boxis_gateway.store.messages.recipient_index import account_prefixes
from boxis_gateway.store.messages.statuses import COLUMNS, Statuses, StoredMessage
from boxis_gateway.store.tables import Message, Submission

FOUND = "SELECT id, sender, created_at, recipients FROM submission WHERE account_id = ?1"
LOOKS = "sender = ?4 AND created_at = ?5 AND text IS NOT DISTINCT FROM ?6"
FIND_SQL = f"""
    {FOUND} AND id = ?2 AND wire_id IS NULL AND {LOOKS}
    UNION ALL {FOUND} AND wire_id = ?3 AND {LOOKS}
"""
LIST_SQL = """
    UPDATE submission
    SET recipients = ?1,
        sent_at = CASE WHEN sent_at < ?2 THEN sent_at ELSE coalesce(?2, sent_at) END
    WHERE account_id = ?3 AND id = ?4
"""
WAITING_SQL = f"""
    SELECT {COLUMNS} FROM message
    WHERE account_id = ? AND sent_at = ? AND submission_id = ? AND fingerprint = ? AND status = ?
"""
FORGET_SQL = "DELETE FROM message WHERE account_id = ? AND sent_at = ? AND id = ?"
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
SUBMISSION_TAKEN_SQL = "SELECT EXISTS (SELECT 1 FROM submission WHERE account_id = ? AND id = ?)"
MESSAGE_TAKEN_SQL = """
    SELECT EXISTS (SELECT 1 FROM message WHERE account_id = ? AND sent_at = ? AND id = ?)
"""
WIRE_ID_TAKEN_SQL = "SELECT EXISTS (SELECT 1 FROM message WHERE account_id = ? AND wire_id = ?)"


class _Looks(NamedTuple):
    """What tells submissions apart. More stores than one may have given an id, and another system
    may give one to many texts."""

    wire_id: str
    exported_id: int | None
    sender: str
    created_at: str
    text: str | None


class _Found(NamedTuple):
    """A submission that is stored."""

    id: int
    sender: str
    created_at: str
    recipients: str | None


class BulkSubmissions:
    """The way into a store for messages that have `submission`. Inside a transaction."""

    def __init__(self, database: StoreDatabase) -> None:
        self._database = database
        self._insert_messages = database.bulk_inserter(Message)
        self._insert_submissions = database.bulk_inserter(Submission)
        self._counts = Counts(database)
        self._delivery_reports = DeliveryReports(database)
        self._statuses = Statuses(database)

    def insert(self, account_id: int, messages: Sequence[FingerprintedMessage]) -> None:
        """Store messages that are new, and their submissions or what these lack. Among equal times
        a later one counts as newer."""
        groups: dict[_Looks, list[FingerprintedMessage]] = {}
        for pair in messages:
            groups.setdefault(_looks(pair[1]), []).append(pair)
        submissions = {name: self._submission(account_id, group) for name, group in groups.items()}
        rows: dict[_Looks, list[Row]] = {name: [] for name in groups}
        for fingerprint, message in messages:
            name = _looks(message)
            rows[name].append(self._row(account_id, submissions[name].id, fingerprint, message))
        counted: Counter[tuple[str, str]] = Counter()
        for name, found in submissions.items():
            if self._list(account_id, found, rows[name]):
                counted[found.sender, found.created_at[:7]] += 1
        self._counts.change(account_id, counted)
        self._delivery_reports.apply_waiting(
            reported(row for some in rows.values() for row in some)
        )

    def _submission(self, account_id: int, group: Sequence[FingerprintedMessage]) -> _Found:
        """The submission of the messages, which is stored from now on."""
        messages = [message for _, message in group]
        first, facts = messages[0], _facts(messages[0])
        named = from_wire_id(facts.wire_id) if facts.exported_id is None else None
        own = named[1] if named and named[0] == account_id else None
        key = (account_id, own, facts.wire_id, first.sender, facts.created_at, first.text)
        found = self._database.execute_sql(FIND_SQL, key).fetchone()
        if found and self._forget_waiting(account_id, found[0], group):
            found = self._database.execute_sql(FIND_SQL, key).fetchone()
        if found:
            return _Found(*found)
        submission_id = self._submission_id(account_id, facts, messages)
        known_as = None if submission_id == own else facts.wire_id
        times = (facts.created_at, facts.scheduled_at)
        row = (account_id, submission_id, first.sender, first.text, *times, facts.flash, facts.fast)
        listed, prices = (None, None), first.prices or Prices()
        self._insert_submissions.insert([(*row, *listed, *prices, facts.group_id, known_as)])
        return _Found(submission_id, first.sender, facts.created_at, None)

    def _forget_waiting(
        self, account_id: int, submission_id: int, group: Sequence[FingerprintedMessage]
    ) -> int:
        """Of the messages those that are here and wait, for a time that the source did not tell:
        they go, since now they come with the time at which they were sent. How many went."""
        went = 0
        for fingerprint, message in group:
            key = (account_id, _facts(message).created_at, submission_id, fingerprint)
            row = self._database.execute_sql(WAITING_SQL, (*key, Status.PENDING.value)).fetchone()
            if row:
                waiting = StoredMessage(*row)
                self._statuses.hide_recipient(waiting)
                place = (account_id, waiting.sent_at, waiting.id)
                self._database.execute_sql(FORGET_SQL, place)
                went += 1
        return went

    def _submission_id(
        self, account_id: int, facts: SubmissionFacts, messages: Sequence[NewMessage]
    ) -> int:
        """The one that it had in a store, if that is free and cannot be given to another."""
        named = from_wire_id(facts.wire_id)
        number = named[1] if facts.exported_id is None and named else facts.exported_id
        created_at = facts.created_at
        if number is not None and is_ours(number, created_at):
            seen = any(one.sent_at == created_at for one in messages)  # by additions.py
            key = (account_id, number)
            if (seen or not is_in_lower_half(number, created_at)) and not self._is(
                SUBMISSION_TAKEN_SQL, key
            ):
                return number
        return self._next(NEWEST_SUBMISSION_SQL, (account_id,), created_at)

    def _row(
        self, account_id: int, submission_id: int, fingerprint: int, message: NewMessage
    ) -> Row:
        message_id = self._message_id(account_id, submission_id, message)
        known_as = message.wire_id
        if known_as is None and message.exported_id not in (None, message_id):
            known_as = str(message.exported_id)
        if known_as is not None and self._is(WIRE_ID_TAKEN_SQL, (account_id, known_as)):
            known_as = None  # of two with one id the first keeps it
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
            known_as,
            fingerprint,
            message.reported_as,
        )
        self._insert_messages.insert([row])
        return row

    def _message_id(self, account_id: int, submission_id: int, message: NewMessage) -> int:
        """Its own, if that is free and cannot be given to another."""
        number = (
            own_id(message.wire_id or "") if message.exported_id is None else message.exported_id
        )
        place = (account_id, message.sent_at)
        if number is not None:
            lower = is_in_lower_half(number, message.sent_at) and number != submission_id
            if not lower and not self._is(MESSAGE_TAKEN_SQL, (*place, number)):
                return number
        return self._next(NEWEST_MESSAGE_SQL, place, message.sent_at)

    def _list(self, account_id: int, found: _Found, rows: Sequence[Row]) -> bool:
        """Put the recipients of these rows on the list of the submission's, which goes by time and
        id; whether they are its first ones."""
        taken = sorted(row[1:] for row in rows if row[9] != Status.REFUSED)
        if not taken:
            return False
        recipients = [row[4] for row in taken]
        if found.recipients:
            recipients = self._all_recipients(account_id, found.id, found.recipients, recipients)
        sent_at = next((row[0] for row in taken if row[8] != Status.PENDING), None)
        self._database.execute_sql(LIST_SQL, ("\n".join(recipients), sent_at, account_id, found.id))
        return not found.recipients

    def _all_recipients(
        self, account_id: int, submission_id: int, listed: str, new: Sequence[str]
    ) -> list[str]:
        """Those of a submission to which more come later."""
        names = json.dumps(list({*listed.split("\n"), *new}))
        tens = account_prefixes(self._database, account_id)
        key = (account_id, tens, names, submission_id)
        return [recipient for (recipient,) in self._database.execute_sql(RECIPIENTS_SQL, key)]

    def _is(self, sql: str, key: tuple[object, ...]) -> bool:
        return bool(self._database.execute_sql(sql, key).fetchone()[0])

    def _next(self, sql: str, place: tuple[object, ...], instant: str) -> int:
        first = first_id(instant)
        bounds = (first + UPPER_HALF, first + IDS_PER_MILLISECOND - 1)
        (newest,) = self._database.execute_sql(sql, (*place, *bounds)).fetchone()
        return bounds[0] if newest is None else int(newest) + 1


def reported(rows: Iterable[Row]) -> list[tuple[int, StoredMessage]]:
    """Of rows of the table of messages those that reports may come for, with their references."""
    return [
        (row[-1], StoredMessage(row[0], row[1], row[2], row[3], row[9], row[10]))
        for row in rows
        if row[-1] is not None
    ]


def _looks(message: NewMessage) -> _Looks:
    facts = _facts(message)
    return _Looks(facts.wire_id, facts.exported_id, message.sender, facts.created_at, message.text)


def _facts(message: NewMessage) -> SubmissionFacts:
    assert message.submission  # what this is called for
    return message.submission
