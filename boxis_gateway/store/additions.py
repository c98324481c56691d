"""Adding what an import brings: which messages are new, their ids, their rows.

An id (ids.py) has 19 decimal digits, the shape of the provider's later ids (protocol page, section
5). It depends on what is stored and on nothing else, so that the same imports make the same store.
An id that a message already has on the wire is kept in `wire_id`, and decides its place among equal
times (protocol page, section 11: highest id first).

Messages come in the order of time, nearly: so the rows between the first and the last time of a
batch tell all about it, and are mostly few. Where they are many, they are asked for by lists.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

from peewee import SQL, Database, fn

from boxis_gateway.model import Kind, NewMessage, Prices, Status
from boxis_gateway.store.counts import Counts
from boxis_gateway.store.ids import IDS_PER_MILLISECOND, first_id
from boxis_gateway.store.queries import Insert, Row, errors_explained, rows_in, sql_of
from boxis_gateway.store.tables import Message, Submission
from boxis_gateway.store.version import require_same

OWN_DIGITS, LARGEST_OWN_ID = 19, 9_000_000_000_000_000_000
LAST_DIGITS = 17  # of a longer id; their numbers fit between LARGEST_OWN_ID and 2**63
CHUNK = 5_000  # items of a query; SQLite takes 32,766 parameters
NEARBY_ROWS = 10_000  # more than these are not read for a batch
UNPRICED = Prices()

T = TypeVar("T")
Fingerprinted = tuple[int, NewMessage]
"""A message on its way in, and 64 bits that tell it from others of its time."""


class Additions:
    """The way into a store for many messages at a time, always of one account."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._nearby_sql, self._known_sql, self._wire_ids_sql, self._newest_sql, self._ids_sql = (
            sql_of(database, query) for query in _queries()
        )
        self._insert_messages = Insert(database, Message)
        self._insert_submissions = Insert(database, Submission)
        self._counts = Counts(database)

    def add(self, account_id: int, messages: Sequence[Fingerprinted]) -> int:
        """Add the messages that are not here yet, in one transaction; how many that were.

        A message with a wire id is the account's message of that id; another is known by its
        fingerprint among those of its time. Among equal times a later one counts as newer."""
        with errors_explained(self._database), self._database.atomic():
            require_same(self._database)
            nearby = self._nearby(account_id, messages)
            new = self._new(account_id, messages, nearby)
            if new:
                ids = self._ids(account_id, new, nearby)
                submissions, rows = _rows(account_id, new, ids)
                self._insert_submissions.run(submissions)
                self._insert_messages.run(rows)
                self._counts.add(
                    account_id,
                    (
                        (message.sender, message.sent_at[:7])
                        for _, message in new
                        if message.status is not Status.REFUSED
                    ),
                )
        return len(new)

    def missing(self, account_id: int, messages: Sequence[Fingerprinted]) -> int:
        """How many of the messages `add` would add."""
        with errors_explained(self._database):
            return len(self._new(account_id, messages, self._nearby(account_id, messages)))

    def _nearby(self, account_id: int, messages: Sequence[Fingerprinted]) -> list[Row] | None:
        """Time, id, submission and fingerprint of what is stored from the first to the last of the
        messages' times; None if that is too much."""
        times = [message.sent_at for _, message in messages]
        span = (min(times), max(times)) if times else ("", "")
        parameters = (account_id, *span, NEARBY_ROWS + 1)
        rows: list[Row] = self._database.execute_sql(self._nearby_sql, parameters).fetchall()
        return rows if len(rows) <= NEARBY_ROWS else None

    def _new(
        self, account_id: int, messages: Sequence[Fingerprinted], nearby: list[Row] | None
    ) -> list[Fingerprinted]:
        """The messages that the account does not have, each once."""
        known = self._known(account_id, messages, nearby)
        new = []
        for fingerprint, message in messages:
            identity = message.wire_id or (message.sent_at, fingerprint)
            if identity not in known:
                known.add(identity)
                new.append((fingerprint, message))
        return new

    def _known(
        self, account_id: int, messages: Sequence[Fingerprinted], nearby: list[Row] | None
    ) -> set[Any]:
        """Wire ids, and pairs of time and fingerprint, of those that the account has."""
        known: set[Any] = {(sent_at, mark) for sent_at, _, _, mark in nearby or ()}
        for some in _chunks(messages):
            ids = [message.wire_id for _, message in some if message.wire_id is not None]
            rows = rows_in(self._database, self._wire_ids_sql, account_id, ids)
            known.update(wire_id for (wire_id,) in rows)
            if nearby is None:
                times = list({message.sent_at for _, message in some if message.wire_id is None})
                marks = [fingerprint for fingerprint, message in some if message.wire_id is None]
                known.update(rows_in(self._database, self._known_sql, account_id, times, marks))
        return known

    def _ids(
        self, account_id: int, messages: Sequence[Fingerprinted], nearby: list[Row] | None
    ) -> _Ids:
        """Where to count on from at each of the messages' times."""
        ids = _Ids()
        for sent_at, message_id, submission_id, _ in nearby or ():
            ids.has_submission(sent_at, submission_id)
            ids.taken.add((sent_at, message_id))
        if nearby is None:
            self._look_up_ids(account_id, messages, ids)
        return ids

    def _look_up_ids(self, account_id: int, messages: Sequence[Fingerprinted], ids: _Ids) -> None:
        for times in _chunks(list({message.sent_at for _, message in messages})):
            for row in rows_in(self._database, self._newest_sql, account_id, times):
                ids.has_submission(*row)
        own = [(message.sent_at, own_id(message.wire_id or "")) for _, message in messages]
        for some in _chunks([(sent_at, number) for sent_at, number in own if number is not None]):
            times, numbers = zip(*some, strict=True)
            ids.taken.update(rows_in(self._database, self._ids_sql, account_id, times, numbers))


