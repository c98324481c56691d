"""Measures of many short requests, and of imports; streaming.py has those of long answers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from benchmarks import imports
from benchmarks.asks import Workload, asks
from benchmarks.bench import Bench, Measure, Round, requests_turn, take_turns
from benchmarks.data import store_path


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


def importing(write: imports.Writer) -> Measure:
    """Lines a second of an import, and of Python's csv module over the same file."""

    def measure(bench: Bench) -> Iterator[Round]:
        length = bench.length
        yield from imports.rates(bench.folder, write, length.import_lines, length.long_rounds)

    return measure
