"""Which messages of an import are here already.

Messages come in the order of time, nearly: so the rows between the first and the last time of a
batch tell all about it, and are mostly few. Where they are many, they are asked for by lists.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, TypeVar

from peewee import SQL

from boxis_gateway.model import NewMessage
from boxis_gateway.sms.dlr import later_state
from boxis_gateway.store.engines.base import Row, StoreDatabase
from boxis_gateway.store.engines.sql import compile_sql
from boxis_gateway.store.messages.statuses import StoredMessage
from boxis_gateway.store.tables import Message

CHUNK = 5_000  # items of a query; SQLite takes 32,766 parameters
NEARBY_ROWS = 10_000  # more than these are not read for a batch

T = TypeVar("T")
FingerprintedMessage = tuple[int, NewMessage]
"""A message on its way in, and 64 bits that tell it from others of its time."""


class Split(NamedTuple):
    """A batch: messages that the account does not have, each once; those that it has, of which
    more may have become; and the rows around them, if they were few."""

    new: list[FingerprintedMessage]
    again: list[tuple[StoredMessage, NewMessage]]
    nearby: list[Row] | None


class Duplicates:
    """What a store has of an account, by time and fingerprint or by the id that clients know."""

    def __init__(self, database: StoreDatabase) -> None:
        self._database = database
        mine, at_times = Message.account == 0, Message.sent_at.in_([""])
        stored = (
            Message.sent_at,
            Message.id,
            Message.submission_id,
            Message.status,
            Message.status_changed_at,
        )
        marked = Message.select(Message.fingerprint, *stored)
        between = (Message.sent_at >= "") & (Message.sent_at <= "")
        self._nearby_sql = compile_sql(database, marked.where(mine, between).limit(0))
        self._known_sql = compile_sql(
            database, marked.where(mine, at_times, Message.fingerprint.in_([0]))
        )
        wire_ids = Message.select(Message.wire_id, *stored).where(mine, Message.wire_id.in_([""]))
        self._wire_ids_sql = compile_sql(database, wire_ids)
        numbers = (Message.id + SQL("0")).in_([0])  # walk by time alone
        is_it = (numbers & Message.wire_id.is_null()) | Message.wire_id.in_([""])
        ours = Message.select(Message.wire_id, Message.sender, Message.recipient, *stored)
        self._our_ids_sql = compile_sql(database, ours.where(mine, at_times, is_it))

    def _nearby(
        self, account_id: int, messages: Sequence[FingerprintedMessage]
    ) -> list[Row] | None:
        """Rows from the first to the last of the messages' times: the fingerprint, then the fields
        of `StoredMessage`. None if there are more than NEARBY_ROWS."""
        times = [message.sent_at for _, message in messages]
        span = (min(times), max(times)) if times else ("", "")
        parameters = (account_id, *span, NEARBY_ROWS + 1)
        rows: list[Row] = self._database.execute_sql(self._nearby_sql, parameters).fetchall()
        return rows if len(rows) <= NEARBY_ROWS else None

    def split(self, account_id: int, messages: Sequence[FingerprintedMessage]) -> Split:
        """Tell the messages that are new from those that are here."""
        nearby = self._nearby(account_id, messages)
        stored = self._known(account_id, messages, nearby)
        new: list[FingerprintedMessage] = []
        again: dict[StoredMessage, NewMessage] = {}
        positions: dict[Any, int] = {}
        for fingerprint, message in messages:
            identity: Any = message.wire_id or (message.sent_at, fingerprint)
            if message.exported_id is not None and message.wire_id is None:
                ours = _our_identity(message)
                identity = ours if ours in stored or identity not in stored else identity
            if identity in stored:
                known = stored[identity]
                if message.status_changed_at or known.status != message.status:
                    again[known] = _later(again[known], message) if known in again else message
            elif identity not in positions:
                positions[identity] = len(new)
                new.append((fingerprint, message))
            else:
                position = positions[identity]
                new[position] = (fingerprint, _later(new[position][1], message))
        return Split(new, list(again.items()), nearby)

    def _known(
        self, account_id: int, messages: Sequence[FingerprintedMessage], nearby: list[Row] | None
    ) -> dict[Any, StoredMessage]:
        """Those that the account has, by wire id, or by time and fingerprint."""
        known: dict[Any, StoredMessage] = {
            (sent_at, mark): StoredMessage(account_id, sent_at, *rest)
            for mark, sent_at, *rest in nearby or ()
        }
        for some in chunks(messages):
            ids = [one.wire_id for _, one in some if one.wire_id is not None]
            for wire_id, *key in self._database.select_in(self._wire_ids_sql, account_id, ids):
                known[wire_id] = StoredMessage(account_id, *key)
            if nearby is None:
                times = list({message.sent_at for _, message in some if message.wire_id is None})
                marks = [fingerprint for fingerprint, message in some if message.wire_id is None]
                rows = self._database.select_in(self._known_sql, account_id, times, marks)
                for mark, sent_at, *rest in rows:
                    known[sent_at, mark] = StoredMessage(account_id, sent_at, *rest)
        return known | self._known_by_our_ids(account_id, messages)

    def _known_by_our_ids(
        self, account_id: int, messages: Sequence[FingerprintedMessage]
    ) -> dict[Any, StoredMessage]:
        """Those that come back from where they were exported to, by `_our_identity`."""
        known: dict[Any, StoredMessage] = {}
        ours = [one for _, one in messages if one.exported_id is not None and one.wire_id is None]
        for some in chunks(ours):
            times, ids = list({one.sent_at for one in some}), [one.exported_id for one in some]
            lists = (times, ids, list(map(str, ids)))
            for row in self._database.select_in(self._our_ids_sql, account_id, *lists):
                wire_id, sender, recipient, sent_at, message_id, *rest = row
                identity = (wire_id or str(message_id), sender, recipient, sent_at)
                known[identity] = StoredMessage(account_id, sent_at, message_id, *rest)
        return known


def _our_identity(message: NewMessage) -> tuple[object, ...]:
    """What tells apart messages that have ids of ours: more stores than one may have given one."""
    return str(message.exported_id), message.sender, message.recipient, message.sent_at


def _later(message: NewMessage, again: NewMessage) -> NewMessage:
    """The message with the later of two states."""
    status, changed_at = later_state(
        (message.status, message.status_changed_at), (again.status, again.status_changed_at)
    )
    return message._replace(status=status, status_changed_at=changed_at)


def chunks(items: Sequence[T]) -> Iterator[Sequence[T]]:
    """As many at a time as one query takes parameters for."""
    for first in range(0, len(items), CHUNK):
        yield items[first : first + CHUNK]
