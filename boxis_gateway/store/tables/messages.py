"""Submissions, their messages (one a recipient), and their counts."""

from __future__ import annotations

from peewee import (
    SQL,
    BigIntegerField,
    BooleanField,
    CharField,
    CompositeKey,
    ForeignKeyField,
    IntegerField,
    Model,
    SmallIntegerField,
    TextField,
)

from boxis_gateway.store.tables.people import INSTANT_LENGTH, Account


class Submission(Model):
    """Request to send a text to recipients.

    `id` begins with the milliseconds of `created_at` (store/ids.py): ids sort by creation. `text`
    is None if the source lacks it. `recipients` are lines, without those that the SMSC refused;
    None hides the submission from lists. `sent_at` is None while it waits. Prices are millionths.
    `wire_id` is the id that clients know, unless that is made of `id` (store/ids.py)."""

    account = ForeignKeyField(Account, index=False)
    id = BigIntegerField()
    sender = TextField()
    text = TextField(null=True)
    created_at = CharField(INSTANT_LENGTH)
    scheduled_at = CharField(INSTANT_LENGTH, null=True)
    flash = BooleanField()
    fast = BooleanField()
    recipients = TextField(null=True)
    sent_at = CharField(INSTANT_LENGTH, null=True)
    invoiced_at = CharField(INSTANT_LENGTH, null=True)
    price = BigIntegerField(null=True)
    whole_sale = BigIntegerField(null=True)
    cost = BigIntegerField(null=True)
    group_id = CharField(24, null=True)
    wire_id = TextField(null=True)

    class Meta:
        table_name = "submission"
        primary_key = CompositeKey("account", "id")


# Lists in the order of another time; and a client's id.
Submission.add_index(
    Submission.account,
    Submission.sent_at,
    Submission.id,
    where=Submission.recipients.is_null(False),
)
Submission.add_index(
    Submission.account,
    Submission.invoiced_at,
    Submission.id,
    where=Submission.invoiced_at.is_null(False),
)
Submission.add_index(Submission.wire_id, where=Submission.wire_id.is_null(False))


class SubmissionCount(Model):
    """Number of listed submissions of an account, by month of creation and sender: totals without a
    scan, and the months to search for a sender. Whatever adds, lists or hides submissions changes
    them in the same transaction (messages/counts.py)."""

    account_id = IntegerField()
    sender_key = TextField()
    month = CharField(7)
    sender = TextField()
    listed = IntegerField()

    class Meta:
        table_name = "submission_count"
        primary_key = CompositeKey("account_id", "sender_key", "month", "sender")


class Message(Model):
    """Text to a recipient, by a submission.

    The primary key is clustered: a history is one backward scan, newest first, the highest id first
    among equal times. `sender` is repeated for that scan. `sent_at` is the actual or planned time.
    `wire_id` is the id that clients know, unless that is `id`; `fingerprint` identifies imported
    messages without one; delivery reports name the `reference` (sms/dlr.py)."""

    account = ForeignKeyField(Account, index=False)
    sent_at = CharField(INSTANT_LENGTH)
    id = BigIntegerField()
    submission_id = BigIntegerField()
    sender = TextField()
    recipient = TextField()
    parts = SmallIntegerField()
    credit_thousandths = IntegerField()
    kind = CharField(10)
    status = CharField(10)
    status_changed_at = CharField(INSTANT_LENGTH, null=True)
    wire_id = TextField(null=True)
    fingerprint = BigIntegerField(null=True)
    reference = BigIntegerField(null=True)

    class Meta:
        table_name = "message"
        primary_key = CompositeKey("account", "sent_at", "id")


# Ids that clients know are unique, and looked up.
Message.add_index(
    Message.account, Message.wire_id, unique=True, where=Message.wire_id.is_null(False)
)
# A recipient is searched in each ten days (messages/recipient_index.py): messages come in the order
# of time, so each batch changes few pages of such an index.
Message.add_index(
    SQL(
        'CREATE INDEX IF NOT EXISTS "message_recipient" ON "message" '
        '("account_id", substr("sent_at", 1, 9), "recipient", "submission_id")'
    )
)


# Delivery reports come within days of their message, and don't name the account.
Message.add_index(
    SQL(
        'CREATE INDEX IF NOT EXISTS "message_reference" ON "message" '
        '(substr("sent_at", 1, 9), "reference") WHERE "reference" IS NOT NULL'
    )
)
