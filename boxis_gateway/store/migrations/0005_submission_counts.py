"""Counts of submissions by month and sender, for totals."""

from peewee import CharField, CompositeKey, IntegerField, Model, SqliteDatabase, TextField

from boxis_gateway.sms.numbers import sender_key


def up(migrator, db):
    class SubmissionCount(Model):
        account_id = IntegerField()
        sender_key = TextField()
        month = CharField(7)
        sender = TextField()
        listed = IntegerField()

        class Meta:
            database = db
            table_name = "submission_count"
            primary_key = CompositeKey("account_id", "sender_key", "month", "sender")
            without_rowid = isinstance(db, SqliteDatabase)

    db.create_tables([SubmissionCount])
    rows = db.execute_sql(
        "SELECT account_id, substr(created_at, 1, 7), sender, count(*) FROM submission "
        "WHERE recipients IS NOT NULL GROUP BY 1, 2, 3"
    )
    for account_id, month, sender, listed in rows.fetchall():
        SubmissionCount.insert(
            account_id=account_id,
            sender_key=sender_key(sender),
            month=month,
            sender=sender,
            listed=listed,
        ).execute()
