"""What was measured, extended to 10 billion messages of 100,000 accounts: `python -m
benchmarks.simulation [--seed N]`. The same seed prints the same tables; docs/scaling.md and
docs/sizing.md have those of seed 1. Nothing here is measured: simulated.py has the assumptions.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Iterator, Sequence
from math import ceil, log2

from benchmarks.simulated import (
    DAY,
    GB,
    Costs,
    Load,
    Machine,
    Verdict,
    fullest,
    judge,
    shards,
    sizes,
)

PLACES = (
    (10_000, 730, 5),
    (100_000, 730, 20),
    (1_000_000, 90, 100),
    (1_000_000, 730, 200),
    (5_000_000, 365, 500),
    (10_000_000, 730, 1_000),
    (30_000_000, 730, 3_000),
)
"""Messages a day, days that they are kept, requests a second at the peak."""


Table = Iterator[Sequence[object]]


def of_accounts(load: Load, accounts: Sequence[float]) -> Table:
    """How unlike they are."""
    yield (
        "accounts",
        "messages of the largest",
        "of the 100th",
        "of the middle one",
        "the first 1 % have",
    )
    share = sum(accounts[: len(accounts) // 100]) / sum(accounts)
    middle = accounts[len(accounts) // 2]
    yield (
        f"{len(accounts):,}",
        *(f"{n:,.0f}" for n in (accounts[0], accounts[99], middle)),
        f"{share:.0%}",
    )


def of_nodes(load: Load, parts: Sequence[tuple[float, int]], seed: int) -> Table:
    """The one with most messages, of so many."""
    yield (
        "nodes",
        "its share of a fair one",
        "disk, TB",
        "messages/s",
        "requests/s",
        "processors",
        "pages read/s",
        "median ms",
        "p99 ms",
        "enough",
    )
    for nodes in (1, 2, 4, 8, 16, 32):
        node, machine, costs = fullest(load, parts, nodes), Machine(), Costs()
        found = judge(node, machine, costs, load, random.Random(seed))
        fair = node.kept * nodes / load.messages
        yield (
            nodes,
            f"{fair:.2f}",
            f"{node.kept * costs.bytes / 1e12:.1f}",
            f"{node.messages:,.0f}",
            f"{node.requests:,.0f}",
            f"{found.busy:.1%}",
            f"{found.reads:,.0f}",
            f"{found.median:.2f}",
            f"{found.p99:.1f}",
            enough(found, machine),
        )


def enough(found: Verdict, machine: Machine) -> str:
    """`yes`, or what is not."""
    short = {
        "processors": found.busy > machine.busy,
        "disk": found.disk > machine.full,
        "reads": found.reads > machine.reads,
    }
    return ", ".join(f"no: {name}" for name, lacks in short.items() if lacks) or "yes"


def of_memory(load: Load, parts: Sequence[tuple[float, int]], seed: int) -> Table:
    """A node of eight, with less memory and slower disks."""
    yield (
        "memory, GB",
        "ms a page",
        "found in memory: newest",
        "old",
        "pages read/s",
        "median ms",
        "p99 ms",
    )
    node = fullest(load, parts, 8)
    for memory in (8, 32, 128, 512):
        for page_ms in (0.1, 1.0, 8.0):
            machine = Machine(memory=memory * GB, page_ms=page_ms)
            found = judge(node, machine, Costs(), load, random.Random(seed))
            yield (
                memory,
                page_ms,
                f"{found.newest:.0%}",
                f"{found.old:.0%}",
                f"{found.reads:,.0f}",
                f"{found.median:.2f}",
                f"{found.p99:.1f}",
            )


def of_sizes() -> Table:
    """Which machine for whom: messages a day, days kept, requests a second at the peak."""
    yield (
        "messages/day",
        "kept",
        "requests/s",
        "messages kept",
        "disk, GB",
        "memory, GB",
        "processors: store",
        "gateways",
        "engine",
    )
    costs, load = Costs(), Load()
    for a_day, days, requests in PLACES:
        kept = a_day * days
        peak = a_day * max(load.hours) * 24 / sum(load.hours) / DAY
        store = (peak * costs.written_us + requests * costs.ten_rows_us) / 1e6 / Machine().busy
        gateways = (
            (peak * costs.imported_us + requests * costs.gateway_ten_us) / 1e6 / Machine().busy
        )
        disk = kept * costs.bytes / Machine().full / GB
        hot = a_day * load.hot_days * costs.bytes / GB / Machine().cache
        memory = max(2, 1 << ceil(log2(max(hot, 1e-9)))) if hot > 1 else 2
        yield (
            f"{a_day:,}",
            f"{days} days",
            f"{requests:,}",
            f"{kept:,}",
            f"{disk:,.0f}",
            memory,
            max(1, ceil(store)),
            max(1, ceil(gateways)),
            engine(kept, store + gateways, disk),
        )


def engine(kept: float, processors: float, disk: float) -> str:
    """The simplest one that does."""
    machine = Machine()
    if kept <= 100_000_000 and processors <= 4:
        return "SQLite"
    if disk <= machine.disk / GB and processors <= 2 * machine.cores:
        return "PostgreSQL"
    return f"Citus, {ceil(max(disk * GB / machine.disk, processors / machine.cores))} nodes"


def main() -> None:
    """All tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.simulation")
    parser.add_argument("--seed", type=int, default=1)
    print("\n".join(page(parser.parse_args().seed, Load())))


def page(seed: int, load: Load) -> Iterator[str]:
    """The tables of a seed, with what they assume."""
    draw = random.Random(seed)
    accounts = sizes(load, draw)
    parts = shards(load, accounts, draw)
    yield "| assumed | |"
    yield "|---|---|"
    for given in (load, Costs(), Machine()):
        for name, value in given._asdict().items():
            yield f"| {type(given).__name__.lower()}: {name} | {told(value)} |"
    for table in (
        of_accounts(load, accounts),
        of_nodes(load, parts, seed),
        of_memory(load, parts, seed),
        of_sizes(),
    ):
        yield ""
        yield from in_markdown(table)


def told(value: object) -> str:
    """Numbers for people."""
    if isinstance(value, tuple):
        return " ".join(map(str, value))
    return f"{value:,.0f}" if isinstance(value, int | float) and value >= 1e3 else f"{value:.3g}"


def in_markdown(table: Table) -> Iterator[str]:
    """A table, its first row the head."""
    for number, row in enumerate(table):
        yield f"| {' | '.join(map(str, row))} |"
        if not number:
            yield "|---" * len(row) + "|"


if __name__ == "__main__":
    main()
