"""Stores that always have the same rows, made by SQL inside SQLite, kept in benchmarks/.data.

The project's own Store makes the file, the tables and the accounts; the messages are inserted in
key order. A store is used again until this module, the samples or the migrations change.
"""

from __future__ import annotations

import hashlib
import sqlite3
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import boxis_gateway.store
from benchmarks import samples
from boxis_gateway.sms.numbers import sender_key
from boxis_gateway.store import Store

DATA = Path(__file__).parent / ".data"
SEED = 20120509
NEWEST = 1_782_000_000  # Unix seconds; no message is later
BIG = "million@example.com"


class Plan(NamedTuple):
    """Numbers of accounts, of messages of each (about), and of rows in the big one's history."""

    accounts: int
    messages: int
    big: int


PLANS = {
    "smoke": Plan(20, 400, 20_000),
    "main": Plan(1_000, 1_000, 1_000_000),
    "quick": Plan(100, 1_000, 1_000_000),
    "small": Plan(10, 1_000, 0),
    "large": Plan(10_000, 1_000, 0),
}

MESSAGES = """
WITH RECURSIVE counted(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM counted WHERE i + 1 < :count),
-- a ninth of the messages has the time of the one before it, a fiftieth milliseconds
paired AS (SELECT i, i % 9 = 4 AS tie, i - (i % 9 = 4) AS k FROM counted),
drawn AS (
    SELECT i, tie, k % 50 = 7 AS fraction,
        (i * 7919 + :account * 104729 + :seed) % 1000003 AS h,
        :start + k * :step + (k * 7919 + :seed) % :step AS at
    FROM paired
),
whole AS (
    SELECT *, (at * 1000 + fraction * 250) * 1000000 + tie AS id,
        datetime(at, 'unixepoch') || iif(fraction, '.250', '') AS sent_at,
        (SELECT name FROM temp.sender
            WHERE slot = (:sender + iif(h % 10 < 6, 0, h % 10 - 5)) % :senders) AS sender,
        CASE h % 97 WHEN 0 THEN '7248' WHEN 1 THEN '+49151' || (20000000 + h)
            ELSE '+48' || (500000000 + (i * 7368787 + :account * 15485863) % 399999999)
            END AS recipient,
        CASE h % 10 WHEN 0 THEN 2 WHEN 1 THEN 3 ELSE 1 END AS parts,
        CASE WHEN i % 61 = 0 THEN 'refused' WHEN h % 20 = 3 THEN 'failed'
            WHEN h % 20 < 15 THEN 'delivered' ELSE 'sent' END AS status
    FROM drawn
)
"""

INSERT_MESSAGES = f"""
INSERT INTO message (account_id, sent_at, id, submission_id, sender, recipient, parts,
    credit_thousandths, kind, status, status_changed_at, wire_id, fingerprint)
{MESSAGES}
SELECT :account, sent_at, id, id, sender, recipient, parts,
    iif(status = 'refused', 0, parts * iif(h % 17 = 0, 1500, 1000)),
    iif(h % 12 = 0, 'scheduled', 'sent'),
    status,
    iif(status IN ('delivered', 'failed'), datetime(at + 2 + h % 40, 'unixepoch'), NULL),
    iif(:account % 4 = 0, CAST(id AS TEXT), NULL),
    h * 9007199254 + i
FROM whole
"""

INSERT_SUBMISSIONS = f"""
INSERT INTO submission (account_id, id, sender, text, created_at, scheduled_at, flash, fast,
    recipients, sent_at)
{MESSAGES}
SELECT :account, id, sender, (SELECT words FROM temp.text WHERE slot = h % :texts),
    sent_at, iif(h % 12 = 0, sent_at, NULL), 0, h % 17 = 0,
    iif(status = 'refused', NULL, recipient), iif(status = 'refused', NULL, sent_at)
FROM whole
"""


def store_path(name: str) -> Path:
    """The file of the store of that plan; made if it is missing or out of date."""
    path, stamp = DATA / f"{name}.db", DATA / f"{name}.stamp"
    wanted = _stamp(PLANS[name])
    if not path.exists() or not stamp.exists() or stamp.read_text() != wanted:
        print(f"Making the store {name!r} (once) ...", file=sys.stderr, flush=True)
        stamp.unlink(missing_ok=True)
        build(path, PLANS[name])
        stamp.write_text(wanted)
    return path


