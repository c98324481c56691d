"""Measures of answers with a million rows, and of short requests beside them."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks import answers
from benchmarks.bench import Bench, Measure, Round, Turn, take_turns
from benchmarks.candidates import Running
from benchmarks.load import START_SECONDS, Streams, closed_loop, open_loop
from benchmarks.processes import family
from benchmarks.signed_requests import NEWEST_FIRST, SignedRequest, Workload, signed_requests
from benchmarks.usage import Peaks, anonymous_bytes, require_agreement, status_bytes

STREAMS = 10  # long answers at once
SMALL_RATE = 200.0  # requests a second, for latencies
SELECT = (
    "SELECT sender, recipient, sent_at, parts, credit_thousandths, kind FROM message WHERE "
    "account_id = {} AND sent_at >= '0001-01-01 00:00:00' AND sent_at < '9999-12-31 23:59:59' "
    f"AND status <> 'refused' {NEWEST_FIRST}"
)


def long_answers(returntype: str) -> Measure:
    """Rows a second of a million in one answer, and of two floors of the store."""
    workload = Workload(None, returntype)

    def measure(bench: Bench) -> Iterator[Round]:
        (request,) = signed_requests(bench.store, workload)
        turns = {
            name: rows_turn(bench.checked(name, workload), request) for name in ("gateway", "php")
        }
        select = SELECT.format(request.account.id)
        turns["sqlite3"] = lambda: request.rows / shell_seconds(bench.store, select)
        turns["drain"] = lambda: request.rows / drain_seconds(bench.store, select, request.rows)
        yield from take_turns(bench.length.long_rounds, turns)

    return measure


def rows_turn(running: Running, request: SignedRequest) -> Turn:
    """Rows a second of one long answer."""
    return lambda: request.rows / read_whole(running, request)["seconds"]


def read_whole(running: Running, request: SignedRequest) -> dict[str, Any]:
    """Read one long answer to its end. Raises WrongAnswer if it breaks off."""
    streams = Streams(running, request, 1)
    (result,) = streams.results()
    if not result["whole"]:
        raise answers.WrongAnswer(f"{request.workload.name} ended early: {result}")
    seconds, wall_seconds = result["seconds"], streams.wall_seconds
    require_agreement("seconds of a long answer", seconds, wall_seconds, 0.02, START_SECONDS)
    return result


def shell_seconds(store: Path, select: str) -> float:
    """Seconds of the sqlite3 shell that writes JSON to /dev/null."""
    started = time.perf_counter()
    command = ["sqlite3", "-readonly", "-json", str(store), select]
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - started


def drain_seconds(store: Path, select: str, rows: int) -> float:
    """Seconds of Python's sqlite3 module that fetches the rows and drops them."""
    command = [sys.executable, "-m", "benchmarks.peers.drain", str(store), select]
    drained = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    require_agreement("rows drained", drained["rows"], rows, 0)
    return float(drained["seconds"])


def first_byte(bench: Bench) -> Iterator[Round]:
    """Milliseconds to the first byte of a million rows, the longest of five."""
    running = bench.pool.running("gateway", bench.store)
    for _ in range(bench.length.rounds):
        longest = {}
        for returntype in ("xml", "json"):
            (request,) = signed_requests(bench.store, Workload(None, returntype))
            results = [Streams(running, request, 1, 0.05).results()[0] for _ in range(5)]
            longest[returntype] = max(result["first_byte_ms"] for result in results)
        yield longest


def memory(bench: Bench) -> Iterator[Round]:
    """MB of anonymous memory above that of the same server after a second of short requests: with
    one long answer and with ten; and how many of the ten were under way together."""
    for _ in range(bench.length.long_rounds):
        running = bench.pool.fresh("gateway", bench.store)
        try:
            yield _memory_round(bench, running)
        finally:
            running.stop()


def _memory_round(bench: Bench, running: Running) -> Round:
    xml, json_ = (signed_requests(bench.store, Workload(None, name))[0] for name in ("xml", "json"))
    short, seconds = (
        signed_requests(bench.store, Workload(100, "xml")),
        bench.length.latency_seconds,
    )
    closed_loop(running.address, running.lines(short), 1.0)
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


def peak_memory(
    running: Running, request: SignedRequest, count: int, seconds: float
) -> tuple[int, int]:
    """The largest anonymous memory in bytes while so many answers are read for some seconds, and
    the number of answers that began in the first half of that time. Raises Disagreement if the
    kernel's pages and its counters differ."""
    pids = family(running.processes[0].pid)
    with Peaks(lambda: anonymous_bytes(pids), lambda: status_bytes(pids, "RssAnon")) as watched:
        results = Streams(running, request, count, seconds).results()
    by_pages, by_counters = watched.peaks
    require_agreement("anonymous memory", by_pages, by_counters, 0.02)
    return by_pages, sum(result["first_byte_ms"] < seconds * 500 for result in results)


def latency(bench: Bench) -> Iterator[Round]:
    """The 99th percentile in milliseconds of requests for ten rows at a constant rate: alone, and
    beside ten long answers that begin anew whenever they end. Workers as by default."""
    running = bench.pool.running("gateway", bench.store, None)
    short = signed_requests(bench.store, Workload(10, "xml"))
    (long,) = signed_requests(bench.store, Workload(None, "xml"))
    seconds = bench.length.latency_seconds
    for _ in range(max(2, bench.length.long_rounds)):
        alone = open_loop(running, short, SMALL_RATE, seconds)
        streams = Streams(running, long, STREAMS, seconds + 1.5)
        time.sleep(1)  # until they are under way
        beside = open_loop(running, short, SMALL_RATE, seconds)
        results = streams.results()
        if alone["wrong"]:
            raise answers.WrongAnswer(f"short requests: {alone}")
        yield {
            "alone": alone["p99"],
            "beside": beside["p99"],
            "alone, p99.9": alone["p999"],
            "beside, p99.9": beside["p999"],
            "beside, without an answer": beside["wrong"],
            "streams broken": sum(result["whole"] is False for result in results),
        }
