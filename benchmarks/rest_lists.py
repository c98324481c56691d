"""Measures of the REST API's lists, of a million messages, beside the sqlite3 shell."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from benchmarks.answers import WrongAnswer
from benchmarks.bench import Bench, Round, Turn, take_turns
from benchmarks.candidates import Running
from benchmarks.load import closed_loop
from benchmarks.stores import BIG, NEWEST
from boxis_gateway.levels import Level
from boxis_gateway.store import Store

LIMIT = 100
REPEATS = 500  # of a quick query in one run of the shell, whose start varies by milliseconds
TOKEN = "a-token-of-benchmarks"
COLUMNS = "id, account_id, text, sender, recipients, sent_at, price, whole_sale, cost"
LISTED = "FROM submission WHERE account_id = {account} AND recipients IS NOT NULL"
NEWEST_FIRST = f"ORDER BY id DESC LIMIT {LIMIT};"
PAGE = f"SELECT {COLUMNS} {LISTED} {NEWEST_FIRST}"
FAR = f"SELECT {COLUMNS} {LISTED} ORDER BY id DESC LIMIT {LIMIT} OFFSET {{offset}};"
TOTAL = f"SELECT count(*) {LISTED};"
COUNTED = "SELECT sum(listed) FROM submission_count WHERE account_id = {account};"
BEHIND = f"SELECT {COLUMNS} {LISTED} AND id < {{middle}} {NEWEST_FIRST}"
SCANNED = "AND recipients = '{number}'"
INDEXED = """AND id IN (SELECT submission_id FROM message WHERE account_id = {account}
    AND substr(sent_at, 1, 9) IN ({days}) AND recipient = '{number}')"""


def lists(bench: Bench) -> Iterator[Round]:
    """Requests a second on one connection, each of 100 messages at most, with the total; and runs
    a second of the same queries in the shell. `shell` uses the store's indexes and counts, `plain`
    is the query that one would write without them."""
    facts = prepare(bench.store)
    running = bench.pool.running("gateway", bench.store)
    cursor = f"{facts['middle'] % (1 << 64):016x}{facts['account']:08x}-"
    number = facts["number"].replace("+", "%2B")
    turns: dict[str, Turn] = {}
    for name, query, sql, plain in (
        ("first page", "", PAGE + COUNTED, PAGE + TOTAL),
        ("page by cursor", f"&cursor={cursor}", BEHIND, ""),
        ("page by offset", f"&offset={facts['offset']}", "", FAR + TOTAL),
        ("by recipient", f"&to={number}", having(INDEXED), having(SCANNED)),
        ("by text", "&message=Faktura", "", having("AND text LIKE '%faktura%'")),
    ):
        sql, plain, path = sql.format(**facts), plain.format(**facts), f"/sms?token={TOKEN}{query}"
        check(running, path, shell(bench.store, sql or plain))
        turns[name] = list_turn(running, path, bench.length.list_seconds)
        if sql:
            turns[f"{name}, shell"] = shell_turn(bench.store, sql, REPEATS)
        if plain:
            turns[f"{name}, plain"] = shell_turn(bench.store, plain, 3)
    yield from take_turns(bench.length.long_rounds, turns)


def having(condition: str) -> str:
    """The first page of the messages that meet a condition, and their total."""
    page = f"SELECT {COLUMNS} {LISTED} {condition} {NEWEST_FIRST}"
    return f"{page} SELECT count(*) {LISTED} {condition};"


def prepare(path: Path) -> dict[str, Any]:
    """Add an employee with a token; the values of the queries' placeholders."""
    store = Store(f"sqlite:///{path}").require_current()
    now = datetime.fromtimestamp(NEWEST, UTC)
    customer = store.customers.get(BIG)
    employee = store.employees.find(BIG)
    if employee is None:
        employee = store.employees.add(customer, BIG, BIG, Level.OWNER, None, now)
        store.tokens.add(employee, hashlib.sha256(TOKEN.encode()).hexdigest(), now, machine=True)
    (account,) = store.submissions.accounts_of(customer.id)
    store.close()
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as database:
        (total,) = database.execute(TOTAL.format(account=account)).fetchone()
        sql = f"SELECT id, recipients {LISTED} ORDER BY id LIMIT 1 OFFSET {total // 2}"
        middle, number = database.execute(sql.format(account=account)).fetchone()
        days = "SELECT DISTINCT substr(sent_at, 1, 9) FROM message WHERE account_id = ?"
        listed = ", ".join(f"'{day}'" for (day,) in database.execute(days, (account,)))
    facts = {"account": account, "offset": total // 2, "middle": middle}
    return {**facts, "number": number, "days": listed}


def shell(path: Path, sql: str) -> list[list[dict[str, Any]]]:
    """The shell's answer to each statement."""
    output = subprocess.run(
        ["sqlite3", "-readonly", "-json", str(path)], input=sql, capture_output=True, text=True
    ).stdout
    parts = output.replace("]\n[", "]\n\0[").split("\0")
    return [json.loads(part) for part in parts if part.strip()]


def check(running: Running, path: str, statements: list[list[dict[str, Any]]]) -> None:
    """Raise WrongAnswer unless the list has the shell's messages and total."""
    with urlopen(running.address + path, timeout=60) as response:
        body = json.loads(response.read())
    rows, *totals = statements
    ids = [f"{row['id'] % (1 << 64):016x}{row['account_id']:08x}" for row in rows]
    total = [value for (row,) in totals for value in row.values()]
    listed = [message["_id"] for message in body["messages"]]
    if listed != ids or [body[name] for name in ("total",) if name in body] != total:
        raise WrongAnswer(f"{path}: {str(body)[:300]}, {str(statements)[:300]}")


def list_turn(running: Running, path: str, seconds: float) -> Turn:
    """Lists a second, one after the other."""
    lines = [("GET", path, "")]

    def turn() -> float:
        rate = closed_loop(running.address, lines, seconds, connections=1)
        if rate.errors or not rate.answers:
            raise WrongAnswer(f"{path} under load: {rate}")
        return rate.requests

    return turn


def shell_turn(path: Path, sql: str, repeats: int) -> Turn:
    """Runs a second in the shell, without its start and without the first of all."""

    def seconds(times: int) -> float:
        started = time.perf_counter()
        command = ["sqlite3", "-readonly", "-json", str(path)]
        subprocess.run(command, input=sql * times, stdout=subprocess.DEVNULL, text=True, check=True)
        return time.perf_counter() - started

    return lambda: repeats / (seconds(1 + repeats) - seconds(1))
