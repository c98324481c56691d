"""Tables of the first release. Frozen: add a migration instead."""

from peewee import (
    AutoField,
    BigIntegerField,
    BooleanField,
    CharField,
    CompositeKey,
    ForeignKeyField,
    IntegerField,
    Model,
    SmallIntegerField,
    SqliteDatabase,
    TextField,
)


def up(migrator, db):
    # SQLite alone keeps a table in the order of its key this way.
    clustered = isinstance(db, SqliteDatabase)

    class Customer(Model):
        id = CharField(24, primary_key=True)
        name = TextField()
        created_at = CharField(23)

        class Meta:
            database = db
            table_name = "customer"

    class Account(Model):
        id = AutoField()
        customer = ForeignKeyField(Customer)
        username = TextField()
        username_folded = TextField(unique=True)
        user_key = TextField()
        enabled = BooleanField()
        options = TextField()
        created_at = CharField(23)

        class Meta:
            database = db
            table_name = "account"

    class SenderName(Model):
        account = ForeignKeyField(Account, index=False)
        name = CharField(20)
        position = SmallIntegerField()

        class Meta:
            database = db
            table_name = "sender_name"
            primary_key = CompositeKey("account", "name")

    class Submission(Model):
        account = ForeignKeyField(Account, index=False)
        id = BigIntegerField()
        sender = TextField()
        text = TextField(null=True)
        created_at = CharField(23)
        scheduled_at = CharField(23, null=True)
        flash = BooleanField()
        fast = BooleanField()

        class Meta:
            database = db
            table_name = "submission"
            primary_key = CompositeKey("account", "id")
            without_rowid = clustered

    class Message(Model):
        account = ForeignKeyField(Account, index=False)
        sent_at = CharField(23)
        id = BigIntegerField()
        submission_id = BigIntegerField()
        sender = TextField()
        recipient = TextField()
        parts = SmallIntegerField()
        credit_thousandths = IntegerField()
        kind = CharField(10)
        status = CharField(10)
        status_changed_at = CharField(23, null=True)
        wire_id = TextField(null=True)
        fingerprint = BigIntegerField(null=True)

        class Meta:
            database = db
            table_name = "message"
            primary_key = CompositeKey("account", "sent_at", "id")
            without_rowid = clustered

    Message.add_index(
        Message.account, Message.wire_id, unique=True, where=Message.wire_id.is_null(False)
    )

    db.create_tables([Customer, Account, SenderName, Submission, Message])
