"""Shared by all measures: the length of a run, the stores, the running candidates, turns.

A measure yields a dictionary for each round: participant -> value. Within a round all participants
take turns; the first one changes from round to round.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from benchmarks import answers
from benchmarks.candidates import CANDIDATES, Pool, Running
from benchmarks.load import CONNECTIONS, closed_loop
from benchmarks.signed_requests import SignedRequest, Workload, signed_requests
from benchmarks.stores import store_path

Round = dict[str, float]
CHECK_SECONDS = 0.3  # of load under which every answer is checked
LEAST_SHARE = 0.9  # of an answer's usual size; a smaller average means that answers failed


class Length(NamedTuple):
    """Length of a run: rounds, and seconds of load of a participant in one."""

    rounds: int
    seconds: float
    long_rounds: int  # of long answers, latencies and imports
    latency_seconds: float
    list_seconds: float  # a search by text may take one
    import_lines: int
    log_lines: int  # of the import whose memory is measured
    store: str
    small_store: str
    large_store: str
    kills: int


LENGTHS = {
    "full": Length(5, 2.0, 3, 5.0, 3.0, 200_000, 1_000_000, "main", "small", "large", 30),
    "quick": Length(3, 0.3, 1, 1.5, 3.0, 50_000, 100_000, "quick", "small", "quick", 3),
    "smoke": Length(1, 0.1, 1, 0.5, 0.3, 2_000, 2_000, "smoke", "smoke", "smoke", 1),
}


@dataclass
class Bench:
    """A run; `answers` has the answers that byte-serving candidates repeat."""

    length: Length
    pool: Pool
    answers: Path
    folder: Path

    @property
    def store(self) -> Path:
        """The main store."""
        return store_path(self.length.store)

    def checked(self, name: str, workload: Workload, store: Path | None = None) -> Running:
        """The candidate, after a check of its answers. Raises WrongAnswer."""
        store = store or self.store
        if CANDIDATES[name].kind == "bytes":
            self.keep_answer(workload)
        running = self.pool.running(name, store)
        requests = signed_requests(store, workload)
        answers.check(running, CANDIDATES[name].kind, store, requests, self.answers)
        return running

    def keep_answer(self, workload: Workload) -> None:
        """Write down a gateway's answer of median size, for the candidates that serve bytes."""
        path = self.answers / workload.name
        if not path.exists():
            gateway = self.pool.running("gateway", self.store)
            requests = signed_requests(self.store, workload)[:51]
            bodies = sorted((answers.fetch(gateway, request) for request in requests), key=len)
            path.write_bytes(bodies[len(bodies) // 2])


Measure = Callable[[Bench], Iterator[Round]]
Turn = Callable[[], float]


def take_turns(rounds: int, turns: dict[str, Turn]) -> Iterator[Round]:
    """Call each once a round, beginning with another one each time."""
    names = list(turns)
    for number in range(rounds):
        shift = number % len(names)
        values = {name: turns[name]() for name in names[shift:] + names[:shift]}
        yield {name: values[name] for name in names}


def throughput_turn(bench: Bench, running: Running, requests: Sequence[SignedRequest]) -> Turn:
    """Requests a second in a turn of load. Before the first turn each answer is checked, and wrk's
    count is compared with the server's own metrics. Raises WrongAnswer, Disagreement."""
    name, ending = requests[0].workload.name, running.ending(requests[0])
    served = running.requests_served()
    usual = closed_loop(running.address, running.lines(requests), CHECK_SECONDS, ending=ending)
    if usual.wrong or usual.errors:
        raise answers.WrongAnswer(f"under load: {usual} {name}")
    running.require_served(served, usual.answers, CONNECTIONS)

    def turn() -> float:
        rate = closed_loop(running.address, running.lines(requests), bench.length.seconds)
        if rate.errors or rate.bytes < LEAST_SHARE * usual.bytes:
            raise answers.WrongAnswer(f"under load: {rate} {name}")
        return rate.requests

    return turn
