"""Rows of messages: put in, counted, and changed by others meanwhile."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from boxis_gateway.model import Account, NewMessage
from boxis_gateway.sms.numbers import sender_key
from boxis_gateway.store import LogPosition, Store
from boxis_gateway.zones import utc_now, utc_text
from tests.support.stores import store_at
from tests.support.waiting import LIMIT_SECONDS


def fill(store: Store, account: Account, messages: Sequence[NewMessage]) -> None:
    for table in ("submission", "message", "submission_count"):
        store.database.execute_sql(f"DELETE FROM {table}")
    store.additions.add(account.id, list(enumerate(messages)))


def recounted(store: Store) -> Counter[Any]:
    sql = """SELECT account_id, substr(created_at, 1, 7), sender FROM submission
        WHERE recipients IS NOT NULL"""
    rows = store.database.execute_sql(sql)
    return Counter((number, sender_key(sender), month, sender) for number, month, sender in rows)


def counted(store: Store) -> dict[Any, int]:
    sql = "SELECT account_id, sender_key, month, sender, listed FROM submission_count"
    return {(*key, sender): n for *key, sender, n in store.database.execute_sql(sql)}


def csv_of(path: Path, days: Sequence[float], name: str = "") -> Path:
    """Messages of so many days ago."""
    now = utc_now()
    lines = (
        f"4851{n:07},boxis.net,{utc_text(now - timedelta(days=ago))[:19]},text {n}{name}\n"
        for n, ago in enumerate(days)
    )
    path.write_text("recipient,sender,date,text\n" + "".join(lines))
    return path


@contextmanager
def another_writer(store: Store) -> Iterator[None]:
    """Another writer within the context, who never fails."""
    failed: list[Exception] = []
    done = threading.Event()

    def write() -> None:
        other = store_at(store.url, lock_seconds=LIMIT_SECONDS)
        while not done.wait(0.01):
            try:
                other.log_positions.keep("a.log", LogPosition(0, "", 0, 0, None))
            except Exception as problem:
                failed.append(problem)
        other.close()

    writer = threading.Thread(target=write)
    writer.start()
    yield
    done.set()
    writer.join()
    assert failed == []
