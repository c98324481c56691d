"""Requests that the guard counts, in process, with a mark before each.

guard.py runs this file under valgrind, in an empty folder. Whatever could make two runs differ is
fixed: data, clock, order of requests, and no garbage collector.
"""

from __future__ import annotations

from datetime import timedelta

from benchmarks.guard_yardsticks import NOW, USER_KEY, Send, posting, run, signed_form
from boxis_gateway.app import create_app
from boxis_gateway.model import NewMessage
from boxis_gateway.settings import Settings
from boxis_gateway.store import Store

PLAIN, ODD = ("boxis.net", "HQSMS", "Apteka 24"), ("boxis.net", "Żuk & Syn", 'Bar "U Ewy"')
ACCOUNTS = {"ten": (10, PLAIN), "hundred": (100, PLAIN), "odd": (100, ODD)}
"""User name -> (rows, senders)."""


def requests(store: Store) -> dict[str, Send]:
    """Requests to the application over a store of ACCOUNTS."""
    store.create()
    store.migrate()
    for username, (rows, senders) in ACCOUNTS.items():
        fill(store, username, rows, senders)
    app = create_app(store, Settings(), lambda: NOW)
    lenient = create_app(store, Settings(free_failures=1000), lambda: NOW)  # no lockout
    wrong_code = signed_form("ten", authcode="0" * 32)
    json = {name: signed_form(name, returntype="json") for name in ACCOUNTS}
    return {
        "10 rows, XML": posting(app, signed_form("ten"), b"</sms10></history>"),
        "100 rows, XML": posting(app, signed_form("hundred"), b"</sms100></history>"),
        "100 odd rows, XML": posting(app, signed_form("odd"), b"</sms100></history>"),
        "10 rows, JSON": posting(app, json["ten"], b'"sms10":{'),
        "100 rows, JSON": posting(app, json["hundred"], b'"sms100":{'),
        "100 odd rows, JSON": posting(app, json["odd"], b'"sms100":{'),
        "wrong code": posting(lenient, wrong_code, b"'authcode' is not valid"),
    }


def fill(store: Store, username: str, rows: int, senders: tuple[str, ...]) -> None:
    """Add an account in Warsaw with that many messages, whose times alone are in order."""
    account = store.accounts.add(username, USER_KEY, NOW, options={"timezone": "Europe/Warsaw"})
    messages = [
        NewMessage(
            recipient=f"+485{n * 48_271 % 99_999_989:08}",
            sender=senders[n % len(senders)],
            sent_at=f"{NOW - timedelta(seconds=37 * n):%Y-%m-%d %H:%M:%S}",
        )
        for n in range(rows)
    ]
    store.additions.add(account.id, list(enumerate(messages)))


if __name__ == "__main__":
    run(requests(Store("sqlite:///store.db")))
