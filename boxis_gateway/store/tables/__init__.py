"""Tables as peewee models. Read messages.py, people.py, internal.py.

Migrations (migrations/) make the same tables, which a test checks. Every key of an account's rows
begins with the account, ids come from Python, and no row refers to another account: so the rows can
be distributed by account (Citus). Times are texts in UTC (zones.py), credits whole thousandths.
"""

from __future__ import annotations

from boxis_gateway.store.tables.internal import (
    COPIED_FROM,
    AuditEntry,
    DeliveryReport,
    ErasedNumber,
    FollowedLog,
    Secret,
)
from boxis_gateway.store.tables.messages import (
    Message,
    Submission,
    SubmissionCount,
)
from boxis_gateway.store.tables.people import (
    INSTANT_LENGTH,
    Account,
    Contact,
    ContactGroup,
    Customer,
    Employee,
    GroupMember,
    SenderName,
    Token,
)
from boxis_gateway.store.tables.rows import MessageRow, SubmissionRow

TABLES = (
    Customer,
    Account,
    SenderName,
    Submission,
    SubmissionCount,
    Message,
    DeliveryReport,
    FollowedLog,
    AuditEntry,
    ErasedNumber,
    Secret,
    Employee,
    Token,
    Contact,
    ContactGroup,
    GroupMember,
)

__all__ = [
    "COPIED_FROM",
    "INSTANT_LENGTH",
    "TABLES",
    "Account",
    "AuditEntry",
    "Contact",
    "ContactGroup",
    "Customer",
    "DeliveryReport",
    "Employee",
    "ErasedNumber",
    "FollowedLog",
    "GroupMember",
    "Message",
    "MessageRow",
    "Secret",
    "SenderName",
    "Submission",
    "SubmissionCount",
    "SubmissionRow",
    "Token",
]
