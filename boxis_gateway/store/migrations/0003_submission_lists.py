"""Columns and indexes of submissions, for lists of the REST API."""

from peewee import BigIntegerField, CharField, TextField
from playhouse.migrate import migrate


def up(migrator, db):
    migrate(
        migrator.add_column("submission", "recipients", TextField(null=True)),
        migrator.add_column("submission", "sent_at", CharField(23, null=True)),
        migrator.add_column("submission", "invoiced_at", CharField(23, null=True)),
        migrator.add_column("submission", "price", BigIntegerField(null=True)),
        migrator.add_column("submission", "whole_sale", BigIntegerField(null=True)),
        migrator.add_column("submission", "cost", BigIntegerField(null=True)),
        migrator.add_column("submission", "group_id", CharField(24, null=True)),
    )
    db.execute_sql(
        """
        UPDATE submission SET recipients = found.recipients, sent_at = found.sent_at FROM (
            SELECT account_id, submission_id, group_concat(recipient, char(10)) AS recipients,
                min(CASE WHEN status = 'pending' THEN NULL ELSE sent_at END) AS sent_at
            FROM message WHERE status <> 'refused' GROUP BY account_id, submission_id
        ) AS found
        WHERE submission.account_id = found.account_id AND submission.id = found.submission_id
        """
    )
    for statement in INDEXES:
        db.execute_sql(statement)


INDEXES = (
    'CREATE INDEX "submission_account_id_sent_at_id" ON "submission" '
    '("account_id", "sent_at", "id") WHERE ("recipients" IS NOT NULL)',
    'CREATE INDEX "submission_account_id_invoiced_at_id" ON "submission" '
    '("account_id", "invoiced_at", "id") WHERE ("invoiced_at" IS NOT NULL)',
    'CREATE INDEX "message_recipient" ON "message" '
    '("account_id", substr("sent_at", 1, 9), "recipient", "submission_id")',
)
