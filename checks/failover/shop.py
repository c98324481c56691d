"""An account whose messages are known by their numbers, so that any answer can be judged."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from boxis_gateway.levels import Level
from boxis_gateway.model import NewMessage
from boxis_gateway.passwords import hash_password
from boxis_gateway.store import Store
from boxis_gateway.zones import utc_now, utc_text
from checks.soak.world import Asker, without_timestamp

BATCH = 20  # messages of one transaction
FIRST = datetime(2020, 1, 1, tzinfo=UTC)
STEP = timedelta(minutes=10)  # a month is over soon: the store has to make room for another
PASSWORD = "carried over the gap"


@dataclass(frozen=True)
class Shop:
    """`group` tells apart whose requests are counted together."""

    account_id: int
    username: str
    user_key: str
    group: str = ""

    def answer(self, begin: int, end: int) -> bytes:
        """The right history of the messages with these numbers, but for its timestamp."""
        return self.asker(begin, end).body("xml")

    def asker(self, begin: int = 0, end: int = 0) -> Asker:
        """Who asks, and what there is to be told."""
        messages = (message_of(number) for number in reversed(range(begin, end)))
        rows = [(one.sender, one.recipient[1:], one.sent_at, "1", "1", "sent") for one in messages]
        return Asker(self.username, self.user_key, rows)

    def judge(self, body: bytes, begin: int, acknowledged: int) -> str:
        """What is wrong with a history from message `begin` on, when so many had been acknowledged
        before it was asked for; or ""."""
        if b"<result>1</result>" not in body:
            return repr(body[:300])
        end = begin + body.count(b"</reciptient>")
        if end < acknowledged:
            return f"{acknowledged - end} messages that were acknowledged are missing"
        if end % BATCH:
            return f"half a batch: {end} messages"
        return "" if without_timestamp(body) == self.answer(begin, end) else "other messages"


def make_shop(store: Store, username: str, group: str = "") -> Shop:
    """An account, and an employee of that name who may log in."""
    key = sha256(username.encode()).hexdigest()[:24]
    account = store.accounts.add(username, key, utc_now())
    customer = store.customers.of_account(account.id)
    assert customer
    employee = (customer, username, "Owner", Level.OWNER, hash_password(PASSWORD), utc_now())
    store.employees.add(*employee)
    return Shop(account.id, username, key, group)


def message_of(number: int) -> NewMessage:
    """The same whenever it is asked for."""
    sent_at = utc_text(FIRST + number * STEP)
    return NewMessage(f"+4851{number:07}", "boxis.net", sent_at, f"text {number}")


def batch_from(first: int) -> list[tuple[int, NewMessage]]:
    """What is added in one transaction."""
    return [(number, message_of(number)) for number in range(first, first + BATCH)]
