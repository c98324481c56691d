"""What a request, and a message that comes in, costs the gateway and the server of PostgreSQL, in
µs of a processor: `python -m benchmarks.costs`. Then how quickly messages come in, by the clock,
from one process and from two. simulation.py goes on from here.

Time on a processor depends less than time by the clock on what else the machine does.
"""

from __future__ import annotations

import resource
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

from benchmarks.asks import Ask, Workload, asks
from benchmarks.candidates import BIN, Running, Stage
from benchmarks.data import store_path
from benchmarks.engines import GATEWAYS
from benchmarks.imports import write_csv
from benchmarks.load import closed_loop
from benchmarks.postgresql import key_of, new_store, server
from benchmarks.processes import CouldNotRun, clean_environment, processor_seconds
from benchmarks.streaming import read_whole

SECONDS, ROUNDS = 1.0, 12
LINES = 100_000
Costs = tuple[float, float]
"""Of the gateway, and of the server."""


def requests(folder: Path) -> Iterator[tuple[str, Costs]]:
    """Per request, from either engine; per row of a million."""
    stage, store = Stage(folder, folder), store_path("quick")
    ten, hundred, (big,) = (asks(store, Workload(rows, "xml")) for rows in (10, 100, None))
    try:
        for engine, name in GATEWAYS.items():
            running = stage.running(name, store)
            yield f"{engine}: 10 rows", least(running, partial(many, running, ten))
            yield f"{engine}: 100 rows", least(running, partial(many, running, hundred))
            yield f"{engine}: a row of 1,000,000", least(running, partial(whole, running, big))
    finally:
        stage.stop()


def least(running: Running, work: Callable[[], int]) -> Costs:
    """µs a piece of the work, in the cheapest of some rounds."""
    pids = running.processes[0].pid, server().get_pid()
    rounds = []
    for _ in range(ROUNDS):
        before = [processor_seconds(pid) for pid in pids]
        pieces = work()
        after = [processor_seconds(pid) for pid in pids]
        rounds.append([(b - a) / pieces * 1e6 for a, b in zip(before, after, strict=True)])
    gateway, database = map(min, zip(*rounds, strict=True))
    return gateway, database


def many(running: Running, questions: Sequence[Ask]) -> int:
    """Requests; how many."""
    return round(closed_loop(running, questions, SECONDS).requests * SECONDS)


def whole(running: Running, question: Ask) -> int:
    """A million rows."""
    read_whole(running, question)
    return 1_000_000


def imports(folder: Path) -> Iterator[tuple[str, float, Costs]]:
    """A CSV of messages by one process, and by two into an account each: messages a second, and µs
    a message."""
    file = folder / "messages.csv"
    write_csv(file, LINES)
    for engine in ("SQLite", "PostgreSQL"):
        for processes in (1, 2):
            environment = fresh(folder, engine)
            for number in range(processes):
                add = ["account", "add", f"{number}@example.com", "--timezone", "UTC"]
                subprocess.run(
                    [BIN / "boxis-gateway", *add],
                    env=environment,
                    check=True,
                    stdout=subprocess.DEVNULL,
                )
            before, started = processor_seconds(server().get_pid()), time.perf_counter()
            own = import_at_once(environment, file, processes)
            taken = time.perf_counter() - started
            after, messages = processor_seconds(server().get_pid()), LINES * processes
            costs = own / messages * 1e6, (after - before) / messages * 1e6
            yield f"{engine}, {processes} at once", messages / taken, costs


def fresh(folder: Path, engine: str) -> dict[str, str]:
    """The variables of a new store."""
    path = Path(tempfile.mkdtemp(dir=folder)) / "import.db"
    path.touch()
    url = f"sqlite:///{path}"
    if engine == "SQLite":
        path.unlink()
    else:
        new_store("import", key_of(path)).close()
        url = server().get_uri("import")
    variables = {
        "BOXIS_GATEWAY_DATABASE_URL": url,
        "BOXIS_GATEWAY_SECRET_KEY_FILE": str(key_of(path)),
    }
    environment = clean_environment() | variables
    subprocess.run(
        [BIN / "boxis-gateway", "init"], env=environment, check=True, stdout=subprocess.DEVNULL
    )
    return environment


def import_at_once(environment: dict[str, str], file: Path, processes: int) -> float:
    """Seconds of a processor that the importing processes had."""
    started = [
        subprocess.Popen(
            [BIN / "boxis-gateway", "import", file, "--account", f"{number}@example.com"],
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(processes)
    ]
    before = children_seconds()
    for process in started:
        said = process.communicate()[0]
        if f" {LINES} added" not in said:
            raise CouldNotRun(said)
    return children_seconds() - before


def children_seconds() -> float:
    """What this process's children that have ended had of the processors."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    """Both tables."""
    with tempfile.TemporaryDirectory(prefix="benchmarks-") as name:
        print("| µs of a processor | gateway | PostgreSQL |\n|---|---|---|")
        for what, (gateway, database) in requests(Path(name)):
            print(f"| {what} | {gateway:.2f} | {database:.2f} |", flush=True)
        print("\n| import | messages/s | µs: importer | PostgreSQL |\n|---|---|---|---|")
        for what, rate, (importer, database) in imports(Path(name)):
            print(f"| {what} | {rate:,.0f} | {importer:.1f} | {database:.1f} |", flush=True)


if __name__ == "__main__":
    main()
