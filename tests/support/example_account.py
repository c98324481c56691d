"""The account that most tests use: its name and key, its messages, its signed requests."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from boxis_gateway.authcode import authcode_of
from boxis_gateway.importers.reading.columns import to_message
from boxis_gateway.importing import fingerprint
from boxis_gateway.model import Account, NewMessage
from boxis_gateway.store import Store
from boxis_gateway.zones import find_zone

NOW = datetime(2012, 5, 9, 12, 0, 0, tzinfo=UTC)
USERNAME = "anna@example.com"
USER_KEY = "0123456789abcdefABCDEF01"
MANY = 60_000
"""Messages of a long history; more than fits into the buffers of a socket."""


def add_messages(store: Store, account: Account, *rows: Mapping[str, str]) -> None:
    """Store messages given by the columns of the CSV format; the dates are in UTC."""
    utc = find_zone("UTC")
    messages = [({"sender": "boxis.net", "recipient": "48514151563"} | dict(row)) for row in rows]
    store.additions.add(
        account.id,
        [(fingerprint(str(n)), to_message(row, utc)) for n, row in enumerate(messages)],
    )


def add_many(store: Store, account: Account) -> None:
    """A long history: a message a second, numbered by its recipient."""
    start = datetime(2011, 3, 13, 7, 6, 40)
    for first in range(0, MANY, 5_000):
        numbers = range(first, first + 5_000)
        moments = [str(start + timedelta(seconds=n)) for n in numbers]
        store.additions.add(
            account.id,
            [
                (n, NewMessage(f"+485{n:08}", "boxis.net", moment, f"The code is {n}, żółw."))
                for n, moment in zip(numbers, moments, strict=True)
            ],
        )


def signed(
    now: int, form: Mapping[str, str], username: str = USERNAME, user_key: str = USER_KEY
) -> dict[str, str]:
    """The form with what every request has, unless it says otherwise itself."""
    timestamp = form.get("timestamp", str(now))
    return {
        "version": "1.0",
        "timestamp": timestamp,
        "username": username,
        "authcode": authcode_of(timestamp, user_key),
        "section": "sms",
        "action": "getHistory",
        **form,
    }


def signed_now(**form: str) -> dict[str, str]:
    """A signed form of this second, for a server that runs by the clock."""
    return signed(int(time.time()), form)