class _Ids:
    """The free ids at the times of an account. `taken` are pairs of time and message id."""

    def __init__(self) -> None:
        self.taken: set[tuple[str, int]] = set()
        self._next: dict[str, int] = {}

    def has_submission(self, sent_at: str, submission_id: int) -> None:
        """A submission of that time and id is stored."""
        self._next[sent_at] = max(submission_id + 1, self._next.get(sent_at, 0))

    def take(self, sent_at: str, wire_id: str | None) -> tuple[int, int]:
        """Ids for the message and its submission: for the message its own, if that is a free number
        which none of ours can be, else the same as for the submission."""
        submission_id = self._next.get(sent_at) or first_id(sent_at)
        self._next[sent_at] = submission_id + 1
        own = own_id(wire_id) if wire_id else None
        if own is None or _is_ours(own, sent_at) or (sent_at, own) in self.taken:
            return submission_id, submission_id
        self.taken.add((sent_at, own))
        return own, submission_id


def _is_ours(number: int, sent_at: str) -> bool:
    return 0 <= number - first_id(sent_at) < IDS_PER_MILLISECOND


def own_id(digits: str) -> int | None:
    """A number that puts the message where its wire id belongs among equal times: the id itself, if
    the store can hold it, else (24 digits in 2012) its last digits, above all others."""
    if not (digits.isascii() and digits.isdigit()) or digits[0] == "0":
        return None
    if len(digits) <= OWN_DIGITS:
        number = int(digits)
        return number if number <= LARGEST_OWN_ID else None
    return LARGEST_OWN_ID + 1 + int(digits[-LAST_DIGITS:])


def _chunks(items: Sequence[T]) -> Iterator[Sequence[T]]:
    """As many at a time as one query takes parameters for."""
    for first in range(0, len(items), CHUNK):
        yield items[first : first + CHUNK]


def _rows(
    account_id: int, messages: Sequence[Fingerprinted], ids: _Ids
) -> tuple[list[Row], list[Row]]:
    """Rows of the tables of submissions and messages, of one each for a message."""
    submissions: list[Row] = []
    rows: list[Row] = []
    scheduled, pending, refused = Kind.SCHEDULED, Status.PENDING, Status.REFUSED  # slow to look up
    for fingerprint, message in messages:
        recipient, sender, at, text, parts, credit, kind, status, changed_at, wire_id, *_ = message
        priced = (*(message.prices or UNPRICED), None)  # of no group
        message_id, submission_id = ids.take(at, wire_id)
        scheduled_at = at if kind is scheduled else None
        sent_at = None if status is pending else at
        listed = (None, None) if status is refused else (recipient, sent_at)
        submissions.append(
            (account_id, submission_id, sender, text, at, scheduled_at, 0, 0, *listed, *priced)
        )
        rows.append(
            (
                account_id,
                at,
                message_id,
                submission_id,
                sender,
                recipient,
                parts,
                credit,
                str(kind),  # the driver is slow with subclasses
                str(status),
                changed_at,
                wire_id,
                fingerprint,
            )
        )
    return submissions, rows


def _queries() -> Sequence[Any]:
    """Those of `Additions.__init__`, in its order; a list of one stands for a list."""
    mine = Message.account == 0
    at_times, one = Message.sent_at.in_([""]), [0]
    numbers = (Message.id + SQL("0")).in_(one)  # walk by time alone
    between = (Message.sent_at >= "") & (Message.sent_at <= "")
    columns = (Message.sent_at, Message.id, Message.submission_id, Message.fingerprint)
    newest = Message.select(Message.sent_at, fn.MAX(Message.submission_id))
    return (
        Message.select(*columns).where(mine, between).limit(0),
        Message.select(Message.sent_at, Message.fingerprint).where(
            mine, at_times, Message.fingerprint.in_(one)
        ),
        Message.select(Message.wire_id).where(mine, Message.wire_id.in_([""])),
        newest.where(mine, at_times).group_by(Message.sent_at),
        Message.select(Message.sent_at, Message.id).where(mine, at_times, numbers),
    )
