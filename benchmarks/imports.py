"""Measures of imports, over generated files."""

from __future__ import annotations

import csv
import random
import sqlite3
import sys
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

from benchmarks.bench import Bench, Measure, Round
from benchmarks.candidates import BIN
from benchmarks.processes import clean_environment
from benchmarks.samples import SENDERS, TEXTS
from benchmarks.stores import SEED
from benchmarks.usage import Measured, require_agreement, run_measured

FIRST = datetime(2026, 1, 5, 8, 0)
USERNAME = "import@example.com"
COLUMNS = ("recipient", "sender", "date", "text", "parts", "credit", "type", "status")
CSV_LOOP = """
import csv, sys, time
started = time.perf_counter()
for row in csv.reader(open(sys.argv[1], encoding="utf-8", newline="")):
    pass
print(time.perf_counter() - started)
"""
Writer = Callable[[Path, int], int]
"""Writes a file of so many lines, and returns the number of its messages."""


def write_csv(path: Path, lines: int) -> int:
    """A table of messages."""
    draw = random.Random(SEED)
    with open(path, "w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(COLUMNS)
        for number in range(lines):
            at = FIRST + timedelta(seconds=number * 17)
            cells = [_recipient(draw), draw.choice(SENDERS), str(at), draw.choice(TEXTS)]
            table.writerow([*cells, 1, draw.choice(("1", "1.5")), "sent", "delivered"])
    return lines


def write_kannel(path: Path, lines: int) -> int:
    """A Kannel access log in which each fifth line is a delivery report."""
    draw = random.Random(SEED)
    with open(path, "w", encoding="utf-8") as file:
        for number in range(lines):
            at, report = FIRST + timedelta(seconds=number * 17), number % 5 == 4
            file.write(f"{at} {_report(draw) if report else _sent(draw)}\n")
    return lines - lines // 5


def _sent(draw: random.Random) -> str:
    text = draw.choice(TEXTS)
    ends = f"[from:{draw.choice(SENDERS)}] [to:{_recipient(draw)}]"
    coding, octets = (0, text.encode()) if text.isascii() else (2, text.encode("utf-16-be"))
    payload = octets.hex().upper() if coding else text
    return (
        "Sent SMS [SMSC:operator1] [SVC:bulk] [ACT:] [BINF:] [FID:] [META:?smpp?] "
        f"{ends} [flags:-1:{coding}:-1:-1:31] [msg:{len(octets)}:{payload}] [udh:0:]"
    )


def _report(draw: random.Random) -> str:
    return (
        "Receive DLR [SMSC:operator1] [SVC:bulk] [ACT:] [BINF:] [FID:] [META:?smpp?] "
        f"[from:INFO] [to:{_recipient(draw)}] [flags:-1:-1:-1:-1:1] [msg:4:ACK/] [udh:0:]"
    )


def _recipient(draw: random.Random) -> str:
    return f"+48{draw.randrange(500_000_000, 899_999_999)}"


def importing(write: Writer) -> Measure:
    """Lines a second of `boxis-gateway import` into a fresh store, less the time of an import of
    two lines; and of Python's csv module over the same file."""

    def measure(bench: Bench) -> Iterator[Round]:
        file, short = (bench.folder / f"{write.__name__}{end}" for end in (".txt", "-short.txt"))
        lines = bench.length.import_lines
        messages, few = write(file, lines), write(short, 2)
        for _ in range(bench.length.long_rounds):
            whole, start = (
                _import(bench.folder, path, count).seconds
                for path, count in ((file, messages), (short, few))
            )
            loop = run_measured([sys.executable, "-c", CSV_LOOP, str(file)], clean_environment())
            yield {"import": lines / (whole - start), "csv": lines / float(loop.output)}

    return measure


def memory(bench: Bench) -> Iterator[Round]:
    """MB of the importing process at its peak, for a Kannel log."""
    file = bench.folder / "memory.txt"
    messages = write_kannel(file, bench.length.log_lines)
    yield {"import": _import(bench.folder, file, messages).peak_bytes / 1e6}


def _import(folder: Path, file: Path, messages: int) -> Measured:
    """Import the file into a fresh store. Raises Disagreement unless the command's summary and SQL
    both count that many messages."""
    store = folder / "import.db"
    for old in folder.glob("import.db*"):
        old.unlink()
    environ = {**clean_environment(), "BOXIS_GATEWAY_DATABASE_URL": f"sqlite:///{store}"}
    gateway = str(BIN / "boxis-gateway")
    run_measured([gateway, "init"], environ)
    run_measured([gateway, "account", "add", USERNAME, "--timezone", "Europe/Warsaw"], environ)
    options = ["--account", USERNAME, "--timezone", "UTC"]
    measured = run_measured([gateway, "import", str(file), *options], environ)
    with sqlite3.connect(f"file:{store}?mode=ro", uri=True) as database:
        (rows,) = database.execute("SELECT count(*) FROM message").fetchone()
    added = messages if f" {messages} added" in measured.output else 0
    require_agreement("messages imported by the summary", added, messages, 0)
    require_agreement("messages imported by SQL", rows, messages, 0)
    return measured
