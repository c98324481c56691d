"""Measures of histories from SQLite and PostgreSQL, beside the engines' own shells.

`sqlite3 -list` and `psql -At` print the same text. For short histories a shell runs one query after
the other in one session, without its start; it reads and plans each query anew. Of the long history
psql fetches a thousand rows at a time (FETCH_COUNT), so it buffers as few as the others do.
"""

from __future__ import annotations

import hashlib
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.answers import WrongAnswer
from benchmarks.bench import Bench, Round, Turn, take_turns, throughput_turn
from benchmarks.postgresql import psql, url_of
from benchmarks.processes import clean_environment
from benchmarks.signed_requests import SignedRequest, Workload, signed_requests
from benchmarks.streaming import SELECT, rows_turn

ROWS = {10: "10 rows", 100: "100 rows", None: "1,000,000 rows"}
GATEWAYS = {"SQLite": "gateway", "PostgreSQL": "postgresql"}
COMPARED = (("SQLite", "sqlite3"), ("PostgreSQL", "psql"), ("PostgreSQL", "SQLite"))
QUERIES = 2_000  # of short histories, in one session
EARLIEST = "sent_at >= '0001-01-01 00:00:00'"


def histories(bench: Bench) -> Iterator[Round]:
    """Rows a second of one worker, over 16 connections for short answers and one for the long, and
    of the shells."""
    turns: dict[str, Turn] = {}
    for rows, label in ROWS.items():
        for name, turn in _turns(bench, Workload(rows, "xml")).items():
            turns[f"{label}, {name}"] = turn
    yield from take_turns(bench.length.rounds, turns)


def _turns(bench: Bench, workload: Workload) -> dict[str, Turn]:
    requests = signed_requests(bench.store, workload)
    shells = {
        "sqlite3": ["sqlite3", "-readonly", "-list", str(bench.store)],
        "psql": [psql(), "-X", "-At", url_of(bench.store.stem)],
    }
    script = "".join(map(query, requests))
    if workload.rows is None:
        shells["psql"] += ["-v", "FETCH_COUNT=1000"]
    else:
        script *= -(-QUERIES // len(requests))
    turns = {
        name: _gateway_turn(bench, candidate, workload) for name, candidate in GATEWAYS.items()
    }
    lines = _same_lines(list(shells.values()), script, bench.folder / "printed")
    return turns | {name: _shell_turn(shell, script, lines) for name, shell in shells.items()}


def query(request: SignedRequest) -> str:
    """The gateway's query for that answer, in SQL."""
    select = SELECT.format(request.account.id)
    if request.datefrom:
        select = select.replace(EARLIEST, f"sent_at >= '{request.datefrom}'")
    return f"{select};\n"


def _gateway_turn(bench: Bench, candidate: str, workload: Workload) -> Turn:
    running, requests = bench.checked(candidate, workload), signed_requests(bench.store, workload)
    if workload.rows is None:
        return rows_turn(running, requests[0])
    rows, turn = workload.rows, throughput_turn(bench, running, requests)
    return lambda: rows * turn()


def _same_lines(shells: list[list[str]], script: str, printed: Path) -> int:
    """The number of lines that each shell prints. Raises WrongAnswer if their output differs."""
    outputs = set()
    for shell in shells:
        _run(shell, script, printed)
        digest, lines = hashlib.sha256(), 0
        with open(printed, "rb") as file:
            for line in file:
                lines += 1
                digest.update(line)
        outputs.add((lines, digest.digest()))
    if len(outputs) != 1:
        raise WrongAnswer(f"The shells print different rows: {script[:300]}")
    return outputs.pop()[0]


def _shell_turn(shell: list[str], script: str, lines: int) -> Turn:
    """Rows a second, without the time of a session that only selects 1."""

    def turn() -> float:
        printed = Path("/dev/null")
        return lines / (_run(shell, script, printed) - _run(shell, "SELECT 1;", printed))

    return turn


def _run(shell: list[str], script: str, printed: Path) -> float:
    """Seconds of one session."""
    started = time.perf_counter()
    with open(printed, "w") as output:
        environ = clean_environment()
        subprocess.run(shell, input=script, stdout=output, text=True, check=True, env=environ)
    return time.perf_counter() - started
