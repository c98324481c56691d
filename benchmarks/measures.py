"""How each kind of case is measured. A measure yields one dictionary for each round: who or what
took part, and its value. Within a round all take part, one after the other; the first one changes
from round to round."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks import check, imports
from benchmarks.asks import NEWEST_FIRST, Ask, Workload, asks
from benchmarks.candidates import CANDIDATES, Running, Stage
from benchmarks.data import store_path
from benchmarks.load import Streams, closed_loop, open_loop
from benchmarks.processes import MemoryWatch, anonymous_bytes, family, find_program

Round = dict[str, float]
STREAMS = 10  # long answers at once
CHECK_SECONDS = 0.3  # of load under which every answer is looked at
SMALL_RATE = 200.0  # requests a second, for latencies
LEAST_SHARE = 0.9  # of an answer's usual size; less in the average means that answers failed
SELECT = (
    "SELECT sender, recipient, sent_at, parts, credit_thousandths, kind FROM message WHERE "
    "account_id = {} AND sent_at >= '0001-01-01 00:00:00' AND sent_at < '9999-12-31 23:59:59' "
    f"AND status <> 'refused' {NEWEST_FIRST}"
)


class Length(NamedTuple):
    """How much is measured: rounds, and seconds of load for each who takes part in one."""

    rounds: int
    seconds: float
    long_rounds: int  # of the million rows, of latencies, of imports
    latency_seconds: float
    import_lines: int
    main_store: str
    large_store: str


FULL = Length(5, 2.0, 3, 5.0, 200_000, "main", "large")
QUICK = Length(3, 0.3, 1, 1.5, 50_000, "quick", "quick")


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


def throughput(workload: Workload, names: Sequence[str]) -> Measure:
    """Requests a second in a closed loop."""

    def measure(bench: Bench) -> Iterator[Round]:
        questions = asks(bench.store, workload)
        turns = {
            name: requests_turn(bench, bench.checked(name, workload), questions) for name in names
        }
        yield from take_turns(bench.length.rounds, turns)

    return measure


def growth(workload: Workload) -> Measure:
    """Requests a second of the gateway over a small store and over a large one."""

    def measure(bench: Bench) -> Iterator[Round]:
        turns = {}
        for label, name in (("small store", "small"), ("large store", bench.length.large_store)):
            store = store_path(name)
            running = bench.checked("gateway", workload, store)
            turns[label] = requests_turn(bench, running, asks(store, workload))
        yield from take_turns(bench.length.rounds, turns)

    return measure


def workers(workload: Workload) -> Measure:
    """Requests a second of one worker and of two."""

    def measure(bench: Bench) -> Iterator[Round]:
        questions = asks(bench.store, workload)
        turns = {
            label: requests_turn(
                bench, bench.stage.running("gateway", bench.store, count), questions
            )
            for label, count in (("one worker", 1), ("two workers", 2))
        }
        yield from take_turns(bench.length.rounds, turns)

    return measure


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


def long_answers(returntype: str) -> Measure:
    """Rows a second of a million in one answer, and of the floors of the store."""
    workload = Workload(None, returntype)

    def measure(bench: Bench) -> Iterator[Round]:
        question = asks(bench.store, workload)[0]
        rows = check.long_answer(bench.store, question).rows
        turns = {
            name: rows_turn(bench.checked(name, workload), question, rows)
            for name in ("gateway", "php")
        }
        select = SELECT.format(question.account.id)
        turns["sqlite3"] = lambda: rows / shell_seconds(bench.store, select)
        turns["drain"] = lambda: rows / drain_seconds(bench.store, select)
        yield from take_turns(bench.length.long_rounds, turns)

    return measure


def rows_turn(running: Running, question: Ask, rows: int) -> Turn:
    """A turn of one long answer."""
    return lambda: rows / read_whole(running, question)["seconds"]


def read_whole(running: Running, question: Ask) -> dict[str, Any]:
    """One long answer to its end. Raises WrongAnswer if that does not come."""
    (found,) = Streams(running, question, 1).results()
    if not found["whole"]:
        raise check.WrongAnswer(f"{question.workload.name} ended early: {found}")
    return found


def shell_seconds(store: Path, select: str) -> float:
    """The sqlite3 shell writes JSON to nowhere."""
    started = time.perf_counter()
    command = ["sqlite3", "-readonly", "-json", str(store), select]
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - started


def drain_seconds(store: Path, select: str) -> float:
    """Python's sqlite3 module fetches and drops."""
    command = [sys.executable, "-m", "benchmarks.peers.drain", str(store), select]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return float(said.split('"seconds": ')[1].rstrip("}\n"))


