"""How much room messages take in PostgreSQL: `python -m benchmarks.sizes [MILLIONS …]`, by default
1, 3 and 10 million of 1,000 accounts over a year, one month after the other, as they come.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import psycopg

from benchmarks.postgresql import key_of, new_store, server
from benchmarks.samples import SENDERS, TEXTS

ACCOUNTS, MONTHS = 1_000, [f"2026-{month:02}" for month in range(1, 13)]
MILLIONS = (1, 3, 10)
COLUMNS = ("`message`", "its indexes", "`submission`", "its indexes")
SOME = 100_000  # messages that are added at once

DRAWN = """
WITH drawn AS (
    SELECT n, (1 + n * 7919 %% {accounts})::int AS account_id, (n * 7368787 %% 1000003)::int AS h,
        to_char(timestamp '2026-01-01' + n * interval '1 year' / {count},
            'YYYY-MM-DD HH24:MI:SS') AS sent_at
    FROM generate_series({first}::bigint, {first} + {some} - 1) AS n
)
"""
MESSAGES = """
INSERT INTO message
SELECT account_id, sent_at, 1774000000000000000 + n, 1774000000000000000 + n,
    (%(senders)s::text[])[1 + (account_id + h %% 5) %% 20], '+48' || (500000000 + h * 399),
    1 + (h %% 10 = 0)::int, 1000, 'sent', CASE WHEN h %% 20 < 15 THEN 'delivered' ELSE 'sent' END,
    CASE WHEN h %% 20 < 15 THEN sent_at END, CASE WHEN account_id %% 4 = 0 THEN n::text END,
    h * 9007199254 + n
FROM drawn
"""
SUBMISSIONS = """
INSERT INTO submission (account_id, id, sender, text, created_at, flash, fast, recipients, sent_at)
SELECT account_id, 1774000000000000000 + n, (%(senders)s::text[])[1 + (account_id + h %% 5) %% 20],
    (%(texts)s::text[])[1 + h %% %(count)s], sent_at, false, false,
    '+48' || (500000000 + h * 399), sent_at
FROM drawn
"""
SIZES = """
SELECT sum(pg_table_size(oid)) FILTER (WHERE relname LIKE 'message%'),
    sum(pg_indexes_size(oid)) FILTER (WHERE relname LIKE 'message%'),
    sum(pg_table_size(oid)) FILTER (WHERE relname = 'submission'),
    sum(pg_indexes_size(oid)) FILTER (WHERE relname = 'submission')
FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
"""
KEYS = "SELECT sum(pg_relation_size(oid)) FROM pg_class WHERE relname LIKE 'message%pkey'"


def fill(connection: psycopg.Connection, count: int) -> None:
    """So many messages and their submissions, some at a time, by time."""
    values = {"senders": list(SENDERS), "texts": list(TEXTS), "count": len(TEXTS)}
    for first in range(0, count, SOME):
        drawn = DRAWN.format(accounts=ACCOUNTS, count=count, first=first, some=SOME)
        for insert in (MESSAGES, SUBMISSIONS):
            connection.execute(drawn + insert, values)


def rows(millions: Sequence[int]) -> Iterator[tuple[int, list[float]]]:
    """Bytes a message, of tables, indexes, and the key among these, for each size."""
    for count in (million * 1_000_000 for million in millions):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "sizes.db"
            path.touch()
            store = new_store("sizes", key_of(path))
            store.database.make_room(MONTHS)
            store.close()
        with psycopg.connect(server().get_uri("sizes"), autocommit=True) as connection:
            connection.execute("SET synchronous_commit = off")
            fill(connection, count)
            connection.execute("VACUUM ANALYZE")
            (key,) = connection.execute(KEYS).fetchone() or (0,)
            sizes = connection.execute(SIZES).fetchone() or ()
            yield count, [float(size) / count for size in (*sizes, key)]


def main() -> None:
    """The table."""
    chosen = [int(word) for word in sys.argv[1:]] or MILLIONS
    columns = ("messages", *COLUMNS, "together", "of that the key of `message`")
    print(f"| {' | '.join(columns)} |\n|{'---|' * len(columns)}")
    for count, (table, indexes, texts, others, key) in rows(chosen):
        cells = (table, indexes, texts, others, table + indexes + texts + others, key)
        print(f"| {count:,} | {' | '.join(f'{cell:.0f}' for cell in cells)} |", flush=True)


if __name__ == "__main__":
    main()
