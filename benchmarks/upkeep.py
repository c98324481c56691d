"""How long `prune` and `erase` take, and keep others from writing: `python -m benchmarks.upkeep`.

Somebody who wants to write looks a thousand times a second whether the store is free; what counts
is the longest time in which it never was.
"""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.data import BIG, NEWEST, Plan, build

PLAN = Plan(accounts=10, messages=1_000, big=300_000)
LOOK_SECONDS = 0.001


def main() -> None:
    """Print what each step takes."""
    with tempfile.TemporaryDirectory(prefix="benchmarks-") as folder:
        path = Path(folder) / "store.db"
        build(path, PLAN)
        print(f"{_size(path)} with {_count(path, 'message')} messages")
        number = _read(path, "SELECT recipient FROM message WHERE recipient LIKE '+48%' LIMIT 1")
        _measured(path, "erase", "--number", str(number))
        days = (datetime.now(UTC) - datetime.fromtimestamp(NEWEST, UTC)).days
        half = days + 97 * PLAN.big // 2 // 86_400
        options = f"keep_messages_days={half + 40}", f"keep_texts_days={half}"
        _gateway(path, "account", "set", BIG, *options)
        _measured(path, "prune")


def _measured(path: Path, *words: str) -> None:
    with _waiting(path) as longest:
        started = time.perf_counter()
        said = _gateway(path, *words)
        seconds = time.perf_counter() - started
    print(f"{' '.join(words)}: {said}")
    print(f"  {seconds:.1f} s, the longest lock {longest():.3f} s; then {_size(path)}")


@contextmanager
def _waiting(path: Path) -> Iterator[Callable[[], float]]:
    """Looks meanwhile whether the store is free to write; the longest time that it was not."""
    longest, done = [0.0], threading.Event()

    def look() -> None:
        database = sqlite3.connect(path, timeout=0, isolation_level=None)
        free = time.perf_counter()
        while not done.is_set():
            try:
                database.execute("BEGIN IMMEDIATE")
                database.execute("COMMIT")
                longest.append(time.perf_counter() - free)
            except sqlite3.OperationalError:
                time.sleep(LOOK_SECONDS)
                continue
            time.sleep(LOOK_SECONDS)
            free = time.perf_counter()
        database.close()

    thread = threading.Thread(target=look)
    thread.start()
    yield lambda: max(longest)
    done.set()
    thread.join()


def _gateway(path: Path, *words: str) -> str:
    command = [sys.executable, "-m", "boxis_gateway", *words, "--database-url", f"sqlite:///{path}"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def _size(path: Path) -> str:
    return f"{path.stat().st_size / 1e6:.0f} MB"


def _count(path: Path, table: str) -> object:
    return _read(path, f"SELECT count(*) FROM {table}")


def _read(path: Path, sql: str) -> object:
    database = sqlite3.connect(path)
    (value,) = database.execute(sql).fetchone()
    database.close()
    return value


if __name__ == "__main__":
    main()
