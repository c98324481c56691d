"""Measures of writes: rates, reads beside them, slow flushes, killed servers; on both engines.

The server is the gateway with one more action (peers/writing_gateway.py), over a copy of the store
with a table for it. After each load the rows of that table are compared with what wrk counted.
"""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from statistics import median

from benchmarks.answers import SAMPLE, WrongAnswer
from benchmarks.bench import Bench, Round, Turn, take_turns, throughput_turn
from benchmarks.candidates import Line, Running
from benchmarks.load import CONNECTIONS, NumberedWrites, closed_loop, paced_loop
from benchmarks.processes import processors_apart
from benchmarks.signed_requests import Workload, signed_form, signed_requests
from benchmarks.stores import SEED
from benchmarks.usage import Disagreement
from benchmarks.writable import ENGINES, WritableStore, writable_stores

PROCESSES = {1: "one process", 2: "two processes"}
READ = Workload(10, "xml")
READ_SHARE = 0.6  # of the highest rate
BESIDE_RATE = 500.0  # a second, of writes beside the reads
SLICES = 2  # of a measured time
LEAD_SECONDS = 1.0  # of the other load, before the reads begin and after they end
FLUSH_SECONDS = 0.005
SLOW_FLUSH = {
    "BENCHMARK_FLUSH_SECONDS": str(FLUSH_SECONDS),
    "PGOPTIONS": f"-c commit_delay={FLUSH_SECONDS * 1e6:.0f} -c commit_siblings=0",
}
LATEST_KILL = 1.0  # seconds after the start of the load
ROWS_OF_NUMBER = "SELECT number, count(*) FROM benchmark_write GROUP BY number"


def rates(bench: Bench) -> Iterator[Round]:
    """Requests a second: histories of 10 rows, and writes of a row each."""
    with writable_stores(bench) as stores:
        turns: dict[str, Turn] = {}
        for store in stores:
            for workers, label in PROCESSES.items():
                running = store.serve(workers)
                running.require_served(0, SAMPLE, 0)  # waits until they are in the metrics
                requests = signed_requests(bench.store, READ)
                read = throughput_turn(bench, running, requests)
                turns[f"10 rows, {store.engine}, {label}"] = read
                turns[f"writes, {store.engine}, {label}"] = write_turn(bench, running, store)
        yield from take_turns(bench.length.rounds, turns)


def write_turn(bench: Bench, running: Running, store: WritableStore) -> Turn:
    """Writes a second in a turn of load. Raises WrongAnswer unless each has made its row."""

    def turn() -> float:
        rows = store.rows()
        rate = closed_loop(running.address, writes(bench), bench.length.seconds)
        written = store.rows() - rows
        if rate.errors or not rate.answers <= written <= rate.answers + CONNECTIONS:
            raise WrongAnswer(f"{written} rows of {rate}")
        return rate.requests

    return turn


def writes(bench: Bench, rows: int = 1) -> list[Line]:
    """Requests that write so many rows each, one request for each account."""
    fields = {"section": "bench", "action": "write", "rows": str(rows)}
    accounts = [request.account for request in signed_requests(bench.store, READ)]
    return [("POST", "/", signed_form(account, fields)) for account in accounts]


def beside(bench: Bench) -> Iterator[Round]:
    """The 99th percentile in milliseconds of histories of 10 rows at a constant rate: alone, beside
    writes at another, and beside as many more histories. The rate of the writes is a value, too.

    The servers have a processor of their own: otherwise three programs would take turns on two,
    and the times would be of those turns."""
    with writable_stores(bench) as stores:
        servers = [(store, store.serve(1)) for store in stores]
        pids = [process.pid for _, running in servers for process in running.processes]
        with processors_apart(pids):
            for _ in range(bench.length.rounds):
                values: Round = {}
                for store, running in servers:
                    measured = beside_round(bench, running)
                    values |= {f"{store.engine}, {name}": each for name, each in measured.items()}
                yield dict(sorted(values.items()))


def beside_round(bench: Bench, running: Running) -> Round:
    """The medians of SLICES turns each, which alternate, so that all meet the same disturbances."""
    lines = running.lines(signed_requests(bench.store, READ))
    rate = closed_loop(running.address, lines, bench.length.seconds).requests * READ_SHARE
    slices = [
        {
            "alone": paced_reads(bench, running, rate),
            **reads_beside(bench, running, rate, "writes", writes(bench), "success"),
            **reads_beside(bench, running, rate, "reads", lines, ending_of_reads(bench)),
        }
        for _ in range(SLICES)
    ]
    return {name: median(each[name] for each in slices) for name in slices[0]}


