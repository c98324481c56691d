"""Delivery reports, foreign ids, log positions, audit, erased numbers."""

from peewee import BigIntegerField, CharField, CompositeKey, IntegerField, Model, TextField
from playhouse.migrate import migrate


def up(migrator, db):
    class DeliveryReport(Model):
        account_id = IntegerField()
        reference = BigIntegerField()
        status = CharField(10)
        changed_at = CharField(23)
        received_at = CharField(23)

        class Meta:
            database = db
            table_name = "delivery_report"
            primary_key = CompositeKey("reference", "account_id", "changed_at", "status")

    class FollowedLog(Model):
        path = TextField(primary_key=True)
        head_octets = IntegerField()
        head_digest = CharField(32)
        position = BigIntegerField()
        line = BigIntegerField()
        latest = CharField(23, null=True)

        class Meta:
            database = db
            table_name = "followed_log"

    class AuditEntry(Model):
        id = BigIntegerField(primary_key=True)
        at = CharField(23)
        who = TextField()
        origin = TextField()
        what = TextField()
        subject = TextField()
        details = TextField()

        class Meta:
            database = db
            table_name = "audit_entry"

    class ErasedNumber(Model):
        digest = CharField(32, primary_key=True)
        erased_at = CharField(23)

        class Meta:
            database = db
            table_name = "erased_number"

    class Secret(Model):
        name = CharField(32, primary_key=True)
        value = TextField()

        class Meta:
            database = db
            table_name = "secret"

    migrate(
        migrator.add_column("submission", "wire_id", TextField(null=True)),
        migrator.add_column("message", "reference", BigIntegerField(null=True)),
    )
    db.create_tables([DeliveryReport, FollowedLog, AuditEntry, ErasedNumber, Secret])
    for statement in (*INDEXES, *APPEND_ONLY):
        db.execute_sql(statement)


INDEXES = (
    'CREATE INDEX "submission_wire_id" ON "submission" ("wire_id") WHERE ("wire_id" IS NOT NULL)',
    'CREATE INDEX "message_reference" ON "message" '
    '(substr("sent_at", 1, 9), "reference") WHERE "reference" IS NOT NULL',
)

APPEND_ONLY = tuple(
    f"CREATE TRIGGER audit_entry_{event.lower()} BEFORE {event} ON audit_entry {condition}"
    "BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END"
    for event, condition in (
        ("UPDATE", ""),
        ("DELETE", ""),
        # INSERT OR REPLACE deletes without the trigger of DELETE
        ("INSERT", "WHEN EXISTS (SELECT 1 FROM audit_entry WHERE id = NEW.id) "),
    )
)
