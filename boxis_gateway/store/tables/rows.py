"""Rows of submissions and messages: all columns of their tables, in the tables' order.

tables/messages.py says what each column means. Statuses and kinds are plain texts, since drivers
are slow with enumerations.
"""

from __future__ import annotations

from typing import NamedTuple


class SubmissionRow(NamedTuple):
    """Row of the table `submission`."""

    account_id: int
    id: int
    sender: str
    text: str | None
    created_at: str
    scheduled_at: str | None
    flash: bool
    fast: bool
    recipients: str | None
    sent_at: str | None
    invoiced_at: str | None = None
    price: int | None = None
    whole_sale: int | None = None
    cost: int | None = None
    group_id: str | None = None
    wire_id: str | None = None


class MessageRow(NamedTuple):
    """Row of the table `message`."""

    account_id: int
    sent_at: str
    id: int
    submission_id: int
    sender: str
    recipient: str
    parts: int
    credit_thousandths: int
    kind: str
    status: str
    status_changed_at: str | None = None
    wire_id: str | None = None
    fingerprint: int | None = None
    reference: int | None = None
