"""Status changes of stored messages, with their submissions and counts.

All of it is called inside a transaction.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from boxis_gateway.model import Status
from boxis_gateway.sms.dlr import later_state
from boxis_gateway.store.engines.base import StoreDatabase
from boxis_gateway.store.messages.counts import Counts
from boxis_gateway.store.tables import MessageRow

UPDATE_SQL = """
    UPDATE message SET status = ?, status_changed_at = ?,
        credit_thousandths = CASE WHEN ? = 'refused' THEN 0 ELSE credit_thousandths END
    WHERE account_id = ? AND sent_at = ? AND id = ?
"""
SET_SENT_SQL = """
    UPDATE submission SET sent_at = CASE WHEN sent_at < ?1 THEN sent_at ELSE ?1 END
    WHERE account_id = ?2 AND id = ?3
"""
SUBMISSION_SQL = (
    "SELECT recipients, sender, created_at FROM submission WHERE account_id = ? AND id = ?"
)
SET_RECIPIENTS_SQL = "UPDATE submission SET recipients = ? WHERE account_id = ? AND id = ?"
RECIPIENT_SQL = "SELECT recipient FROM message WHERE account_id = ? AND sent_at = ? AND id = ?"


class StoredMessage(NamedTuple):
    """Key and status of a message in the store."""

    account_id: int
    sent_at: str
    id: int
    submission_id: int
    status: str
    changed_at: str | None

    @classmethod
    def of(cls, row: MessageRow) -> StoredMessage:
        """Key and status of that row."""
        key = (row.account_id, row.sent_at, row.id, row.submission_id)
        return cls(*key, row.status, row.status_changed_at)

    def later(self, status: Status, changed_at: str | None) -> StoredMessage:
        """The message with that status, if it is later than its own (sms/dlr.py)."""
        old = Status(self.status), self.changed_at
        new_status, new_changed_at = later_state(old, (status, changed_at))
        return self._replace(status=new_status.value, changed_at=new_changed_at)


COLUMNS = "account_id, sent_at, id, submission_id, status, status_changed_at"
"""Columns of StoredMessage."""


class Statuses:
    """Status changes of a store."""

    def __init__(self, database: StoreDatabase) -> None:
        self._database = database
        self._counts = Counts(database)

    def change(self, old: StoredMessage, new: StoredMessage) -> None:
        """Store the status of `new`, the later state of the stored message `old`."""
        if new == old:
            return
        key = (old.account_id, old.sent_at, old.id)
        self._database.execute_sql(UPDATE_SQL, (new.status, new.changed_at, new.status, *key))
        if old.status != Status.PENDING or new.status == Status.PENDING:
            return
        if new.status == Status.REFUSED:
            self.hide_recipient(old)
        else:
            submission = (old.account_id, old.submission_id)
            self._database.execute_sql(SET_SENT_SQL, (old.sent_at, *submission))

    def hide_recipient(self, message: StoredMessage) -> None:
        """Remove the recipient from its submission, which lists hide without recipients."""
        submission = (message.account_id, message.submission_id)
        listed, sender, created_at = self._database.execute_sql(
            SUBMISSION_SQL, submission
        ).fetchone()
        key = (message.account_id, message.sent_at, message.id)
        recipient = self._database.scalar(RECIPIENT_SQL, key)
        recipients = without_recipients(listed, [recipient])
        self._database.execute_sql(SET_RECIPIENTS_SQL, (recipients, *submission))
        if listed and not recipients:
            self._counts.change(message.account_id, Counter({(sender, created_at[:7]): -1}))


def without_recipients(listed: str | None, removed: Iterable[str]) -> str | None:
    """A submission's recipients without some, each removed once; None if none is left."""
    recipients = (listed or "").split("\n")
    for recipient in removed:
        if recipient in recipients:
            recipients.remove(recipient)
    return "\n".join(recipients) or None
