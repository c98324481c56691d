"""Messages: the history walk, and adding what an import brings.

Ids are made here: the message's time in milliseconds since 1970, times a million, plus a count
within that millisecond. That is 19 decimal digits, the shape of the provider's later ids (protocol
page, section 5). It depends on what is stored and on nothing else, so that the same imports make
the same store. An id that a message already has on the wire is taken instead, if it is such a
number; else it stands beside it, in `wire_id`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from peewee import Database, Model

from boxis_gateway.model import Kind, NewMessage, Status
from boxis_gateway.store.queries import Row, errors_explained, rows_of, sql_of
from boxis_gateway.store.tables import Message, Submission
from boxis_gateway.zones import EARLIEST, LATEST, from_utc_text

FIRST_BATCH, BATCH = 100, 1000  # rows; the first is small so that an answer starts at once
IDS_PER_MILLISECOND = 1_000_000
LARGEST_OWN_ID = 9_000_000_000_000_000_000  # leaves room to count on from, below 2**63
VARIABLES = 500  # SQLite's oldest limit on parameters is 999


class RecentMessage(NamedTuple):
    """What `Messages.recent` tells a person of a message."""

    sent_at: str
    sender: str
    recipient: str
    parts: int
    credit_thousandths: int
    kind: str
    status: str


class Messages:
    """The messages of a store, always of one account."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._history_sql = sql_of(database, _history(*HISTORY_COLUMNS))
        self._history_with_status_sql = sql_of(
            database, _history(*HISTORY_COLUMNS, *HISTORY_STATUS_COLUMNS)
        )
        self._insert_message_sql = _insert_sql(database, Message)
        self._insert_submission_sql = _insert_sql(database, Submission)

    def history(
        self, account_id: int, start: str = EARLIEST, end: str = LATEST, *, with_status: bool
    ) -> Iterator[list[Row]]:
        """Batches of rows with start <= sent_at < end, newest first; refused messages left out.

        Rows are tuples of HISTORY_COLUMNS, and of HISTORY_STATUS_COLUMNS behind them if asked for.
        The query has run when this returns; the rest is read as it is iterated, from the state that
        the store has now. An iterator that is dropped lets go of the store."""
        sql = self._history_with_status_sql if with_status else self._history_sql
        cursor = self._database.execute_sql(sql, (account_id, start, end, Status.REFUSED))
        return _batches(cursor, cursor.fetchmany(FIRST_BATCH))

    def recent(self, account_id: int, start: str, end: str, limit: int) -> list[RecentMessage]:
        """The newest messages with start <= sent_at < end, refused ones too."""
        query = (
            Message.select(*(getattr(Message, name) for name in RecentMessage._fields))
            .where(Message.account == account_id, Message.sent_at >= start, Message.sent_at < end)
            .order_by(Message.sent_at.desc(), Message.id.desc())
            .limit(limit)
        )
        return [RecentMessage(*row) for row in rows_of(self._database, query)]

    def add(self, account_id: int, messages: Sequence[tuple[int, NewMessage]]) -> int:
        """Add the messages that are not here yet, in one transaction; how many that were.

        Each comes with its fingerprint: a message of the account with equal time and fingerprint
        is the same message. Among messages of equal time a later one counts as newer."""
        with errors_explained(self._database), self._database.atomic():
            moments = self._moments(account_id, {message.sent_at for _, message in messages})
            new = [
                (*moment.take_ids(message), fingerprint, message)
                for fingerprint, message in _in_order_of_own_ids(messages)
                if (moment := moments[message.sent_at]).admits(fingerprint)
            ]
            cursor = self._database.cursor()
            cursor.executemany(
                self._insert_submission_sql, [_submission(account_id, *row) for row in new]
            )
            cursor.executemany(
                self._insert_message_sql, [_message(account_id, *row) for row in new]
            )
        return len(new)

    def missing(self, account_id: int, messages: Sequence[tuple[int, NewMessage]]) -> int:
        """How many of the messages `add` would add."""
        moments = self._moments(account_id, {message.sent_at for _, message in messages})
        return sum(moments[message.sent_at].admits(mark) for mark, message in messages)

    def _moments(self, account_id: int, times: set[str]) -> dict[str, _Moment]:
        """What the account has at each of the times."""
        moments = {sent_at: _Moment(sent_at) for sent_at in times}
        ordered = sorted(times)
        for first in range(0, len(ordered), VARIABLES):
            some = ordered[first : first + VARIABLES]
            query = Message.select(*_MOMENT_COLUMNS).where(
                Message.account == account_id, Message.sent_at.in_(some)
            )
            for sent_at, *ids_and_fingerprint in rows_of(self._database, query):
                moments[sent_at].occupy(*ids_and_fingerprint)
        return moments


