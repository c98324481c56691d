"""Histories of 10, 100 and a million rows out of SQLite and PostgreSQL, and how quickly the
engine's own shell prints the same rows: `sqlite3 -list` and `psql -At`, whose words are the same.

For short histories a shell runs one query after the other, in one session, whose start does not
count; it has to read and plan each of them anew. Of the million rows psql takes a thousand at a
time (FETCH_COUNT), and so has as few of them in memory as the gateway and sqlite3.
"""

from __future__ import annotations

import hashlib
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks import check
from benchmarks.asks import Ask, Workload, asks
from benchmarks.bench import Bench, Round, Turn, requests_turn, take_turns
from benchmarks.check import WrongAnswer
from benchmarks.postgresql import PSQL, url_of
from benchmarks.processes import clean_environment
from benchmarks.streaming import SELECT, rows_turn

ROWS = (10, 100, 1_000_000)
GATEWAYS = {"SQLite": "gateway", "PostgreSQL": "postgresql"}
COMPARED = (("SQLite", "sqlite3"), ("PostgreSQL", "psql"), ("PostgreSQL", "SQLite"))
QUERIES = 2_000  # of short histories, in one session
EARLIEST = "sent_at >= '0001-01-01 00:00:00'"


def histories(bench: Bench) -> Iterator[Round]:
    """Rows a second of one worker, asked over 16 connections for short answers and over one for the
    long one; and of the shells."""
    turns: dict[str, Turn] = {}
    for rows in ROWS:
        workload = Workload(rows if rows < ROWS[-1] else None, "xml")
        for engine, turn in _turns(bench, workload).items():
            turns[f"{rows:,} rows, {engine}"] = turn
    yield from take_turns(bench.length.rounds, turns)


def _turns(bench: Bench, workload: Workload) -> dict[str, Turn]:
    questions = asks(bench.store, workload)
    shells = {
        "sqlite3": ["sqlite3", "-readonly", "-list", str(bench.store)],
        "psql": [str(PSQL), "-X", "-At", url_of(bench.store.stem)],
    }
    turns = {
        engine: _gateway_turn(bench, name, workload, questions) for engine, name in GATEWAYS.items()
    }
    if workload.rows is None:
        shells["psql"] += ["-v", "FETCH_COUNT=1000"]
        script = query(questions[0])
    else:
        repeats = -(-QUERIES // len(questions))
        script = "".join(map(query, questions)) * repeats
    lines = _same_words(list(shells.values()), script, bench.folder)
    return turns | {name: _shell_turn(shell, script, lines) for name, shell in shells.items()}


def query(question: Ask) -> str:
    """What the gateway asks its store for that answer, in SQL."""
    select = SELECT.format(question.account.id)
    if question.datefrom:
        select = select.replace(EARLIEST, f"sent_at >= '{question.datefrom}'")
    return f"{select};\n"


def _gateway_turn(bench: Bench, name: str, workload: Workload, questions: Sequence[Ask]) -> Turn:
    running = bench.checked(name, workload)
    if workload.rows is None:
        return rows_turn(running, questions[0], check.long_answer(bench.store, questions[0]).rows)
    rows, turn = workload.rows, requests_turn(bench, running, questions)
    return lambda: rows * turn()


def _same_words(shells: Sequence[list[str]], script: str, folder: Path) -> int:
    """How many lines the shells print. Raises WrongAnswer unless all print the same."""
    said = {_words(shell, script, folder) for shell in shells}
    if len(said) != 1:
        raise WrongAnswer(f"The shells print different rows: {script[:300]}")
    return said.pop()[0]


def _words(shell: list[str], script: str, folder: Path) -> tuple[int, str]:
    printed = folder / "printed"
    _run(shell, script, printed)
    digest, lines = hashlib.sha256(), 0
    with open(printed, "rb") as file:
        for line in file:
            lines += 1
            digest.update(line)
    return lines, digest.hexdigest()


def _shell_turn(shell: list[str], script: str, lines: int) -> Turn:
    """Rows a second, less the time of a session that is asked for nothing."""

    def turn() -> float:
        printed = Path("/dev/null")
        return lines / (_run(shell, script, printed) - _run(shell, "SELECT 1;", printed))

    return turn


def _run(shell: list[str], script: str, printed: Path) -> float:
    """Seconds."""
    started = time.perf_counter()
    with open(printed, "w") as output:
        env = clean_environment()
        subprocess.run(shell, input=script, stdout=output, text=True, check=True, env=env)
    return time.perf_counter() - started
