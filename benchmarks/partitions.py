"""What the partitions of PostgreSQL and VACUUM do to a history: `python -m benchmarks.partitions`.

First, the ms that a history of 240 rows without dates, and one of a month, take with so many months
in the store; planned anew for each run, and planned once, as the gateway has it. Then the pages
that a history reads, before VACUUM has seen its messages and after that.
"""

from __future__ import annotations

import re
import tempfile
import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import psycopg

from benchmarks.postgresql import key_of, new_store, server
from benchmarks.streaming import SELECT
from boxis_gateway.store import Store

MONTHS, LENGTHS = (1, 12, 60, 200), (10, 100, 240)
ACCOUNTS, ROWS = 1_000, 240  # messages of each: they come as a whole, without a cursor
RUNS = 90
MODES = {"planned anew": "force_custom_plan", "planned once": "force_generic_plan"}
FILL = """
INSERT INTO message
SELECT account_id, month || '-' || to_char(1 + n %% 28, 'FM00') || ' 10:00:00',
    row_number() OVER (), 1, 'boxis.net', '+48123456789', 1, 1000, 'sent', 'sent',
    NULL, NULL, NULL, NULL
FROM generate_series(1, %(rows)s / %(months)s) AS n, unnest(%(names)s::text[]) AS month,
    generate_series(1, %(accounts)s) AS account_id
ORDER BY month, n, account_id
"""
FIRST, LAST = "0001-01-01 00:00:00", "9999-12-31 23:59:59"


def store_of(months: Sequence[str]) -> Store:
    """As many messages, however many months they are of."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "store.db"
        path.touch()
        store = new_store("partitions", key_of(path))
    store.database.make_room(months)
    values = {
        "rows": ROWS,
        "months": len(months),
        "names": list(months),
        "accounts": ACCOUNTS,
    }
    with psycopg.connect(server().get_uri("partitions"), autocommit=True) as connection:
        connection.execute(FILL, values)
        connection.execute("ANALYZE message")
    return store


def milliseconds(store: Store, start: str, end: str) -> float:
    """Of a history, once its plan is known; the quickest of some."""
    taken = []
    for run in range(RUNS):
        began = time.perf_counter()
        list(store.messages.history(1 + run % ACCOUNTS, start, end, with_status=False))
        taken.append(time.perf_counter() - began)
    return min(taken) * 1e3


def plans() -> Iterator[tuple[object, ...]]:
    """Months, and ms: without dates, then of a month; of either planned anew, and once."""
    for count in MONTHS:
        months = [f"{2010 + month // 12}-{month % 12 + 1:02}" for month in range(count)]
        store, one = store_of(months), (months[count // 2], f"{months[count // 2]}-99")
        taken = []
        for start, end in ((FIRST, LAST), one):
            for mode in MODES.values():
                store.database.execute_sql(f"SET plan_cache_mode = {mode}")
                taken.append(f"{milliseconds(store, start, end):.2f}")
        store.close()
        yield count, *taken


def pages() -> Iterator[tuple[object, ...]]:
    """Rows, and the pages that are read for them, before and after VACUUM."""
    store_of(["2026-01"]).close()
    with psycopg.connect(server().get_uri("partitions"), autocommit=True) as connection:
        before = list(map(partial(pages_of, connection), LENGTHS))
        connection.execute("VACUUM message")
        after = list(map(partial(pages_of, connection), LENGTHS))
    yield from zip(LENGTHS, before, after, strict=True)


def pages_of(connection: psycopg.Connection, rows: int) -> int:
    """Those of a history of so many rows."""
    explain = f"EXPLAIN (ANALYZE, BUFFERS) {SELECT.format(7)} LIMIT {rows}"
    told = next(line for (line,) in connection.execute(explain) if "Buffers:" in line)
    return sum(map(int, re.findall(r"(?:hit|read)=(\d+)", told)))


def main() -> None:
    """Both tables."""
    print(f"| months | {' | '.join([*MODES, *(f'a month, {mode}' for mode in MODES)])} |")
    print("|---|---|---|---|---|")
    for row in plans():
        print(f"| {' | '.join(map(str, row))} |", flush=True)
    print("\n| rows | pages before VACUUM | after |\n|---|---|---|")
    for row in pages():
        print(f"| {' | '.join(map(str, row))} |")


if __name__ == "__main__":
    main()
