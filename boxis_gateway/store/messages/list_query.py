"""Query for a list of submissions: accounts, search criteria, order, page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from boxis_gateway.store.ids import GREATEST_ID


class Order(StrEnum):
    """Time that a list is sorted by, newest first; submissions without it come last."""

    CREATED = "CREATED"
    SENT = "SENT"
    INVOICED = "INVOICED"


@dataclass(frozen=True)
class Criteria:
    """Search criteria, which all have to hold. Months of creation are `yyyy-mm`, both inclusive, ""
    for no bound. Senders are compared by their key (sms/numbers.py), texts without case."""

    first_month: str = ""
    last_month: str = ""
    recipient: str | None = None
    sender: str | None = None
    text: str | None = None

    @property
    def is_counted(self) -> bool:
        """True if counts.py can count the matches."""
        return self.recipient is None and self.text is None


class ListedSubmission(NamedTuple):
    """A submission as lists have it; the fields are columns of its table."""

    id: int
    account_id: int
    text: str | None
    sender: str
    recipients: str
    sent_at: str | None
    invoiced_at: str | None
    price: int | None
    whole_sale: int | None
    cost: int | None
    group_id: str | None
    wire_id: str | None


class ListPosition(NamedTuple):
    """A position in a list, after one submission: the sort key. `time` is None in the order of
    creation, or if the submission lacks the time of the order."""

    time: str | None
    id: int
    account_id: int

    def end_id(self, account_id: int) -> int:
        """Exclusive end of that account's ids after this position and of its time."""
        return min(self.id + (account_id < self.account_id), GREATEST_ID)


def position_after(submission: ListedSubmission, order: Order) -> ListPosition:
    """The position after the submission."""
    times = {Order.SENT: submission.sent_at, Order.INVOICED: submission.invoiced_at}
    return ListPosition(times.get(order), submission.id, submission.account_id)


class ListQuery(NamedTuple):
    """`limit` submissions of the accounts that match the criteria, from index `offset` on. Both
    count from `after` if that is given; such a page costs the same at any depth."""

    accounts: Sequence[int]
    criteria: Criteria = Criteria()
    order: Order = Order.CREATED
    limit: int = 100
    offset: int = 0
    after: ListPosition | None = None


class ListPage(NamedTuple):
    """A page, and the number of submissions on all pages; None in pages after a position."""

    submissions: list[ListedSubmission]
    total: int | None