def first_byte(bench: Bench) -> Iterator[Round]:
    """Milliseconds to the first byte of a million rows, the longest of five."""
    running = bench.stage.running("gateway", bench.store)
    for _ in range(bench.length.rounds):
        values = {}
        for returntype in ("xml", "json"):
            question = asks(bench.store, Workload(None, returntype))[0]
            some = [Streams(running, question, 1, 0.05).results()[0] for _ in range(5)]
            values[returntype] = max(found["first_byte_ms"] for found in some)
        yield values


def memory(bench: Bench) -> Iterator[Round]:
    """MB of anonymous memory above the idle server: one long answer, and ten at once. With ten,
    also how many of them were under way together."""
    running = bench.stage.fresh("gateway", bench.store)
    seconds = bench.length.latency_seconds
    try:
        small = asks(bench.store, Workload(100, "xml"))
        closed_loop(running, small, 1.0)
        values = {
            name: memory_above_idle(running, asks(bench.store, Workload(None, name))[0], 1, seconds)
            for name in ("xml", "json")
        }
        question = asks(bench.store, Workload(None, "xml"))[0]
        ten = memory_above_idle(running, question, STREAMS, seconds)
        yield {
            "one XML": values["xml"][0],
            "one JSON": values["json"][0],
            "ten XML": ten[0],
            "under way at once": ten[1],
        }
    finally:
        running.stop()


def memory_above_idle(
    running: Running, question: Ask, count: int, seconds: float
) -> tuple[float, float]:
    """MB, and how many answers began in good time."""
    pid = running.processes[0].pid
    idle = anonymous_bytes(family(pid))
    with MemoryWatch(pid) as watch:
        found = Streams(running, question, count, seconds).results()
    began = sum(stream["first_byte_ms"] < seconds * 500 for stream in found)
    return max(0, watch.peak - idle) / 1e6, began


def latency(bench: Bench) -> Iterator[Round]:
    """The 99th percentile in milliseconds of requests for ten rows that come at a constant rate,
    alone and beside ten long answers that begin anew whenever they end. Workers and threads are as
    many as by default."""
    running = bench.stage.running("gateway", bench.store, None)
    small = asks(bench.store, Workload(10, "xml"))
    long = asks(bench.store, Workload(None, "xml"))[0]
    seconds = bench.length.latency_seconds
    for _ in range(max(2, bench.length.long_rounds)):
        alone = open_loop(running, small, SMALL_RATE, seconds)
        streams = Streams(running, long, STREAMS, seconds + 1.5)
        time.sleep(1)  # until they are under way
        beside = open_loop(running, small, SMALL_RATE, seconds)
        found = streams.results()
        if alone["wrong"]:
            raise check.WrongAnswer(f"small requests: {alone}")
        yield {
            "alone": alone["p99"],
            "beside": beside["p99"],
            "alone, p99.9": alone["p999"],
            "beside, p99.9": beside["p999"],
            "beside, without an answer": beside["wrong"],
            "streams broken": sum(stream["whole"] is False for stream in found),
        }


def importing(write: imports.Writer) -> Measure:
    """Lines a second of an import, and of Python's csv module over the same file."""

    def measure(bench: Bench) -> Iterator[Round]:
        length = bench.length
        yield from imports.rates(bench.folder, write, length.import_lines, length.long_rounds)

    return measure


def require_tools() -> None:
    """Raise CouldNotRun if a program is missing."""
    for name in ("wrk", "sqlite3", "nginx", "php-fpm*"):
        find_program(name)
