"""A million lines of a Kannel access log (fewer with --quick), every other one a delivery report:
beside Python that only reads and splits them, and the sqlite3 shell that imports the same rows."""

from __future__ import annotations

import csv
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from benchmarks.bench import Bench, Round
from benchmarks.data import SEED
from benchmarks.imports import FIRST, USERNAME, new_store, recipient_of, run_command
from benchmarks.processes import CouldNotRun, clean_environment
from benchmarks.samples import SENDERS, TEXTS

MB = 1024  # in KiB, as the system tells
COLUMNS = ("at", "smsc", "fid", "sender", "recipient", "coding", "text")
SPLIT_LOOP = """
import sys, time
started = time.perf_counter()
with open(sys.argv[1], "rb") as file:
    for line in file:
        line.split(b"] [")
print(time.perf_counter() - started)
"""


def write_log(log: Path, table: Path, lines: int) -> int:
    """The log, and its messages as a table; how many messages it has."""
    draw = random.Random(SEED)
    with open(log, "w", encoding="utf-8") as file, open(table, "w", encoding="utf-8") as rows:
        cells = csv.writer(rows)
        for number in range(0, lines, 2):
            at, text, fid = FIRST + timedelta(seconds=number), draw.choice(TEXTS), f"{number:x}"
            sender, recipient = draw.choice(SENDERS), recipient_of(draw)
            coding, octets = (0, text.encode()) if text.isascii() else (2, text.encode("utf-16-be"))
            shown = octets.hex().upper() if coding else text
            head = f"[SMSC:operator1] [SVC:bulk] [ACT:] [BINF:] [FID:{fid}] [META:] "
            ends = f"[from:{sender}] [to:{recipient}]"
            file.write(
                f"{at} Sent SMS {head}{ends} [flags:-1:{coding}:-1:-1:31] "
                f"[msg:{len(octets)}:{shown}] [udh:0:]\n"
                f"{at + timedelta(seconds=1)} Receive DLR {head}{ends} [flags:-1:-1:-1:-1:1] "
                "[msg:0:] [udh:0:]\n"
            )
            cells.writerow([at, "operator1", fid, sender, recipient, coding, text])
    return lines // 2


def rates(bench: Bench) -> Iterator[Round]:
    """Lines a second."""
    log, table = bench.folder / "million.log", bench.folder / "million.csv"
    lines = bench.length.log_lines
    messages = write_log(log, table, lines)
    for _ in range(bench.length.long_rounds):
        seconds, _ = import_once(bench.folder, log, messages)
        split = float(run_command(sys.executable, "-c", SPLIT_LOOP, str(log)))
        shell = shell_seconds(bench.folder, table)
        yield {
            "import": lines / seconds,
            "read and split": lines / split,
            "sqlite3 .import": lines / shell,
        }


def memory(bench: Bench) -> Iterator[Round]:
    """MB that the importing process had at most."""
    log = bench.folder / "million.log"
    messages = write_log(log, bench.folder / "million.csv", bench.length.log_lines)
    _, peak = import_once(bench.folder, log, messages)
    yield {"import": peak}


def import_once(folder: Path, log: Path, messages: int) -> tuple[float, float]:
    """Seconds, and MB at the peak. Raises CouldNotRun if not every message and report is in."""
    store = new_store(folder)
    command = str(Path(sys.executable).parent / "boxis-gateway")
    words = ("import", str(log), "--account", USERNAME, "--timezone", "UTC")
    env = {**clean_environment(), "BOXIS_GATEWAY_DATABASE_URL": f"sqlite:///{store}"}
    started = time.perf_counter()
    with subprocess.Popen([command, *words], env=env, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        said = process.stdout.read()
        _, _, usage = os.wait4(process.pid, 0)
        process.returncode = 0
    seconds = time.perf_counter() - started
    if f" {messages} added" not in said or f"{messages} delivery reports." not in said:
        raise CouldNotRun(f"The import of {messages} messages says: {said}")
    return seconds, usage.ru_maxrss / MB


def shell_seconds(folder: Path, table: Path) -> float:
    """How long the sqlite3 shell takes for the messages alone, into a table without indexes."""
    store = folder / "shell.db"
    store.unlink(missing_ok=True)
    columns = ", ".join(f"{name} TEXT" for name in COLUMNS)
    script = f"CREATE TABLE message ({columns});\n.import --csv {table} message\n"
    started = time.perf_counter()
    subprocess.run(["sqlite3", store], input=script, text=True, check=True)
    return time.perf_counter() - started
