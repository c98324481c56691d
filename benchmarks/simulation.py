"""Measured costs extrapolated to 10 billion messages of 100,000 accounts:
`python -m benchmarks.simulation [--seed N]`. A seed always prints the same tables; docs/scaling.md
has those of seed 1. simulation_model.py has the assumptions.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Iterator, Sequence
from math import ceil, log2

from benchmarks.simulation_model import (
    GB,
    Costs,
    Load,
    Machine,
    Verdict,
    account_sizes,
    fullest_node,
    judge,
    shards,
)

INSTALLATIONS = (
    (10_000, 730, 5),
    (100_000, 730, 20),
    (1_000_000, 90, 100),
    (1_000_000, 730, 200),
    (5_000_000, 365, 500),
    (10_000_000, 730, 1_000),
    (30_000_000, 730, 3_000),
)
"""Messages a day, days of retention, requests a second at the peak."""

Table = Iterator[Sequence[object]]


def account_table(sizes: Sequence[float]) -> Table:
    """The distribution of account sizes."""
    yield (
        "accounts",
        "messages of the largest",
        "of the 100th",
        "of the middle one",
        "the first 1 % have",
    )
    share = sum(sizes[: len(sizes) // 100]) / sum(sizes)
    shown = (f"{size:,.0f}" for size in (sizes[0], sizes[99], sizes[len(sizes) // 2]))
    yield f"{len(sizes):,}", *shown, f"{share:.0%}"


def node_table(load: Load, parts: Sequence[tuple[float, int]], seed: int) -> Table:
    """The fullest node, by the number of nodes."""
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
    machine, costs = Machine(), Costs()
    for nodes in (1, 2, 4, 8, 16, 32):
        node = fullest_node(load, parts, nodes)
        verdict = judge(node, machine, costs, load, random.Random(seed))
        yield (
            nodes,
            f"{node.kept * nodes / load.messages:.2f}",
            f"{node.kept * costs.bytes / 1e12:.1f}",
            f"{node.messages:,.0f}",
            f"{node.requests:,.0f}",
            f"{verdict.busy:.1%}",
            f"{verdict.reads:,.0f}",
            f"{verdict.median:.2f}",
            f"{verdict.p99:.1f}",
            enough(verdict, machine),
        )


def enough(verdict: Verdict, machine: Machine) -> str:
    """`yes`, or the resources that are too small."""
    exceeded = {
        "processors": verdict.busy > machine.busy,
        "disk": verdict.disk > machine.full,
        "reads": verdict.reads > machine.reads,
    }
    return (
        ", ".join(f"no: {name}" for name, is_exceeded in exceeded.items() if is_exceeded) or "yes"
    )


def memory_table(load: Load, parts: Sequence[tuple[float, int]], seed: int) -> Table:
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
    node = fullest_node(load, parts, 8)
    for memory in (8, 32, 128, 512):
        for page_ms in (0.1, 1.0, 8.0):
            machine = Machine(memory=memory * GB, page_ms=page_ms)
            verdict = judge(node, machine, Costs(), load, random.Random(seed))
            yield (
                memory,
                page_ms,
                f"{verdict.newest:.0%}",
                f"{verdict.old:.0%}",
                f"{verdict.reads:,.0f}",
                f"{verdict.median:.2f}",
                f"{verdict.p99:.1f}",
            )


def installation_table() -> Table:
    """The machine for each of INSTALLATIONS."""
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
    costs, load, machine = Costs(), Load(), Machine()
    for a_day, days, requests in INSTALLATIONS:
        kept, peak = a_day * days, a_day * load.peak
        store = (peak * costs.written_us + requests * costs.ten_rows_us) / 1e6 / machine.busy
        gateways = (peak * costs.imported_us + requests * costs.gateway_ten_us) / 1e6 / machine.busy
        disk = kept * costs.bytes / machine.full / GB
        hot = a_day * load.hot_days * costs.bytes / GB / machine.cache
        yield (
            f"{a_day:,}",
            f"{days} days",
            f"{requests:,}",
            f"{kept:,}",
            f"{disk:,.0f}",
            1 << ceil(log2(max(hot, 2))),
            max(1, ceil(store)),
            max(1, ceil(gateways)),
            engine(kept, store + gateways, disk),
        )


def engine(kept: float, processors: float, disk: float) -> str:
    """The simplest engine that suffices; the disk in GB."""
    machine = Machine()
    if kept <= 100_000_000 and processors <= 4:
        return "SQLite"
    if disk <= machine.disk / GB and processors <= 2 * machine.cores:
        return "PostgreSQL"
    return f"Citus, {ceil(max(disk * GB / machine.disk, processors / machine.cores))} nodes"


def main() -> None:
    """Print all tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.simulation")
    parser.add_argument("--seed", type=int, default=1)
    print("\n".join(page(parser.parse_args().seed, Load())))


def page(seed: int, load: Load) -> Iterator[str]:
    """The assumptions and the tables of a seed."""
    draw = random.Random(seed)
    sizes = account_sizes(load, draw)
    parts = shards(load, sizes, draw)
    yield "| assumed | |"
    yield "|---|---|"
    for assumed in (load, Costs(), Machine()):
        for name, value in assumed._asdict().items():
            yield f"| {type(assumed).__name__.lower()}: {name} | {number(value)} |"
    for table in (
        account_table(sizes),
        node_table(load, parts, seed),
        memory_table(load, parts, seed),
        installation_table(),
    ):
        yield ""
        yield from in_markdown(table)


def number(value: object) -> str:
    """Three significant digits, thousands separated; the items of a tuple."""
    if isinstance(value, tuple):
        return " ".join(map(str, value))
    return f"{value:,.0f}" if isinstance(value, int | float) and value >= 1e3 else f"{value:.3g}"


def in_markdown(table: Table) -> Iterator[str]:
    """A table; its first row is the head."""
    for index, row in enumerate(table):
        yield f"| {' | '.join(map(str, row))} |"
        if not index:
            yield "|---" * len(row) + "|"


if __name__ == "__main__":
    main()
