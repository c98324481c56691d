"""Files to import, and how fast they go in."""

from __future__ import annotations

import csv
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

from benchmarks.data import SEED
from benchmarks.processes import CouldNotRun, clean_environment
from benchmarks.samples import SENDERS, TEXTS

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


def write_csv(path: Path, lines: int) -> int:
    """A table of messages; how many messages it has."""
    draw = random.Random(SEED)
    with open(path, "w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(COLUMNS)
        for number in range(lines):
            at = FIRST + timedelta(seconds=number * 17)
            words = [recipient_of(draw), draw.choice(SENDERS), str(at), draw.choice(TEXTS)]
            table.writerow([*words, 1, draw.choice(("1", "1.5")), "sent", "delivered"])
    return lines


def write_kannel(path: Path, lines: int) -> int:
    """An access log in which each fifth line is a delivery report; how many messages it has."""
    draw = random.Random(SEED)
    with open(path, "w", encoding="utf-8") as file:
        for number in range(lines):
            at, report = FIRST + timedelta(seconds=number * 17), number % 5 == 4
            file.write(f"{at} {_report(draw) if report else _sent(draw)}\n")
    return lines - lines // 5


def _sent(draw: random.Random) -> str:
    text = draw.choice(TEXTS)
    ends = f"[from:{draw.choice(SENDERS)}] [to:{recipient_of(draw)}]"
    coding, octets = (0, text.encode()) if text.isascii() else (2, text.encode("utf-16-be"))
    shown = octets.hex().upper() if coding else text
    return (
        "Sent SMS [SMSC:operator1] [SVC:bulk] [ACT:] [BINF:] [FID:] [META:?smpp?] "
        f"{ends} [flags:-1:{coding}:-1:-1:31] [msg:{len(octets)}:{shown}] [udh:0:]"
    )


def _report(draw: random.Random) -> str:
    return (
        "Receive DLR [SMSC:operator1] [SVC:bulk] [ACT:] [BINF:] [FID:] [META:?smpp?] "
        f"[from:INFO] [to:{recipient_of(draw)}] [flags:-1:-1:-1:-1:1] [msg:4:ACK/] [udh:0:]"
    )


def recipient_of(draw: random.Random) -> str:
    return f"+48{draw.randrange(500_000_000, 899_999_999)}"


Writer = Callable[[Path, int], int]


def rates(folder: Path, write: Writer, lines: int, rounds: int) -> Iterator[dict[str, float]]:
    """Lines a second, for each round: of `boxis-gateway import` into a fresh store, and of csv."""
    file, line = folder / f"{write.__name__}.txt", folder / f"{write.__name__}-short.txt"
    messages = write(file, lines)
    write(line, 2)
    for _ in range(rounds):
        # what it takes to start the command at all is no matter of lines
        taken = _import_seconds(folder, file, messages) - _import_seconds(folder, line, None)
        alone = float(run_command(sys.executable, "-c", CSV_LOOP, str(file)))
        yield {"import": lines / taken, "csv": lines / alone}


def _import_seconds(folder: Path, file: Path, messages: int | None) -> float:
    """How long the command takes. Raises CouldNotRun if it did not add all messages."""
    store = new_store(folder)
    started = time.perf_counter()
    said = _gateway(store, "import", str(file), "--account", USERNAME, "--timezone", "UTC")
    seconds = time.perf_counter() - started
    if messages is not None and f" {messages} added" not in said:
        raise CouldNotRun(f"The import of {messages} messages says: {said}")
    return seconds


def new_store(folder: Path) -> Path:
    """An empty store with one account."""
    store = folder / "import.db"
    for old in folder.glob("import.db*"):
        old.unlink()
    for words in (["init"], ["account", "add", USERNAME, "--timezone", "Europe/Warsaw"]):
        _gateway(store, *words)
    return store


def _gateway(store: Path, *words: str) -> str:
    return run_command(str(Path(sys.executable).parent / "boxis-gateway"), *words, store=store)


def run_command(*command: str, store: Path | None = None) -> str:
    env = {**clean_environment(), "BOXIS_GATEWAY_DATABASE_URL": f"sqlite:///{store}"}
    done = subprocess.run(command, env=env, capture_output=True, text=True)
    if done.returncode:
        raise CouldNotRun(f"{command} ended with {done.returncode}: {done.stderr[-1500:]}")
    return done.stdout
