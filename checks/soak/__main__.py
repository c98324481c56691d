"""The run: `python -m checks.soak [--seconds 30] [--write]`. It ends with 1 if
anything was wrong."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.processes import family, serving
from checks.soak.clients import CLIENTS, Client, Soak
from checks.soak.figures import contradictions, figures
from checks.soak.report import report
from checks.soak.rude import RUDE
from checks.soak.watch import Watch
from checks.soak.world import make_world

PAGE = Path(__file__).parents[2] / "docs" / "soak.md"
LOST = (OSError, EOFError, TimeoutError)
WARM_UP_SECONDS = 3
KEPT_SECONDS = 6  # a connection without a request
BAD_WORDS = ("Traceback", " CRITICAL ")


def main() -> int:
    """Soak a server, and say what came of it."""
    parser = argparse.ArgumentParser(prog="python -m checks.soak", description=__doc__)
    parser.add_argument("--seconds", type=int, default=30)
    parser.add_argument("--write", action="store_true", help="write docs/soak.md")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="soak-") as name:
        text, wrong = asyncio.run(soak(Path(name), options.seconds))
    print(text)
    if options.write:
        PAGE.write_text(text)
    for one in wrong[:20]:
        print(f"WRONG: {one}", file=sys.stderr)
    return 1 if wrong else 0


async def soak(folder: Path, seconds: int) -> tuple[str, list[str]]:
    """The report, and what was wrong."""
    world = make_world(folder)
    environ = {"BOXIS_GATEWAY_DATABASE_URL": world.store.url, "BOXIS_GATEWAY_CLIENT_SECONDS": "5"}
    with serving(environ, folder / "log") as (process, port):
        warm = Soak(world, port, time.monotonic() + WARM_UP_SECONDS, folder)
        await run_clients(warm, CLIENTS)
        await asyncio.sleep(KEPT_SECONDS)
        before = figures(folder / "log")
        watch = Watch.of(process.pid)
        soak = Soak(world, port, time.monotonic() + seconds, folder, imported=warm.imported)
        watching = asyncio.create_task(look_each_second(watch))
        await run_clients(soak, {**CLIENTS, **RUDE})
        watching.cancel()
        await watch.calm_down()
        said = figures(folder / "log") - before
        died = sorted(set(watch.pids) ^ set(family(process.pid)))
    log = (folder / "log").read_text(errors="replace")
    wrong = [*warm.wrong, *soak.wrong, *watch.leaks(), *(f"process {pid} died" for pid in died)]
    wrong += contradictions(soak, said)
    wrong += [f"the log: {log[log.index(word) :][:2000]}" for word in BAD_WORDS if word in log]
    wrong += [f"the server ended with {process.returncode}"] if process.returncode else []
    return report(soak, watch, said, seconds, wrong), wrong


async def run_clients(soak: Soak, clients: dict[Client, int]) -> None:
    """All of them, until the time is over and each has ended what it was at."""
    async with asyncio.TaskGroup() as group:
        for client, count in clients.items():
            for _ in range(count):
                group.create_task(again_and_again(client, soak))


async def again_and_again(client: Client, soak: Soak) -> None:
    """A client that is cut off comes again."""
    kind = client.__name__.replace("_", " ")
    while soak.is_on:
        try:
            await client(soak)
        except LOST as problem:
            soak.count(kind, "cut off")
            if client in CLIENTS:
                soak.wrong.append(f"{kind}: {type(problem).__name__} {problem}")


async def look_each_second(watch: Watch) -> None:
    """Until it is cancelled."""
    while True:
        watch.look()
        await asyncio.sleep(1)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    sys.exit(main())
