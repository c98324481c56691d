"""Workloads, and the signed requests of each."""

from __future__ import annotations

import hashlib
import json
import random
import sqlite3
import time
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from benchmarks.stores import BIG, SEED, user_key

MOST_ACCOUNTS = 1_000  # of one workload
LISTED = "FROM message WHERE account_id = ? AND sent_at >= ? AND status <> 'refused'"
NEWEST_FIRST = "ORDER BY sent_at DESC, id DESC"
WRONG_CODE, UNKNOWN_ACTION = "wrong-code", "unknown-action"


class Workload(NamedTuple):
    """A kind of request: `rows` of an answer, None for the whole big account; `fault` is "" or the
    mistake in the request."""

    rows: int | None
    returntype: str
    fault: str = ""

    @property
    def name(self) -> str:
        """`10.xml`, `all.json`, `wrong-code.xml`."""
        return f"{self.fault or self.rows or 'all'}.{self.returntype}"


class Account(NamedTuple):
    """An account of a store; its zone is a name of the tz database."""

    id: int
    username: str
    zone: str


class SignedRequest(NamedTuple):
    """A getHistory whose answer has `rows` rows. `datefrom` is the time of the oldest, in UTC to
    the second; "" for all rows."""

    workload: Workload
    account: Account
    datefrom: str
    rows: int

    @property
    def ending(self) -> str:
        """A text near the end of every right answer, and of no other."""
        if self.workload.fault:
            return "is not valid"
        xml = self.workload.returntype == "xml"
        return f"</sms{self.rows}></history>" if xml else f'"sms{self.rows}":'

    def body(self) -> str:
        """The form, signed now."""
        fault = self.workload.fault
        fields = {
            "section": "sms",
            "action": "getAll" if fault == UNKNOWN_ACTION else "getHistory",
            "returntype": self.workload.returntype,
        }
        if self.datefrom:
            fields["datefrom"] = local_text(self.datefrom, self.account.zone)
        return signed_form(self.account, fields, "another" if fault == WRONG_CODE else "")


def signed_form(account: Account, fields: Mapping[str, str], key: str = "") -> str:
    """A form of the account, signed now with its key, or with that one."""
    timestamp, key = str(int(time.time())), key or user_key(account.username)
    signature = {
        "version": "1.0",
        "username": account.username,
        "timestamp": timestamp,
        "authcode": hashlib.md5((timestamp + key).encode()).hexdigest(),
    }
    return urlencode({**signature, **fields})


def local_text(instant: str, zone: str) -> str:
    """`yyyy-mm-dd hh:mm:ss` in the zone, for a time of the store."""
    return f"{datetime.fromisoformat(instant + 'Z').astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M:%S}"


@lru_cache
def signed_requests(store: Path, workload: Workload) -> list[SignedRequest]:
    """The requests of a workload, one for each account, always in the same order."""
    with sqlite3.connect(f"file:{store}?mode=ro", uri=True) as database:
        accounts = _accounts(database)
        if workload.rows is None:
            (big,) = (account for account in accounts if account.username == BIG)
            (rows,) = database.execute(f"SELECT count(*) {LISTED}", (big.id, "")).fetchone()
            return [SignedRequest(workload, big, "", rows)]
        small = [account for account in accounts if account.username != BIG]
        random.Random(SEED).shuffle(small)
        return [
            SignedRequest(workload, account, datefrom, workload.rows)
            for account in small[:MOST_ACCOUNTS]
            if (datefrom := _datefrom(database, account, workload.rows))
        ]


def _accounts(database: sqlite3.Connection) -> list[Account]:
    rows = database.execute("SELECT id, username, options FROM account ORDER BY id")
    return [
        Account(number, name, json.loads(options).get("timezone", "UTC"))
        for number, name, options in rows
    ]


def _datefrom(database: sqlite3.Connection, account: Account, rows: int) -> str:
    """The second since which the account has exactly so many rows; "" if there is none."""
    select = f"SELECT sent_at {LISTED} {NEWEST_FIRST} LIMIT ?"
    times = [row[0][:19] for row in database.execute(select, (account.id, "", rows + 1))]
    return times[rows - 1] if times[rows - 1] > times[rows] else ""
