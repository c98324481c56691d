"""Accounts whose messages are numbered, so that any answer can be checked."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from boxis_gateway.levels import Level
from boxis_gateway.model import NewMessage
from boxis_gateway.passwords import hash_password
from boxis_gateway.store import Store
from boxis_gateway.zones import utc_now, utc_text
from checks.soak.accounts import HistoryAccount, wire_row, without_timestamp

BATCH = 20  # messages of one transaction
FIRST = datetime(2020, 1, 1, tzinfo=UTC)
STEP = timedelta(minutes=10)  # so that months end, and new partitions are needed
PASSWORD = "carried over the gap"


@dataclass(frozen=True)
class NumberedAccount:
    """An account with messages 0, 1, 2 …; requests of one `group` are counted together."""

    account_id: int
    username: str
    user_key: str
    group: str = ""

    def history(self, begin: int = 0, end: int = 0) -> HistoryAccount:
        """The account with the messages of these numbers."""
        rows = [wire_row(message_of(number)) for number in reversed(range(begin, end))]
        return HistoryAccount(self.username, self.user_key, rows)

    def problem(self, body: bytes, begin: int, acknowledged: int) -> str:
        """The fault of a history since message `begin`, requested when so many messages had been
        acknowledged; "" if it is right."""
        if b"<result>1</result>" not in body:
            return repr(body[:300])
        end = begin + body.count(b"</reciptient>")
        if end < acknowledged:
            return f"{acknowledged - end} acknowledged messages are missing"
        if end % BATCH:
            return f"half a batch: {end} messages"
        right = self.history(begin, end).body("xml")
        return "" if without_timestamp(body) == right else "other messages"


def make_account(store: Store, username: str, group: str = "") -> NumberedAccount:
    """Add an account, and an employee of that name who may log in."""
    key = sha256(username.encode()).hexdigest()[:24]
    account = store.accounts.add(username, key, utc_now())
    customer = store.customers.of_account(account.id)
    assert customer
    password = hash_password(PASSWORD)
    store.employees.add(customer, username, "Owner", Level.OWNER, password, utc_now())
    return NumberedAccount(account.id, username, key, group)


def message_of(number: int) -> NewMessage:
    """The message of that number."""
    sent_at = utc_text(FIRST + number * STEP)
    return NewMessage(f"+4851{number:07}", "boxis.net", sent_at, f"text {number}")


def batch_from(first: int) -> list[tuple[int, NewMessage]]:
    """The messages of one transaction."""
    return [(number, message_of(number)) for number in range(first, first + BATCH)]
