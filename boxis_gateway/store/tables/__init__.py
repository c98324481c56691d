"""The tables, as they are now. How they came to be is in migrations/; a test holds the two equal.

Every key of what belongs to an account begins with the account, ids are made here and not by the
database, and nothing refers across accounts: a store laid out so can be spread over machines later.
Times are texts in UTC (see zones.py), credits whole thousandths (see model.py).
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
    "Secret",
    "SenderName",
    "Submission",
    "SubmissionCount",
    "Token",
]
