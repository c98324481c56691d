"""The nouns of the model: what a line of an import becomes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
RANKS = {"pending": 0, "sent": 1, "unknown": 2, "failed": 3, "delivered": 3, "refused": 4}


@dataclass(frozen=True)
class Text:
    """A text in which a number may stand, as somebody would write it."""

    before: str = ""
    number: str = ""  # E.164, or ""
    written: str = ""

    @property
    def words(self) -> str:
        return self.before + self.written

    def without(self, number: str) -> Text:
        """The text with its digits crossed out, if it is that number."""
        if number != self.number:
            return self
        crossed = "".join("×" if one in "0123456789" else one for one in self.written)
        return Text(self.before + crossed)


@dataclass(frozen=True)
class Line:
    """Message of an import. `submission` and `created` are None if the format lacks them."""

    recipient: str
    sender: str
    sent: datetime
    text: Text | None = None
    parts: int = 1
    credit: str = "1"
    kind: str = "sent"
    status: str = "sent"
    changed: datetime | None = None
    wire_id: str = ""
    submission: str = ""
    created: datetime | None = None
    reference: str = ""  # what reports call it
    invoiced: datetime | None = None
    price: float | None = None
    whole_sale: float | None = None
    cost: float | None = None


@dataclass(eq=False)
class Submission:
    """Request of a client. `number` orders those of the same time."""

    account: Account
    wire_id: str
    created: datetime
    sender: str
    text: Text | None
    number: int
    line: Line
    sent: datetime | None = None
    messages: list[Message] = field(default_factory=list)

    @property
    def id(self) -> int:
        return first_id(self.created) + self.number + (500_000 if self.wire_id else 0)

    @property
    def shown_id(self) -> str:
        return self.wire_id or f"{self.id:016x}{self.account.id:08x}"

    @property
    def recipients(self) -> list[str]:
        """Recipients as lists show them; None for an empty list."""
        taken = sorted((one.line.sent, one.id, one.recipient) for one in self.messages if one.taken)
        return [recipient for _, _, recipient in taken]


@dataclass(eq=False)
class Message:
    """Recipient of a submission. `line` is as it was imported."""

    submission: Submission
    line: Line
    recipient: str
    sender: str
    id: int
    identity: object
    status: str
    changed: datetime | None
    reference: str

    @property
    def taken(self) -> bool:
        return self.status != "refused"

    @property
    def shown_id(self) -> str:
        return self.line.wire_id or str(self.id)

    def becomes(self, status: str, changed: datetime | None) -> bool:
        """Take the later of two states; whether that is the new one."""
        if status == "refused" and self.status not in ("pending", "refused"):
            status = "failed"
        if _state(status, changed) <= _state(self.status, self.changed):
            return False
        if self.status == "pending" and status not in ("pending", "refused"):
            self.submission.sent = self.line.sent
        self.status, self.changed = status, changed
        return True


@dataclass(eq=False)
class Account:
    """Account of the form API."""

    id: int
    username: str
    key: str
    customer: str
    old_keys: list[str] = field(default_factory=list)
    enabled: bool = True
    options: dict[str, str] = field(default_factory=dict)
    submissions: list[Submission] = field(default_factory=list)

    @property
    def messages(self) -> Iterator[Message]:
        return (message for one in self.submissions for message in one.messages)

    @property
    def newest_first(self) -> list[Message]:
        return sorted(self.messages, key=lambda one: (one.line.sent, one.id), reverse=True)

    def keeps_from(self, option: str, now: datetime) -> datetime:
        days = int(self.options.get(option, "0"))
        return now - timedelta(days=days) if days else EPOCH


def first_id(moment: datetime) -> int:
    """The least id of a millisecond."""
    return (moment - EPOCH) // timedelta(milliseconds=1) * 1_000_000


def _state(status: str, changed: datetime | None) -> tuple[int, datetime, bool]:
    return RANKS[status], changed or EPOCH, status == "delivered"
