"""Messages of sources that know submissions: several recipients of one, each a message.

A submission keeps the id that clients know: as its own, if it is one that this store would give for
its account and time, else as `wire_id`. Ids that are given here come from the upper half of their
millisecond's, so that none of additions.py is in the way.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from peewee import Database

from boxis_gateway.model import NewMessage, Prices, Status, SubmissionFacts
from boxis_gateway.store.counts import Counts
from boxis_gateway.store.ids import IDS_PER_MILLISECOND, first_id, from_wire_id, own_id
from boxis_gateway.store.known import Fingerprinted
from boxis_gateway.store.queries import Insert, Row, run
from boxis_gateway.store.reports import Reports
from boxis_gateway.store.statuses import Stored
from boxis_gateway.store.tables import Message, Submission

UPPER_HALF = IDS_PER_MILLISECOND // 2

FIND_SQL = """
    SELECT id, recipients FROM submission WHERE account_id = ? AND id = ?
    UNION ALL SELECT id, recipients FROM submission WHERE wire_id = ? AND account_id = ?
"""
LIST_SQL = """
    UPDATE submission SET recipients = ?, sent_at = coalesce(sent_at, ?)
    WHERE account_id = ? AND id = ?
"""
NEWEST_SUBMISSION_SQL = "SELECT max(id) FROM submission WHERE account_id = ? AND id BETWEEN ? AND ?"
NEWEST_MESSAGE_SQL = """
    SELECT max(id) FROM message WHERE account_id = ? AND sent_at = ? AND id BETWEEN ? AND ?
"""
TAKEN_SQL = "SELECT EXISTS (SELECT 1 FROM message WHERE account_id = ? AND sent_at = ? AND id = ?)"


class Grouped:
    """The way into a store for messages that have `submission`. Inside a transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._insert_messages = Insert(database, Message)
        self._insert_submissions = Insert(database, Submission)
        self._counts = Counts(database)
        self._reports = Reports(database)

    def insert(self, account_id: int, messages: Sequence[Fingerprinted]) -> None:
        """Store messages that are new, and their submissions or what these lack."""
        groups: dict[str, list[Fingerprinted]] = {}
        for pair in messages:
            assert pair[1].submission  # what this is called for
            groups.setdefault(pair[1].submission.wire_id, []).append(pair)
        for group in groups.values():
            submission_id = self._submission(account_id, [message for _, message in group])
            rows = [self._row(account_id, submission_id, *pair) for pair in group]
            self._reports.catch_up(reported(rows))

    def _submission(self, account_id: int, messages: Sequence[NewMessage]) -> int:
        """The id of the submission, which has these recipients from now on."""
        first, facts = messages[0], messages[0].submission
        assert facts
        own = _own_id(account_id, facts)
        taken = [one for one in messages if one.status is not Status.REFUSED]
        sent = [one.sent_at for one in taken if one.status is not Status.PENDING]
        key = (account_id, own, facts.wire_id, account_id)
        found = run(self._database, FIND_SQL, key).fetchone()
        listed_before = found[1].split("\n") if found and found[1] else []
        listed = "\n".join([*listed_before, *(one.recipient for one in taken)]) or None
        sent_at = min(sent) if sent else None
        if found:
            submission_id = int(found[0])
            run(self._database, LIST_SQL, (listed, sent_at, account_id, submission_id))
        else:
            submission_id = own or self._free_submission_id(account_id, facts.created_at)
            values = (facts.created_at, facts.scheduled_at, facts.flash, facts.fast)
            prices = first.prices or Prices()
            known_as = None if own else facts.wire_id
            row = (account_id, submission_id, first.sender, first.text, *values, listed, sent_at)
            self._insert_submissions.run([(*row, *prices, facts.group_id, known_as)])
        if listed and not listed_before:
            month = facts.created_at[:7]
            self._counts.change(account_id, Counter([(first.sender, month)]))
        return submission_id

    def _row(
        self, account_id: int, submission_id: int, fingerprint: int, message: NewMessage
    ) -> Row:
        row = (
            account_id,
            message.sent_at,
            self._message_id(account_id, submission_id, message),
            submission_id,
            message.sender,
            message.recipient,
            message.parts,
            message.credit_thousandths,
            message.kind.value,
            message.status.value,
            message.status_changed_at,
            message.wire_id,
            fingerprint,
            message.reported_as,
        )
        self._insert_messages.run([row])
        return row

    def _message_id(self, account_id: int, submission_id: int, message: NewMessage) -> int:
        """Its own, if that is free and cannot be given to another."""
        number = own_id(message.wire_id or "")
        place = (account_id, message.sent_at)
        first = first_id(message.sent_at)
        if number is not None:
            offset = number - first
            ours = 0 <= offset < UPPER_HALF and number != submission_id
            if not ours and not run(self._database, TAKEN_SQL, (*place, number)).fetchone()[0]:
                return number
        bounds = (first + UPPER_HALF, first + IDS_PER_MILLISECOND - 1)
        return self._next(NEWEST_MESSAGE_SQL, place, bounds)

    def _free_submission_id(self, account_id: int, created_at: str) -> int:
        first = first_id(created_at)
        bounds = (first + UPPER_HALF, first + IDS_PER_MILLISECOND - 1)
        return self._next(NEWEST_SUBMISSION_SQL, (account_id,), bounds)

    def _next(self, sql: str, place: tuple[object, ...], bounds: tuple[int, int]) -> int:
        (newest,) = run(self._database, sql, (*place, *bounds)).fetchone()
        return bounds[0] if newest is None else int(newest) + 1


def _own_id(account_id: int, facts: SubmissionFacts) -> int | None:
    """The id of ours that the submission has already, if it is one of that account and time."""
    named = from_wire_id(facts.wire_id)
    if not named or named[0] != account_id:
        return None
    return named[1] if 0 <= named[1] - first_id(facts.created_at) < IDS_PER_MILLISECOND else None


def reported(rows: Iterable[Row]) -> list[tuple[int, Stored]]:
    """Of rows of the table of messages those that reports may come for, with their references."""
    return [
        (row[-1], Stored(row[0], row[1], row[2], row[3], row[9], row[10]))
        for row in rows
        if row[-1] is not None
    ]
