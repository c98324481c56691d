"""Messages: the history walk, and adding what an import brings.

Ids are made here: the message's time in milliseconds since 1970, times a million, plus a count
within that millisecond. That is 19 decimal digits, the shape of the provider's later ids (protocol
page, section 5). It depends on what is stored and on nothing else, so that the same imports make
the same store. An id that a message already has on the wire is kept in `wire_id`, and decides its
place among equal times (protocol page, section 11: highest id first).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, TypeVar

from peewee import Database, Model, fn

from boxis_gateway.model import Kind, NewMessage, Status
from boxis_gateway.store.queries import Row, errors_explained, insert_many, rows_of, sql_of
from boxis_gateway.store.tables import Message, Submission
from boxis_gateway.zones import EARLIEST, LATEST, from_utc_text

FIRST_BATCH, BATCH = 100, 1000  # rows; the first is small so that an answer starts at once
IDS_PER_MILLISECOND = 1_000_000
OWN_DIGITS, LARGEST_OWN_ID = 19, 9_000_000_000_000_000_000
LAST_DIGITS = 17  # of a longer id; their numbers fit between LARGEST_OWN_ID and 2**63
CHUNK = 5_000  # items of a query; SQLite takes 32,766 parameters


T = TypeVar("T")
Fingerprinted = tuple[int, NewMessage]
"""A message on its way in, and 64 bits that tell it from others of its time."""


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

    def add(self, account_id: int, messages: Sequence[Fingerprinted]) -> int:
        """Add the messages that are not here yet, in one transaction; how many that were.

        A message with a wire id is the account's message of that id; another is known by its
        fingerprint among those of its time. Among equal times a later one counts as newer."""
        with errors_explained(self._database), self._database.atomic():
            new = self._new(account_id, messages)
            moments = self._moments(account_id, new)
            rows = [
                (*moments[message.sent_at].take_ids(message), fingerprint, message)
                for fingerprint, message in new
            ]
            insert_many(
                self._database,
                {
                    self._insert_submission_sql: [_submission(account_id, *row) for row in rows],
                    self._insert_message_sql: [_message(account_id, *row) for row in rows],
                },
            )
        return len(rows)

    def missing(self, account_id: int, messages: Sequence[Fingerprinted]) -> int:
        """How many of the messages `add` would add."""
        with errors_explained(self._database):
            return len(self._new(account_id, messages))

    def _new(self, account_id: int, messages: Sequence[Fingerprinted]) -> list[Fingerprinted]:
        """The messages that the account does not have, each once."""
        known = self._known(account_id, messages)
        new = []
        for fingerprint, message in messages:
            identity = message.wire_id or (message.sent_at, fingerprint)
            if identity not in known:
                known.add(identity)
                new.append((fingerprint, message))
        return new

    def _known(self, account_id: int, messages: Sequence[Fingerprinted]) -> set[Any]:
        """Wire ids, and pairs of time and fingerprint, of those that the account has."""
        known: set[Any] = set()
        for some in _chunks(messages):
            times = list({message.sent_at for _, message in some if message.wire_id is None})
            marks = [fingerprint for fingerprint, message in some if message.wire_id is None]
            query = Message.select(Message.sent_at, Message.fingerprint).where(
                Message.account == account_id,
                Message.sent_at.in_(times),
                Message.fingerprint.in_(marks),
            )
            known.update(rows_of(self._database, query) if times else ())
            ids = [message.wire_id for _, message in some if message.wire_id is not None]
            query = Message.select(Message.wire_id).where(
                Message.account == account_id, Message.wire_id.in_(ids)
            )
            known.update(wire_id for (wire_id,) in rows_of(self._database, query) if ids)
        return known

    def _moments(self, account_id: int, messages: Sequence[Fingerprinted]) -> dict[str, _Moment]:
        """Where to count on from at each of the messages' times."""
        moments = {message.sent_at: _Moment(message.sent_at) for _, message in messages}
        for times in _chunks(list(moments)):
            query = (
                Message.select(Message.sent_at, fn.MAX(Message.submission_id))
                .where(Message.account == account_id, Message.sent_at.in_(times))
                .group_by(Message.sent_at)
            )
            for sent_at, newest in rows_of(self._database, query):
                moments[sent_at].next_id = newest + 1
        for some in _chunks([message for _, message in messages if own_id(message) is not None]):
            query = Message.select(Message.sent_at, Message.id).where(
                Message.account == account_id,
                Message.sent_at.in_([message.sent_at for message in some]),
                (Message.id + 0).in_([own_id(message) for message in some]),  # walk by time alone
            )
            for sent_at, message_id in rows_of(self._database, query):
                moments[sent_at].taken.add(message_id)
        return moments


class _Moment:
    """The next free id at one time of an account."""

    def __init__(self, sent_at: str) -> None:
        milliseconds = round(from_utc_text(sent_at).timestamp() * 1000)
        first_id = milliseconds * IDS_PER_MILLISECOND
        self._ours = range(first_id, first_id + IDS_PER_MILLISECOND)
        self.next_id = first_id
        self.taken: set[int] = set()

    def take_ids(self, message: NewMessage) -> tuple[int, int]:
        """Ids for the message and its submission: for the message its own, if that is a free number
        which none of ours can be, else the same as for the submission."""
        submission_id = self.next_id
        self.next_id += 1
        own = own_id(message)
        if own is None or own in self._ours or own in self.taken:
            return submission_id, submission_id
        self.taken.add(own)
        return own, submission_id


def _chunks(items: Sequence[T]) -> Iterator[Sequence[T]]:
    """As many at a time as one query takes parameters for."""
    for first in range(0, len(items), CHUNK):
        yield items[first : first + CHUNK]


def own_id(message: NewMessage) -> int | None:
    """A number that puts the message where its wire id belongs among equal times: the id itself, if
    the store can hold it, else (24 digits in 2012) its last digits, above all others."""
    digits = message.wire_id or ""
    if not (digits.isascii() and digits.isdigit()) or digits[0] == "0":
        return None
    if len(digits) <= OWN_DIGITS:
        number = int(digits)
        return number if number <= LARGEST_OWN_ID else None
    return LARGEST_OWN_ID + 1 + int(digits[-LAST_DIGITS:])


def _message(
    account_id: int, message_id: int, submission_id: int, fingerprint: int, new: NewMessage
) -> Row:
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
        new.wire_id,
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
