"""What the measures share: how much is measured, the stores, the candidates that run, turns.

A measure yields one dictionary for each round: who or what took part, and its value. Within a round
all take part, one after the other; the first one changes from round to round.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from benchmarks import check
from benchmarks.asks import Ask, Workload, asks
from benchmarks.candidates import CANDIDATES, Running, Stage
from benchmarks.data import store_path
from benchmarks.load import closed_loop
from benchmarks.processes import find_program

Round = dict[str, float]
CHECK_SECONDS = 0.3  # of load under which every answer is looked at
LEAST_SHARE = 0.9  # of an answer's usual size; less in the average means that answers failed


class Length(NamedTuple):
    """How much is measured: rounds, and seconds of load for each who takes part in one."""

    rounds: int
    seconds: float
    long_rounds: int  # of the million rows, of latencies, of imports
    latency_seconds: float
    import_lines: int
    log_lines: int  # of the long log
    main_store: str
    large_store: str


FULL = Length(5, 2.0, 3, 5.0, 200_000, 1_000_000, "main", "large")
QUICK = Length(3, 0.3, 1, 1.5, 50_000, 100_000, "quick", "quick")


@dataclass
class Bench:
    """What the measures share."""

    length: Length
    stage: Stage
    answers: Path
    folder: Path

    @property
    def store(self) -> Path:
        """The main store."""
        return store_path(self.length.main_store)

    def checked(self, name: str, workload: Workload, store: Path | None = None) -> Running:
        """The candidate, once its answers were seen to be right."""
        store = store or self.store
        if CANDIDATES[name].kind == "bytes":
            self._keep_answer(workload)
        running = self.stage.running(name, store)
        check.check(running, CANDIDATES[name].kind, store, asks(store, workload), self.answers)
        return running

    def keep_answers(self, workloads: Sequence[Workload]) -> None:
        """Write down an answer of the gateway of usual size, for those who answer bytes."""
        for workload in workloads:
            self._keep_answer(workload)

    def _keep_answer(self, workload: Workload) -> None:
        path = self.answers / workload.name
        if not path.exists():
            gateway = self.stage.running("gateway", self.store)
            some = [check.ask(gateway, question) for question in asks(self.store, workload)[:51]]
            path.write_bytes(sorted(some, key=len)[len(some) // 2])


Measure = Callable[[Bench], Iterator[Round]]
Turn = Callable[[], float]


def take_turns(rounds: int, turns: dict[str, Turn]) -> Iterator[Round]:
    """Each once a round; who begins changes."""
    names = list(turns)
    for number in range(rounds):
        shift = number % len(names)
        values = {name: turns[name]() for name in names[shift:] + names[:shift]}
        yield {name: values[name] for name in names}


def requests_turn(bench: Bench, running: Running, questions: Sequence[Ask]) -> Turn:
    """A turn of load, after a first one in which each answer is looked at."""
    usual = closed_loop(running, questions, CHECK_SECONDS, check=True)
    if usual.wrong or usual.errors:
        raise check.WrongAnswer(f"under load: {usual} {questions[0].workload.name}")

    def turn() -> float:
        rate = closed_loop(running, questions, bench.length.seconds)
        if rate.errors or rate.bytes < LEAST_SHARE * usual.bytes:
            raise check.WrongAnswer(f"under load: {rate} {questions[0].workload.name}")
        return rate.requests

    return turn


def require_tools() -> None:
    """Raise CouldNotRun if a program is missing."""
    for name in ("wrk", "sqlite3", "nginx", "php-fpm*"):
        find_program(name)
