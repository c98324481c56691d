"""Measures of short requests."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from benchmarks.bench import Bench, Measure, Round, take_turns, throughput_turn
from benchmarks.signed_requests import Workload, signed_requests
from benchmarks.stores import store_path


def throughput(workload: Workload, names: Sequence[str]) -> Measure:
    """Requests a second of the candidates in a closed loop."""

    def measure(bench: Bench) -> Iterator[Round]:
        requests = signed_requests(bench.store, workload)
        turns = {
            name: throughput_turn(bench, bench.checked(name, workload), requests) for name in names
        }
        yield from take_turns(bench.length.rounds, turns)

    return measure


def growth(workload: Workload) -> Measure:
    """Requests a second of the gateway over a small store and over a large one."""

    def measure(bench: Bench) -> Iterator[Round]:
        turns, length = {}, bench.length
        for label, name in (
            ("small store", length.small_store),
            ("large store", length.large_store),
        ):
            store = store_path(name)
            running = bench.checked("gateway", workload, store)
            turns[label] = throughput_turn(bench, running, signed_requests(store, workload))
        yield from take_turns(length.rounds, turns)

    return measure


def workers(workload: Workload) -> Measure:
    """Requests a second of one worker and of two."""

    def measure(bench: Bench) -> Iterator[Round]:
        requests, turns = signed_requests(bench.store, workload), {}
        for label, count in (("one worker", 1), ("two workers", 2)):
            running = bench.pool.running("gateway", bench.store, count)
            turns[label] = throughput_turn(bench, running, requests)
        yield from take_turns(bench.length.rounds, turns)

    return measure