def paced_reads(bench: Bench, running: Running, rate: float) -> float:
    """The 99th percentile of histories at that rate. Raises WrongAnswer."""
    lines = running.lines(signed_requests(bench.store, READ))
    seconds = bench.length.latency_seconds / SLICES
    result = paced_loop(running.address, lines, rate, seconds, ending_of_reads(bench))
    if result["wrong"]:
        raise WrongAnswer(f"histories: {result}")
    return result["p99"]


def reads_beside(
    bench: Bench, running: Running, rate: float, name: str, lines: Sequence[Line], ending: str
) -> Round:
    """Paced reads beside these requests at BESIDE_RATE, and the rate that these reached."""
    with ThreadPoolExecutor() as pool:
        seconds = bench.length.latency_seconds / SLICES + 2 * LEAD_SECONDS
        load = (running.address, lines, BESIDE_RATE, seconds, ending)
        beside = pool.submit(paced_loop, *load)
        time.sleep(LEAD_SECONDS)
        reading = paced_reads(bench, running, rate)
        result = beside.result()
    if result["wrong"]:
        raise WrongAnswer(f"{name}: {result}")
    reached = result["requests"] / result["seconds"]
    return {f"beside {name}": reading, f"{name} a second": reached}


def ending_of_reads(bench: Bench) -> str:
    """SignedRequest.ending of the histories."""
    return signed_requests(bench.store, READ)[0].ending


def slow_flushes(bench: Bench) -> Iterator[Round]:
    """Writes a second where each flush takes FLUSH_SECONDS longer: in groups, and each in a
    transaction of its own. Raises Disagreement if the latter are quicker than their flushes."""
    with writable_stores(bench) as stores:
        turns: dict[str, Turn] = {}
        for store in stores:
            for label, variables in (
                ("in groups", SLOW_FLUSH),
                ("one by one", SLOW_FLUSH | {"BENCHMARK_GROUP_WRITES": "1"}),
            ):
                running = store.serve(1, variables)
                turns[f"{store.engine}, {label}"] = write_turn(bench, running, store)
        for values in take_turns(bench.length.rounds, turns):
            for engine in ENGINES:
                if (rate := values[f"{engine}, one by one"]) > 1 / FLUSH_SECONDS:
                    raise Disagreement(f"{engine}: {rate:.0f} flushes of {FLUSH_SECONDS} s in one")
            yield values


def kills(bench: Bench) -> Iterator[Round]:
    """Writes of two rows each to two processes, which are killed at a random moment, again and
    again: those acknowledged, those of them that are lost, and those by half. Raises WrongAnswer if
    none was acknowledged."""
    values: Round = {}
    with writable_stores(bench) as stores:
        for store in stores:
            acknowledged = set[int]()
            for number in range(bench.length.kills):
                acknowledged |= acknowledged_until_kill(bench, store.serve(2), number)
            store.serve(2)
            if not acknowledged:
                raise WrongAnswer("No write was acknowledged.")
            rows = {int(number): int(count) for number, count in store.query(ROWS_OF_NUMBER)}
            counts = count_faults(acknowledged, rows)
            values |= {f"{store.engine}, {name}": count for name, count in counts.items()}
    yield values


def acknowledged_until_kill(bench: Bench, running: Running, kill: int) -> set[int]:
    """The numbers of the acknowledged writes."""
    load = NumberedWrites(running.address, writes(bench, rows=2), kill * 10**9)
    time.sleep(random.Random(SEED + kill).uniform(0.2, LATEST_KILL))
    os.killpg(running.processes[0].pid, signal.SIGKILL)
    time.sleep(0.1)  # answers that are under way count
    return set(load.stop())


def count_faults(acknowledged: set[int], rows: Mapping[int, int]) -> Round:
    """Numbers of the writes that were acknowledged, of those of them that are lost, and of those
    by half; `rows` are the rows of each number."""
    lost, halves = acknowledged - rows.keys(), [count for count in rows.values() if count != 2]
    return {"acknowledged": len(acknowledged), "lost": len(lost), "by half": len(halves)}
