"""The tables, as they are now. How they came to be is in migrations/; a test holds the two equal.

Every key of what belongs to an account begins with the account, ids are made here and not by the
database, and nothing refers across accounts: a store laid out so can be spread over machines later.
Times are texts in UTC (see zones.py), credits whole thousandths (see model.py).
"""

from __future__ import annotations

from peewee import (
    SQL,
    AutoField,
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

INSTANT_LENGTH = 23  # yyyy-mm-dd hh:mm:ss.mmm


class Customer(Model):
    """Who owns messages and accounts. The id is 24 lower-case hexadecimal digits. A reseller is a
    customer that others name as theirs."""

    id = CharField(24, primary_key=True)
    name = TextField()
    created_at = CharField(INSTANT_LENGTH)
    parent_reseller_id = CharField(24, null=True, index=True)

    class Meta:
        table_name = "customer"


class Account(Model):
    """Who asks at the form door. `user_key` must be readable: md5(timestamp + user_key) is checked
    with it. `options` is a JSON object of what differs from the server's settings."""

    id = AutoField()
    customer = ForeignKeyField(Customer)
    username = TextField()
    username_folded = TextField(unique=True)  # user names are compared without case
    user_key = TextField()
    enabled = BooleanField()
    options = TextField()
    created_at = CharField(INSTANT_LENGTH)

    class Meta:
        table_name = "account"


class SenderName(Model):
    """A sender that the account may use, in the order given."""

    account = ForeignKeyField(Account, index=False)
    name = CharField(20)
    position = SmallIntegerField()

    class Meta:
        table_name = "sender_name"
        primary_key = CompositeKey("account", "name")


class Submission(Model):
    """One request to send: its text (None if the source did not tell), sender, times and flags.

    `id` begins with the milliseconds of `created_at` (store/ids.py), so the order of ids is
    that of creation. `recipients` are one a line, as far as the SMSC took them; of a submission
    that was refused as a whole it is None, and it is in no list. `sent_at` is None while it waits.
    Money is millionths, None if nobody said."""

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


class SubmissionCount(Model):
    """How many submissions of an account and month (of creation) lists show, by sender: so that no
    total needs a walk, and a sender is looked for where there are any. Whatever adds submissions or
    changes what is listed changes these, in the same transaction (store/counts.py)."""

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
    they know another than `id`; `fingerprint` tells whether an imported message without one is
    here already."""

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

    class Meta:
        table_name = "message"
        primary_key = CompositeKey("account", "sent_at", "id")


# An id that clients know is a message's alone, and it is looked up by it.
Message.add_index(
    Message.account, Message.wire_id, unique=True, where=Message.wire_id.is_null(False)
)


class Employee(Model):
    """Who logs in at the REST door. `failures` are wrong passwords since the last right one; nobody
    is let in before `locked_until`."""

    id = CharField(24, primary_key=True)
    customer = ForeignKeyField(Customer)
    name = TextField()
    username = TextField()
    username_folded = TextField(unique=True)  # user names are compared without case
    password_hash = TextField(null=True)
    level = CharField(14)
    state = CharField(8)
    created_at = CharField(INSTANT_LENGTH)
    failures = SmallIntegerField()
    locked_until = CharField(INSTANT_LENGTH, null=True)

    class Meta:
        table_name = "employee"


class Token(Model):
    """What an employee shows instead of the password; here is its SHA-256, in hexadecimal. A token
    of a machine, and one that persists, does not expire. `address` is where the login came from."""

    digest = CharField(64, primary_key=True)
    employee = ForeignKeyField(Employee)
    machine = BooleanField()
    created_at = CharField(INSTANT_LENGTH)
    expires_at = CharField(INSTANT_LENGTH, null=True)
    address = TextField(null=True)

    class Meta:
        table_name = "token"


# A recipient is looked for in ten days at a time (store/submissions.py): messages come in the order
# of time, so that few pages of such an index change with each batch of them.
Message.add_index(
    SQL(
        'CREATE INDEX IF NOT EXISTS "message_recipient" ON "message" '
        '("account_id", substr("sent_at", 1, 9), "recipient", "submission_id")'
    )
)


class Contact(Model):
    """What a customer calls a number."""

    customer = ForeignKeyField(Customer, index=False)
    number = TextField()
    name = TextField()

    class Meta:
        table_name = "contact"
        primary_key = CompositeKey("customer", "number")


class ContactGroup(Model):
    """Numbers of a customer that are sent to under one name. The id is as a customer's."""

    id = CharField(24, primary_key=True)
    customer = ForeignKeyField(Customer)
    name = TextField()

    class Meta:
        table_name = "contact_group"


class GroupMember(Model):
    """A number of a group."""

    group = ForeignKeyField(ContactGroup, index=False)
    number = TextField()

    class Meta:
        table_name = "group_member"
        primary_key = CompositeKey("group", "number")


TABLES = (
    Customer,
    Account,
    SenderName,
    Submission,
    SubmissionCount,
    Message,
    Employee,
    Token,
    Contact,
    ContactGroup,
    GroupMember,
)
