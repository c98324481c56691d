"""The account that most tests use: its name and key, its messages, its signed requests."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from boxis_gateway.authcode import authcode_of
from boxis_gateway.importers.reading.columns import to_message
from boxis_gateway.importing import fingerprint
from boxis_gateway.model import Account
from boxis_gateway.store import Store
from boxis_gateway.zones import find_zone

NOW = datetime(2012, 5, 9, 12, 0, 0, tzinfo=UTC)
USERNAME = "anna@example.com"
USER_KEY = "0123456789abcdefABCDEF01"


def add_messages(store: Store, account: Account, *rows: Mapping[str, str]) -> None:
    """Store messages given by the columns of the CSV format; the dates are in UTC."""
    utc = find_zone("UTC")
    messages = [({"sender": "boxis.net", "recipient": "48514151563"} | dict(row)) for row in rows]
    store.additions.add(
        account.id,
        [(fingerprint(str(n)), to_message(row, utc)) for n, row in enumerate(messages)],
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