class _Moment:
    """The ids and fingerprints that an account has at one time."""

    def __init__(self, sent_at: str) -> None:
        milliseconds = round(from_utc_text(sent_at).timestamp() * 1000)
        self._first_id = milliseconds * IDS_PER_MILLISECOND
        self._next_id = self._next_submission_id = self._first_id
        self._ids: set[int] = set()
        self._fingerprints: set[int | None] = set()

    def occupy(self, message_id: int, submission_id: int, fingerprint: int | None = None) -> None:
        self._ids.add(message_id)
        self._next_id = max(self._next_id, message_id + 1)
        if 0 <= submission_id - self._first_id < IDS_PER_MILLISECOND:
            self._next_submission_id = max(self._next_submission_id, submission_id + 1)
        self._fingerprints.add(fingerprint)

    def admits(self, fingerprint: int) -> bool:
        """Whether there is no message of that fingerprint yet; from now on there is."""
        if fingerprint in self._fingerprints:
            return False
        self._fingerprints.add(fingerprint)
        return True

    def take_ids(self, message: NewMessage) -> tuple[int, int]:
        """Ids for the message and its submission: the message's own if it is a free number, else
        the next free ones."""
        own = own_id(message)
        message_id = own if own is not None and own not in self._ids else self._next_id
        submission_id = self._next_submission_id
        self.occupy(message_id, submission_id)
        return message_id, submission_id


def own_id(message: NewMessage) -> int | None:
    """The message's wire id as a number, if the store can use it as its id."""
    digits = message.wire_id
    if digits is None or not (digits.isascii() and digits.isdigit()) or len(digits) > 19:
        return None
    number = int(digits)
    return number if number <= LARGEST_OWN_ID and str(number) == digits else None


def _in_order_of_own_ids(
    messages: Sequence[tuple[int, NewMessage]],
) -> Sequence[tuple[int, NewMessage]]:
    """Ids that are too long to be ours still decide the order of equal times (protocol page,
    section 11: highest id first), so those messages get theirs in that order."""
    if not any(message.wire_id and len(message.wire_id) > 19 for _, message in messages):
        return messages
    return sorted(messages, key=lambda pair: (len(pair[1].wire_id or ""), pair[1].wire_id or ""))


def _message(
    account_id: int, message_id: int, submission_id: int, fingerprint: int, new: NewMessage
) -> Row:
    wire_id = None if new.wire_id == str(message_id) else new.wire_id
    return (
        account_id,
        new.sent_at,
        message_id,
        submission_id,  # an imported message is its submission's only one
        new.sender,
        new.recipient,
        new.parts,
        new.credit_thousandths,
        new.kind,
        new.status,
        new.status_changed_at,
        wire_id,
        fingerprint,
    )


def _submission(
    account_id: int, message_id: int, submission_id: int, fingerprint: int, new: NewMessage
) -> Row:
    scheduled_at = new.sent_at if new.kind == Kind.SCHEDULED else None
    times = (new.sent_at, scheduled_at)
    return (account_id, submission_id, new.sender, new.text, *times, False, False)


HISTORY_COLUMNS = (
    Message.sender,
    Message.recipient,
    Message.sent_at,
    Message.parts,
    Message.credit_thousandths,
    Message.kind,
)
_MOMENT_COLUMNS = (Message.sent_at, Message.id, Message.submission_id, Message.fingerprint)
HISTORY_STATUS_COLUMNS = (Message.id, Message.wire_id, Message.status_changed_at)


def _history(*columns: Any) -> Any:
    return (
        Message.select(*columns)
        .where(
            Message.account == 0,
            Message.sent_at >= "",
            Message.sent_at < "",
            Message.status != "",
        )
        .order_by(Message.sent_at.desc(), Message.id.desc())
    )


def _insert_sql(database: Database, table: type[Model]) -> str:
    """INSERT of one row with every column, in the order of the table."""
    fields = table._meta.sorted_fields
    return sql_of(database, table.insert_many([[None] * len(fields)], fields))


def _batches(cursor: Any, rows: list[Row]) -> Iterator[list[Row]]:
    try:
        while rows:
            yield rows
            rows = cursor.fetchmany(BATCH)
    finally:
        cursor.close()
