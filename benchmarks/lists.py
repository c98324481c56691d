"""Lists of the REST API, of one customer with a million messages, beside the sqlite3 shell."""

from __future__ import annotations

import hashlib
import http.client
import json
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from math import ceil
from pathlib import Path
from typing import Any

from benchmarks.bench import Bench, Round, Turn, take_turns
from benchmarks.candidates import Running
from benchmarks.check import WrongAnswer
from benchmarks.data import BIG, NEWEST
from boxis_gateway.levels import Level
from boxis_gateway.store import Store

LIMIT, MIDDLE = 100, 500_000
REPEATS = 50  # of a quick query in one run of the shell
LEAST_SECONDS = 3  # of load: a search by text may take one
TOKEN = "a-token-of-benchmarks"
COLUMNS = "id, account_id, text, sender, recipients, sent_at, price, whole_sale, cost"
LISTED = "FROM submission WHERE account_id = {account} AND recipients IS NOT NULL"
NEWEST_FIRST = f"ORDER BY id DESC LIMIT {LIMIT};"
PAGE = f"SELECT {COLUMNS} {LISTED} {NEWEST_FIRST}"
FAR = f"SELECT {COLUMNS} {LISTED} ORDER BY id DESC LIMIT {LIMIT} OFFSET {MIDDLE};"
TOTAL = f"SELECT count(*) {LISTED};"
COUNTED = "SELECT sum(listed) FROM submission_count WHERE account_id = {account};"
BEHIND = f"SELECT {COLUMNS} {LISTED} AND id < {{middle}} {NEWEST_FIRST}"
SCANNED = "AND recipients = '{number}'"
INDEXED = """AND id IN (SELECT submission_id FROM message WHERE account_id = {account}
    AND substr(sent_at, 1, 9) IN ({days}) AND recipient = '{number}')"""


def lists(bench: Bench) -> Iterator[Round]:
    """Requests a second on one connection, each of 100 messages at most, with the total; and how
    many times a second the shell answers the same queries. It has the store's indexes and counts,
    but for what is `plain`: queries as one would write them without these."""
    facts = prepare(bench.store)
    running = bench.stage.running("gateway", bench.store)
    number = facts["number"]
    cursor = f"{facts['middle'] % (1 << 64):016x}{facts['account']:08x}-"
    turns: dict[str, Turn] = {}
    for name, query, sql, plain in (
        ("first page", "", PAGE + COUNTED, PAGE + TOTAL),
        ("page by cursor", f"?cursor={cursor}", BEHIND, ""),
        ("page by offset", f"?offset={MIDDLE}", "", FAR + TOTAL),
        ("by recipient", f"?to={number.replace('+', '%2B')}", having(INDEXED), having(SCANNED)),
        ("by text", "?message=Faktura", "", having("AND text LIKE '%faktura%'")),
    ):
        sql, plain = sql.format(**facts), plain.format(**facts)
        check(answer(running, query), shell(bench.store, sql or plain), name)
        turns[name] = requests_turn(running, query, bench.length.seconds)
        if sql:
            turns[f"{name}, shell"] = shell_turn(bench.store, sql, REPEATS)
        if plain:
            turns[f"{name}, plain"] = shell_turn(bench.store, plain, 3)
    yield from take_turns(bench.length.long_rounds, turns)


def having(condition: str) -> str:
    """The first page of what meets a condition, and the total."""
    page = f"SELECT {COLUMNS} {LISTED} {condition} {NEWEST_FIRST}"
    return f"{page} SELECT count(*) {LISTED} {condition};"


def prepare(path: Path) -> dict[str, Any]:
    """An employee with a token, and what the queries are about."""
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
        sql = f"SELECT id, recipients {LISTED} ORDER BY id LIMIT 1 OFFSET {MIDDLE}"
        middle, number = database.execute(sql.format(account=account)).fetchone()
        days = "SELECT DISTINCT substr(sent_at, 1, 9) FROM message WHERE account_id = ?"
        listed = ", ".join(f"'{day}'" for (day,) in database.execute(days, (account,)))
    return {"account": account, "middle": middle, "number": number, "days": listed}


def answer(running: Running, query: str) -> bytes:
    """The body of one list."""
    connection = http.client.HTTPConnection(running.address.removeprefix("http://"), timeout=60)
    connection.request("GET", f"/sms{query}", headers={"Authorization": f"Bearer {TOKEN}"})
    with connection.getresponse() as response:
        body = response.read()
    connection.close()
    if response.status != 200:
        raise WrongAnswer(f"HTTP status {response.status}: {body[:300]!r}")
    return body


def shell(path: Path, sql: str) -> list[list[dict[str, Any]]]:
    """What the shell says to each statement."""
    said = subprocess.run(
        ["sqlite3", "-readonly", "-json", str(path)], input=sql, capture_output=True, text=True
    ).stdout
    return [json.loads(part) for part in said.replace("]\n[", "]\n\0[").split("\0") if part.strip()]


def check(body: bytes, said: list[list[dict[str, Any]]], name: str) -> None:
    """Raise WrongAnswer unless both have the same messages and total."""
    found, rows = json.loads(body), said[0]
    ids = [f"{row['id'] % (1 << 64):016x}{row['account_id']:08x}" for row in rows]
    total = [found["total"]] if "total" in found else []
    if [one["_id"] for one in found["messages"]] != ids or total != [
        value for row in said[1:] for value in row[0].values()
    ]:
        raise WrongAnswer(f"{name}: {body[:300]!r}, {str(said)[:300]}")


def requests_turn(running: Running, query: str, seconds: float) -> Turn:
    """Requests a second, one after the other."""
    command = ["wrk", "--threads", "1", "--connections", "1", "--timeout", "30s"]
    command += [
        "--duration",
        f"{max(LEAST_SECONDS, ceil(seconds))}s",
        "--header",
        f"Authorization: Bearer {TOKEN}",
    ]
    command.append(f"{running.address}/sms{query}")

    def turn() -> float:
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        if "Non-2xx" in said or "Socket errors" in said:
            raise WrongAnswer(f"under load: {said}")
        return float(said.partition("Requests/sec:")[2].split()[0])

    return turn


def shell_turn(path: Path, sql: str, repeats: int) -> Turn:
    """How often a second the shell answers; its start, and the first run of all, don't count."""

    def seconds(times: int) -> float:
        started = time.perf_counter()
        command = ["sqlite3", "-readonly", "-json", str(path)]
        subprocess.run(command, input=sql * times, stdout=subprocess.DEVNULL, text=True, check=True)
        return time.perf_counter() - started

    return lambda: repeats / (seconds(1 + repeats) - seconds(1))
