"""What else was tried for long answers, in µs a row: `python -m benchmarks.tried`.

Over the quick benchmark's account of a million messages. `pysqlite3` takes part if it is installed
(`benchmarks/.venv/bin/pip install pysqlite3-binary`).
"""

from __future__ import annotations

import importlib
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import islice
from typing import Any

import apsw

from benchmarks.asks import Workload, asks
from benchmarks.data import store_path
from benchmarks.stopwatch import quickest
from benchmarks.streaming import SELECT
from boxis_gateway.form_api.renderers import xml_envelope
from boxis_gateway.store.sqlite import OPEN_FLAGS

FIELDS = ("sender", "reciptient", "date", "parts", "credit", "type")


def fetches(path: str, select: str) -> Iterator[tuple[str, float]]:
    """A million rows, read and thrown away."""
    yield "sqlite3", drained(sqlite3.connect(path), select, 250)
    with suppress(ImportError):
        pysqlite3 = importlib.import_module("pysqlite3")
        yield "pysqlite3", drained(pysqlite3.connect(path), select, 250)
    yield "apsw, as it opens a file by itself", drained(apsw.Connection(path), select, 250)
    for size in (100, 250, 1_000):
        unlocked = apsw.Connection(path, flags=OPEN_FLAGS)
        yield (
            f"apsw without locks between threads, {size} at a time",
            drained(unlocked, select, size),
        )
    for pragma, name in (
        ("mmap_size = 4000000000", "the same, the file mapped into memory"),
        ("cache_size = -100000", "the same, a page cache of 100 MB"),
    ):
        unlocked = apsw.Connection(path, flags=OPEN_FLAGS)
        unlocked.execute(f"PRAGMA {pragma}")
        yield name, drained(unlocked, select, 250)


def drained(connection: Any, select: str, size: int) -> float:
    """µs a row of a million."""

    def run() -> None:
        rows = iter(connection.execute(select))
        while list(islice(rows, size)):
            pass

    return quickest(run, 3)


def writers() -> Iterator[tuple[str, float]]:
    """250 ready rows into one text."""
    row = ("Przychodnia", "48859295037", "2026-06-20 09:09:29", 1, "1", "sent")
    columns = [[value] * 250 for value in row]
    numbers = range(100_000, 100_250)
    cells = "".join(f"<{field}>{{}}</{field}>" for field in FIELDS)
    template = f"<sms{{}}>{cells}</sms{{}}>"
    percent = template.replace("{}", "%s")
    writer = xml_envelope._writer("sms", FIELDS)
    yield (
        "% for each row",
        per_row(
            lambda: "".join(map(percent.__mod__, zip(numbers, *columns, numbers, strict=True)))
        ),
    )
    yield (
        "str.format for each row",
        per_row(lambda: "".join(map(template.format, numbers, *columns, numbers))),
    )
    yield "the compiled f-string, as now", per_row(lambda: writer(numbers, *columns))


def per_row(run: Callable[[], object]) -> float:
    """µs a row."""

    def often() -> None:
        for _ in range(200):
            run()

    return quickest(often) / 200 / 250 * 1e6


def main() -> None:
    """The table."""
    path = store_path("quick")
    (big,) = asks(path, Workload(None, "xml"))
    select = SELECT.format(big.account.id)
    print("| tried | µs a row |\n|---|---|")
    for name, taken in (*fetches(str(path), select), *writers()):
        print(f"| {name} | {taken:.2f} |", flush=True)


if __name__ == "__main__":
    main()
