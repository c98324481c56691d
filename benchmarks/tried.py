"""What else was tried for long answers, in µs a row: `python -m benchmarks.tried`.

Over the quick benchmark's account of a million messages. `apsw` and `pysqlite3` take part if they
are installed (`benchmarks/.venv/bin/pip install apsw pysqlite3-binary`); the project does without.
"""

from __future__ import annotations

import importlib
import sqlite3
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

from benchmarks.asks import Workload, asks
from benchmarks.data import store_path
from benchmarks.stopwatch import quickest
from benchmarks.streaming import SELECT
from boxis_gateway.form_api.renderers import xml_envelope

FIELDS = ("sender", "reciptient", "date", "parts", "credit", "type")


def fetches(path: str, select: str) -> Iterator[tuple[str, float]]:
    """A million rows, read and thrown away."""
    for size in (100, 250, 1_000):
        yield f"sqlite3, {size} at a time", drained(sqlite3.connect(path), select, size)
    mapped = sqlite3.connect(path)
    mapped.execute("PRAGMA mmap_size = 4000000000")
    yield "sqlite3, the file mapped into memory", drained(mapped, select, 250)
    roomy = sqlite3.connect(path)
    roomy.execute("PRAGMA cache_size = -100000")
    yield "sqlite3, a page cache of 100 MB", drained(roomy, select, 250)
    for name, connect in (("pysqlite3", "connect"), ("apsw", "Connection")):
        try:
            library = importlib.import_module(name)
        except ImportError:
            continue
        yield name, drained(getattr(library, connect)(path), select, 250)


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
