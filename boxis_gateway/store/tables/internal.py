"""What a store keeps for itself: reports that wait, how far a log was read, who did what."""

from __future__ import annotations

from peewee import (
    BigIntegerField,
    CharField,
    CompositeKey,
    IntegerField,
    Model,
    TextField,
)

from boxis_gateway.store.tables.people import INSTANT_LENGTH


class DeliveryReport(Model):
    """A report that came before its message. `account_id` is 0 if it may be of any account.
    `received_at` is when we heard of it, for those that wait in vain."""

    account_id = IntegerField()
    reference = BigIntegerField()
    status = CharField(10)
    changed_at = CharField(INSTANT_LENGTH)
    received_at = CharField(INSTANT_LENGTH)

    class Meta:
        table_name = "delivery_report"
        primary_key = CompositeKey("reference", "account_id", "changed_at", "status")


class FollowedLog(Model):
    """How far a log has been read that is followed (importing/follow.py). The file is known by its
    first octets, whatever it is called by now; `latest` is the time of the last line."""

    path = TextField(primary_key=True)
    head_octets = IntegerField()
    head_digest = CharField(32)
    position = BigIntegerField()
    line = BigIntegerField()
    latest = CharField(INSTANT_LENGTH, null=True)

    class Meta:
        table_name = "followed_log"


class AuditEntry(Model):
    """A change that somebody made; see audit.py. The database refuses to change or delete one."""

    id = BigIntegerField(primary_key=True)
    at = CharField(INSTANT_LENGTH)
    who = TextField()
    origin = TextField()
    what = TextField()
    subject = TextField()
    details = TextField()

    class Meta:
        table_name = "audit_entry"


class ErasedNumber(Model):
    """A number whose owner is not to come back: its digest under the store's own secret."""

    digest = CharField(32, primary_key=True)
    erased_at = CharField(INSTANT_LENGTH)

    class Meta:
        table_name = "erased_number"


COPIED_FROM = "copied_from"
"""Name of a secret in an unfinished copy: the store that it is a copy of (transfer/copy.py)."""


class Secret(Model):
    """What this store keeps for itself: `erased_number`, random octets in hexadecimal; `key_check`,
    by which a wrong key is known (user_keys.py); `to_wipe`, what may still stand in free pages of
    the file."""

    name = CharField(32, primary_key=True)
    value = TextField()

    class Meta:
        table_name = "secret"
