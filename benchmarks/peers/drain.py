"""The floor of the store in Python: the rows of a SELECT fetched and dropped.

    python -m benchmarks.peers.drain STORE SELECT

It prints how many rows there were and the seconds that they took, as JSON.
"""

from __future__ import annotations

import json
import sqlite3
import sys
import time


def main(path: str, select: str) -> None:
    """Fetch them all, a thousand at a time."""
    database = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    count, started = 0, time.perf_counter()
    cursor = database.execute(select)
    while rows := cursor.fetchmany(1000):
        count += len(rows)
    print(json.dumps({"rows": count, "seconds": time.perf_counter() - started}))


if __name__ == "__main__":
    main(*sys.argv[1:])
