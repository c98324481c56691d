"""The run: `python -m checks.soak [--seconds 30] [--write]`; exit status 1 on anything wrong."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.processes import family, requests_by_outcome, serving
from checks.soak.accounts import make_accounts
from checks.soak.clients import CLIENTS, Client, Soak
from checks.soak.metrics import contradictions
from checks.soak.misbehaving import MISBEHAVING
from checks.soak.report import report
from checks.soak.resources import Resources

PAGE = Path(__file__).parents[2] / "docs" / "soak.md"
LOST = (OSError, EOFError, TimeoutError)
WARM_UP_SECONDS = 3
IDLE_SECONDS = 6  # longer than an idle connection is kept
BAD_WORDS = ("Traceback", " CRITICAL ")


def main() -> int:
    """Soak a server and print the report."""
    parser = argparse.ArgumentParser(prog="python -m checks.soak", description=__doc__)
    parser.add_argument("--seconds", type=int, default=30)
    parser.add_argument("--write", action="store_true", help="write docs/soak.md")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="soak-") as name:
        text, wrong = asyncio.run(run(Path(name), options.seconds))
    print(text)
    if options.write:
        PAGE.write_text(text)
    for problem in wrong[:20]:
        print(f"WRONG: {problem}", file=sys.stderr)
    return 1 if wrong else 0


async def run(folder: Path, seconds: int) -> tuple[str, list[str]]:
    """The report, and a line for each thing that was wrong."""
    accounts, log = make_accounts(folder), folder / "log"
    environ = {"BOXIS_GATEWAY_DATABASE_URL": accounts.url, "BOXIS_GATEWAY_CLIENT_SECONDS": "5"}
    with serving(environ, log) as (process, port):
        warm_up = Soak(accounts, port, time.monotonic() + WARM_UP_SECONDS, folder)
        await run_clients(warm_up, CLIENTS)
        await asyncio.sleep(IDLE_SECONDS)
        before = requests_by_outcome(log)
        resources = Resources.of(process.pid)
        soak = Soak(accounts, port, time.monotonic() + seconds, folder, imported=warm_up.imported)
        sampling = asyncio.create_task(sample_each_second(resources))
        await run_clients(soak, {**CLIENTS, **MISBEHAVING})
        sampling.cancel()
        await resources.settle()
        counted = requests_by_outcome(log) - before
        died = sorted(set(resources.pids) ^ set(family(process.pid)))
    output = log.read_text(errors="replace")
    wrong = [*warm_up.wrong, *soak.wrong, *resources.leaks()]
    wrong += [f"process {pid} died" for pid in died]
    wrong += contradictions(soak, counted)
    wrong += [f"the log: {output[output.index(w) :][:2000]}" for w in BAD_WORDS if w in output]
    wrong += [f"the server ended with {process.returncode}"] if process.returncode else []
    return report(soak, resources, counted, seconds, wrong), wrong


async def run_clients(soak: Soak, clients: dict[Client, int]) -> None:
    """Run all clients until the time is over and each has finished its last exchange."""
    async with asyncio.TaskGroup() as group:
        for client, count in clients.items():
            for _ in range(count):
                group.create_task(repeat(client, soak))


async def repeat(client: Client, soak: Soak) -> None:
    """Run a client again and again; a lost connection is wrong for well-behaved clients."""
    kind = client.__name__.replace("_", " ")
    while soak.is_on:
        try:
            await client(soak)
        except LOST as problem:
            soak.count(kind, "cut off")
            if client in CLIENTS:
                soak.wrong.append(f"{kind}: {type(problem).__name__} {problem}")


async def sample_each_second(resources: Resources) -> None:
    """Sample the resources until cancelled."""
    while True:
        resources.sample()
        await asyncio.sleep(1)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    sys.exit(main())
