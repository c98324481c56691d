"""Duplicates: messages of an import that the account has already.

Messages come roughly in the order of time, so the rows between the first and the last time of a
batch are mostly few, and suffice. If they are many, the batch is looked up by its keys.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from boxis_gateway.model import NewMessage
from boxis_gateway.sms.dlr import later_state
from boxis_gateway.store.engines.base import Row, StoreDatabase
from boxis_gateway.store.engines.sql import select_in
from boxis_gateway.store.messages.statuses import StoredMessage

NEARBY_ROWS = 10_000  # read at most for a batch
STORED = "sent_at, id, submission_id, status, status_changed_at"
"""Columns of StoredMessage after the account."""
NEARBY_SQL = f"""
    SELECT fingerprint, {STORED} FROM message
    WHERE account_id = ? AND sent_at >= ? AND sent_at <= ? ORDER BY sent_at, id LIMIT ?
"""
FingerprintedMessage = tuple[int, NewMessage]
"""A message after 64 bits that distinguish it from others of its time."""


class Split(NamedTuple):
    """New messages of a batch, each once; stored ones whose status may have changed; and the rows
    nearby, if they are few."""

    new: list[FingerprintedMessage]
    repeated: list[tuple[StoredMessage, NewMessage]]
    nearby: list[Row] | None


class Duplicates:
    """Lookup of stored messages: by wire id, by time and fingerprint, or by exported id."""

    def __init__(self, database: StoreDatabase) -> None:
        self._database = database
        in_array = database.dialect.in_array()
        at_times = f"account_id = ? AND sent_at {in_array}"
        self._fingerprints_sql = f"""
            SELECT fingerprint, {STORED} FROM message WHERE {at_times} AND fingerprint {in_array}
            ORDER BY sent_at, id
        """
        # Otherwise SQLite takes an account for small, and reads all of it.
        hint = database.dialect.index_hint("message_account_id_wire_id")
        self._wire_ids_sql = f"""
            SELECT wire_id, {STORED} FROM message {hint}
            WHERE account_id = ? AND wire_id {in_array}
        """
        # + 0 keeps the id out of the index search.
        self._exported_ids_sql = f"""
            SELECT wire_id, sender, recipient, {STORED} FROM message
            WHERE {at_times} AND ((id + 0) {in_array} AND wire_id IS NULL OR wire_id {in_array})
        """

    def _nearby(
        self, account_id: int, messages: Sequence[FingerprintedMessage]
    ) -> list[Row] | None:
        """Rows from the first to the last of the messages' times: the fingerprint, then the fields
        of `StoredMessage`. None if there are more than NEARBY_ROWS."""
        times = [message.sent_at for _, message in messages]
        span = (min(times), max(times)) if times else ("", "")
        parameters = (account_id, *span, NEARBY_ROWS + 1)
        rows: list[Row] = self._database.execute_sql(NEARBY_SQL, parameters).fetchall()
        return rows if len(rows) <= NEARBY_ROWS else None

    def split(self, account_id: int, messages: Sequence[FingerprintedMessage]) -> Split:
        """Split a batch into new and stored messages."""
        nearby = self._nearby(account_id, messages)
        stored = self._stored(account_id, messages, nearby)
        new: list[FingerprintedMessage] = []
        repeated: dict[StoredMessage, NewMessage] = {}
        indexes: dict[Any, int] = {}
        for pair in messages:
            fingerprint, message = pair
            identity: Any = message.wire_id or (message.sent_at, fingerprint)
            if message.exported_id is not None and message.wire_id is None:
                exported = _exported_identity(message)
                if exported in stored or identity not in stored:
                    identity = exported
            if identity in stored:
                row = stored[identity]
                if message.status_changed_at or row.status != message.status:
                    repeated[row] = _later(repeated[row], message) if row in repeated else message
            elif identity not in indexes:
                indexes[identity] = len(new)
                new.append(pair)
            else:
                index = indexes[identity]
                _, earlier = new[index]
                new[index] = (fingerprint, _later(earlier, message))
        return Split(new, list(repeated.items()), nearby)

    def _stored(
        self, account_id: int, messages: Sequence[FingerprintedMessage], nearby: list[Row] | None
    ) -> dict[Any, StoredMessage]:
        """Stored messages by wire id, by (time, fingerprint), or by `_exported_identity`. Of equal
        ones at one time, that with the highest id is found."""
        stored: dict[Any, StoredMessage] = {
            (sent_at, fingerprint): StoredMessage(account_id, sent_at, *rest)
            for fingerprint, sent_at, *rest in nearby or ()
        }
        database = self._database
        wire_ids = [message.wire_id for _, message in messages if message.wire_id is not None]
        for wire_id, *key in select_in(database, self._wire_ids_sql, account_id, wire_ids):
            stored[wire_id] = StoredMessage(account_id, *key)
        if nearby is None:
            unnamed = [pair for pair in messages if pair[1].wire_id is None]
            times = list({message.sent_at for _, message in unnamed})
            fingerprints = [fingerprint for fingerprint, _ in unnamed]
            rows = select_in(database, self._fingerprints_sql, account_id, times, fingerprints)
            for fingerprint, sent_at, *rest in rows:
                stored[sent_at, fingerprint] = StoredMessage(account_id, sent_at, *rest)
        return stored | self._stored_exports(account_id, messages)

    def _stored_exports(
        self, account_id: int, messages: Sequence[FingerprintedMessage]
    ) -> dict[Any, StoredMessage]:
        """Stored messages that come back from an export, by `_exported_identity`."""
        stored: dict[Any, StoredMessage] = {}
        exported = [
            message
            for _, message in messages
            if message.exported_id is not None and message.wire_id is None
        ]
        ids = [message.exported_id for message in exported]
        lists = (list({message.sent_at for message in exported}), ids, list(map(str, ids)))
        for row in select_in(self._database, self._exported_ids_sql, account_id, *lists):
            wire_id, sender, recipient, sent_at, message_id, *rest = row
            identity = (wire_id or str(message_id), sender, recipient, sent_at)
            stored[identity] = StoredMessage(account_id, sent_at, message_id, *rest)
        return stored


def _exported_identity(message: NewMessage) -> tuple[object, ...]:
    """Identity of a message with an exported id, which several stores may have given."""
    return str(message.exported_id), message.sender, message.recipient, message.sent_at


def _later(message: NewMessage, repeated: NewMessage) -> NewMessage:
    """The message with the later of two states."""
    status, changed_at = later_state(
        (message.status, message.status_changed_at),
        (repeated.status, repeated.status_changed_at),
    )
    return message._replace(status=status, status_changed_at=changed_at)
