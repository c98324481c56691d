"""What is asked: workloads, and the signed requests that they are made of."""

from __future__ import annotations

import hashlib
import json
import random
import sqlite3
import time
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from benchmarks.data import BIG, SEED

MOST_ACCOUNTS = 1_000  # that one workload asks for
SHOWN = "FROM message WHERE account_id = ? AND sent_at >= ? AND status <> 'refused'"
NEWEST_FIRST = "ORDER BY sent_at DESC, id DESC"


class Workload(NamedTuple):
    """A kind of request. `rows` is how many an answer has, None for all of the big account;
    `fault` is "" or what is wrong with the request."""

    rows: int | None
    returntype: str
    fault: str = ""

    @property
    def name(self) -> str:
        """`10.xml`, `all.json`, `wrong-code.xml`."""
        return f"{self.fault or self.rows or 'all'}.{self.returntype}"

    @property
    def ending(self) -> str:
        """A text that stands near the end of every right answer, and of no other."""
        if self.fault:
            return "is not valid"
        last = self.rows or 1_000_000
        return f"</sms{last}></history>" if self.returntype == "xml" else f'"sms{last}":'


WRONG_CODE, UNKNOWN_ACTION = "wrong-code", "unknown-action"


class Account(NamedTuple):
    """Who asks."""

    id: int
    username: str
    user_key: str
    zone: str


class Ask(NamedTuple):
    """One request. `datefrom` is the oldest row's time in UTC, to the second; "" for all rows."""

    workload: Workload
    account: Account
    datefrom: str

    def form(self) -> dict[str, str]:
        """The fields as a client sends them, signed now."""
        timestamp = str(int(time.time()))
        key = "another" if self.workload.fault == WRONG_CODE else self.account.user_key
        fields = {
            "version": "1.0",
            "username": self.account.username,
            "timestamp": timestamp,
            "authcode": hashlib.md5((timestamp + key).encode()).hexdigest(),
            "section": "sms",
            "action": "getAll" if self.workload.fault == UNKNOWN_ACTION else "getHistory",
            "returntype": self.workload.returntype,
        }
        if self.datefrom:
            fields["datefrom"] = local(self.datefrom, self.account.zone)
        return fields

    def body(self) -> str:
        """The fields, encoded."""
        return urlencode(self.form())


def local(instant: str, zone: str) -> str:
    """`yyyy-mm-dd hh:mm:ss` in the zone, for a text of the store."""
    return f"{datetime.fromisoformat(instant + 'Z').astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M:%S}"


@lru_cache
def asks(store: Path, workload: Workload) -> list[Ask]:
    """The requests of a workload, each of another account, in an order that is always the same."""
    database = sqlite3.connect(f"file:{store}?mode=ro", uri=True)
    accounts = _accounts(database)
    if workload.rows is None:
        return [Ask(workload, account, "") for account in accounts if account.username == BIG]
    small = [account for account in accounts if account.username != BIG]
    random.Random(SEED).shuffle(small)
    found = [
        Ask(workload, account, datefrom)
        for account in small[:MOST_ACCOUNTS]
        if (datefrom := _datefrom(database, account, workload.rows))
    ]
    database.close()
    return found


def _accounts(database: sqlite3.Connection) -> list[Account]:
    rows = database.execute("SELECT id, username, plain_key, options FROM account ORDER BY id")
    return [
        Account(number, name, key, json.loads(options).get("timezone", "UTC"))
        for number, name, key, options in rows
    ]


def _datefrom(database: sqlite3.Connection, account: Account, rows: int) -> str:
    """The second from which on the account has so many rows; "" if there is none."""
    select = f"SELECT sent_at {SHOWN} {NEWEST_FIRST} LIMIT ?"
    times = [row[0][:19] for row in database.execute(select, (account.id, "", rows + 1))]
    return times[rows - 1] if times[rows - 1] > times[rows] else ""


def utc_now_text() -> str:
    """For people: when something was measured."""
    return f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"
