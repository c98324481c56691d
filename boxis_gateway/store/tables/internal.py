"""Internal tables: waiting reports, log positions, audit, secrets."""

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
    """A report that came before its message. `account_id` is 0 for any account; reports with an old
    `received_at` are deleted."""

    account_id = IntegerField()
    reference = BigIntegerField()
    status = CharField(10)
    changed_at = CharField(INSTANT_LENGTH)
    received_at = CharField(INSTANT_LENGTH)

    class Meta:
        table_name = "delivery_report"
        primary_key = CompositeKey("reference", "account_id", "changed_at", "status")


class FollowedLog(Model):
    """Position of `import --follow` in a log (ingest/log_positions.py)."""

    path = TextField(primary_key=True)
    head_octets = IntegerField()
    head_digest = CharField(32)
    position = BigIntegerField()
    line = BigIntegerField()
    latest = CharField(INSTANT_LENGTH, null=True)

    class Meta:
        table_name = "followed_log"


class AuditEntry(Model):
    """A change by a person (audit.py). Triggers refuse UPDATE and DELETE."""

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
    """Digest of an erased number, keyed by the store's own secret (privacy/erased_numbers.py)."""

    digest = CharField(32, primary_key=True)
    erased_at = CharField(INSTANT_LENGTH)

    class Meta:
        table_name = "erased_number"


COPIED_FROM = "copied_from"
"""Name of a secret in an unfinished copy: its source (transfer/copy.py)."""


class Secret(Model):
    """Values of this store alone: `erased_number`, random octets in hexadecimal; `key_check`, for
    detecting a wrong key (secrets/user_keys.py); `to_wipe`, data that free pages may still hold."""

    name = CharField(32, primary_key=True)
    value = TextField()

    class Meta:
        table_name = "secret"