def build(path: Path, plan: Plan) -> None:
    """A new file with the plan's accounts and messages."""
    for old in path.parent.glob(path.name + "*"):
        old.unlink()
    store = Store(f"sqlite:///{path}")
    store.create()
    store.migrate()
    _add_accounts(store, plan)
    store.close()
    _add_messages(path, plan)


def _add_accounts(store: Store, plan: Plan) -> None:
    """account1@example.com with the id 1 and so on, then the big one; their keys also in a column
    for the peers, which cannot decrypt the gateway's own."""
    names = [f"account{number}@example.com" for number in range(1, plan.accounts + 1)]
    with store.database.atomic():
        for number, name in enumerate([*names, BIG] if plan.big else names):
            zone = "Europe/Warsaw" if name == BIG else samples.ZONES[number % len(samples.ZONES)]
            store.accounts.add(
                name,
                user_key(name),
                datetime.fromtimestamp(NEWEST, UTC),
                options={"timezone": zone} if zone else {},
                customer=name if name == BIG else f"Customer {number % 50}",
            )
    run: Any = store.database.execute_sql
    run("ALTER TABLE account ADD COLUMN plain_key TEXT")
    for (name,) in run("SELECT username FROM account").fetchall():
        run("UPDATE account SET plain_key = ? WHERE username = ?", (user_key(name), name))


def user_key(username: str) -> str:
    """The key of an account, the same in each store."""
    return hashlib.sha256(f"{SEED} {username}".encode()).hexdigest()[:24]


def _add_messages(path: Path, plan: Plan) -> None:
    """Add the messages and submissions of each account, in the order of the tables."""
    database = sqlite3.connect(path)
    # An unfinished store has no stamp, so nothing has to survive a crash here.
    database.executescript("PRAGMA journal_mode=off; PRAGMA synchronous=off;")
    database.execute("PRAGMA cache_size=-200000")
    _add_samples(database)
    with database:
        database.executemany(INSERT_MESSAGES, _accounts(plan))
        database.executemany(INSERT_SUBMISSIONS, _accounts(plan))
        _count_submissions(database)
    database.execute("PRAGMA journal_mode=wal")
    database.close()


def _count_submissions(database: sqlite3.Connection) -> None:
    rows = database.execute(
        "SELECT account_id, substr(created_at, 1, 7), sender, count(*) FROM submission "
        "WHERE recipients IS NOT NULL GROUP BY 1, 2, 3"
    ).fetchall()
    database.executemany(
        "INSERT INTO submission_count VALUES (?, ?, ?, ?, ?)",
        ((account, sender_key(name), month, name, listed) for account, month, name, listed in rows),
    )


def _add_samples(database: sqlite3.Connection) -> None:
    database.execute("CREATE TEMP TABLE sender (slot INTEGER PRIMARY KEY, name TEXT)")
    database.execute("CREATE TEMP TABLE text (slot INTEGER PRIMARY KEY, words TEXT)")
    database.executemany("INSERT INTO temp.sender VALUES (?, ?)", enumerate(samples.SENDERS))
    database.executemany("INSERT INTO temp.text VALUES (?, ?)", enumerate(samples.TEXTS))


def _accounts(plan: Plan) -> Iterator[dict[str, Any]]:
    """The parameters of the two INSERTs for each account."""
    for account in range(1, plan.accounts + 1):
        listed = plan.messages - 100 + account * 7919 % 200
        yield _account(account, listed, step=21_600 + account % 977)
    if plan.big:
        yield _account(plan.accounts + 1, plan.big, step=97)


def _account(account: int, listed: int, step: int) -> dict[str, Any]:
    """`listed` messages of a history, some `step` seconds apart, and refused ones besides."""
    count = listed + -(-listed // 60)  # each 61st is refused
    return {
        "account": account,
        "count": count,
        "step": step,
        "start": NEWEST - account % 1000 * 600 - count * step,
        "sender": account * 3,
        "senders": len(samples.SENDERS),
        "texts": len(samples.TEXTS),
        "seed": SEED,
    }


def _stamp(plan: Plan) -> str:
    """A digest of this module, the samples and the migrations, and the plan."""
    migrations = Path(boxis_gateway.store.__file__).parent / "migrations"
    files = [Path(__file__), Path(str(samples.__file__)), *sorted(migrations.glob("*.py"))]
    digest = hashlib.sha256(b"".join(file.read_bytes() for file in files))
    return f"{digest.hexdigest()} {tuple(plan)}"
