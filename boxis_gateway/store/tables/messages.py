"""What was sent: submissions, and a message for each of their recipients."""

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
    """One request to send: its text (None if the source did not tell), sender, times and flags.

    `id` begins with the milliseconds of `created_at` (store/ids.py), so the order of ids is
    that of creation. `recipients` are one a line, as far as the SMSC took them; of a submission
    that was refused as a whole it is None, and it is in no list. `sent_at` is None while it waits.
    Money is millionths, None if nobody said. `wire_id` is the id that clients know, if they know
    another than ours (ids.py)."""

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


# For orders by another time, and for counting; and to find a recipient.
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
    """How many submissions of an account and month (of creation) lists show, by sender: so that no
    total needs a walk, and a sender is looked for where there are any. Whatever adds submissions or
    changes what is listed changes these, in the same transaction (store/messages/counts.py)."""

    account_id = IntegerField()
    sender_key = TextField()
    month = CharField(7)
    sender = TextField()
    listed = IntegerField()

    class Meta:
        table_name = "submission_count"
        primary_key = CompositeKey("account_id", "sender_key", "month", "sender")


class Message(Model):
    """One recipient of a submission.

    The table lies in the order of its key, so that a history is one walk backwards over it: newest
    first, and among equal times the highest id first. That is also why `sender` stands here again.
    `sent_at` is when the message was, or is to be, sent. `wire_id` is the id that clients know, if
    they know another than `id`; `fingerprint` tells whether an imported message without one is here
    already; `reference` is what delivery reports know it by (sms/dlr.py)."""

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


# An id that clients know is a message's alone, and it is looked up by it.
Message.add_index(
    Message.account, Message.wire_id, unique=True, where=Message.wire_id.is_null(False)
)
# A recipient is looked for in ten days at a time (messages/listing.py): messages come in the order
# of time, so that few pages of such an index change with each batch of them.
Message.add_index(
    SQL(
        'CREATE INDEX IF NOT EXISTS "message_recipient" ON "message" '
        '("account_id", substr("sent_at", 1, 9), "recipient", "submission_id")'
    )
)


# Delivery reports come soon after their message, mostly, and don't say whose it is.
Message.add_index(
    SQL(
        'CREATE INDEX IF NOT EXISTS "message_reference" ON "message" '
        '(substr("sent_at", 1, 9), "reference") WHERE "reference" IS NOT NULL'
    )
)
