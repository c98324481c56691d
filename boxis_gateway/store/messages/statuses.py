"""Status changes of stored messages, with their submissions and counts.

All of it is called inside a transaction.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from boxis_gateway.model import NewMessage, Status
from boxis_gateway.sms.dlr import later_state
from boxis_gateway.store.engines.base import StoreDatabase
from boxis_gateway.store.messages.counts import Counts

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


COLUMNS = "account_id, sent_at, id, submission_id, status, status_changed_at"
"""Columns of StoredMessage."""


class Statuses:
    """Status changes of a store."""

    def __init__(self, database: StoreDatabase) -> None:
        self._database = database
        self._counts = Counts(database)

    def change(self, message: StoredMessage, status: Status, changed_at: str | None) -> bool:
        """Set the status if it is later than the stored one; true if it is."""
        old = Status(message.status), message.changed_at
        new = later_state(old, (status, changed_at))
        if new == old:
            return False
        key = (message.account_id, message.sent_at, message.id)
        self._database.execute_sql(UPDATE_SQL, (new[0].value, new[1], new[0].value, *key))
        if old[0] is Status.PENDING and new[0] is Status.REFUSED:
            self.hide_recipient(message)
        elif old[0] is Status.PENDING and new[0] is not Status.PENDING:
            submission = (message.account_id, message.submission_id)
            self._database.execute_sql(SET_SENT_SQL, (message.sent_at, *submission))
        return True

    @staticmethod
    def would_change(message: StoredMessage, new: NewMessage) -> bool:
        """True if the repeated message has a later status than the stored one."""
        old = Status(message.status), message.changed_at
        return later_state(old, (new.status, new.status_changed_at)) != old

    def hide_recipient(self, message: StoredMessage) -> None:
        """Remove the recipient from its submission, which lists hide without recipients."""
        submission = (message.account_id, message.submission_id)
        listed, sender, created_at = self._database.execute_sql(
            SUBMISSION_SQL, submission
        ).fetchone()
        key = (message.account_id, message.sent_at, message.id)
        (recipient,) = self._database.execute_sql(RECIPIENT_SQL, key).fetchone()
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
