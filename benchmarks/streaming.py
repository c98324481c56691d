"""Measures of answers with a million rows, and of short requests beside them."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks import check
from benchmarks.asks import NEWEST_FIRST, Ask, Workload, asks
from benchmarks.bench import Bench, Measure, Round, Turn, take_turns
from benchmarks.candidates import Running
from benchmarks.load import Streams, closed_loop, open_loop
from benchmarks.processes import MemoryWatch, anonymous_bytes, family

STREAMS = 10  # long answers at once
SMALL_RATE = 200.0  # requests a second, for latencies
SELECT = (
    "SELECT sender, recipient, sent_at, parts, credit_thousandths, kind FROM message WHERE "
    "account_id = {} AND sent_at >= '0001-01-01 00:00:00' AND sent_at < '9999-12-31 23:59:59' "
    f"AND status <> 'refused' {NEWEST_FIRST}"
)


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
    return float(json.loads(said)["seconds"])


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
    """MB of anonymous memory above that of the same server after a second of short requests, with
    one long answer and with ten at once; and how many of the ten were under way together."""
    for _ in range(bench.length.long_rounds):
        running = bench.stage.fresh("gateway", bench.store)
        try:
            yield _memory_round(bench, running)
        finally:
            running.stop()


def _memory_round(bench: Bench, running: Running) -> Round:
    xml, json_ = (asks(bench.store, Workload(None, name))[0] for name in ("xml", "json"))
    seconds = bench.length.latency_seconds
    closed_loop(running, asks(bench.store, Workload(100, "xml")), 1.0)
    idle = anonymous_bytes(family(running.processes[0].pid))
    one_xml, _ = peak_memory(running, xml, 1, seconds)
    one_json, _ = peak_memory(running, json_, 1, seconds)
    ten_xml, together = peak_memory(running, xml, STREAMS, seconds)
    return {
        "one XML": (one_xml - idle) / 1e6,
        "one JSON": (one_json - idle) / 1e6,
        "ten XML": (ten_xml - idle) / 1e6,
        "under way at once": together,
    }


def peak_memory(running: Running, question: Ask, count: int, seconds: float) -> tuple[int, int]:
    """The most anonymous bytes while so many answers are read for some seconds, and how many of
    them began in the first half of that time."""
    with MemoryWatch(running.processes[0].pid) as watch:
        found = Streams(running, question, count, seconds).results()
    return watch.peak, sum(stream["first_byte_ms"] < seconds * 500 for stream in found)


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
