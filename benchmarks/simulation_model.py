"""The model behind simulation.py: accounts, the shards they fall on, the load of a node.

Costs has what was measured, Load what is assumed about senders and readers, Machine what hardware
does. A node is a worker of Citus, or the only server. Its busiest hour decides.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from math import sqrt
from typing import NamedTuple

DAY, PAGE, GB = 86_400, 8_192, 1e9


class Costs(NamedTuple):
    """Figures measured at commit 73262a5 (docs/scaling.md): bytes a message in tables and indexes,
    µs of a processor at the server of PostgreSQL and at the gateway."""

    bytes: float = 781
    key_bytes: float = 190
    written_us: float = 21
    ten_rows_us: float = 230
    hundred_rows_us: float = 300
    row_us: float = 0.79
    gateway_ten_us: float = 852
    gateway_hundred_us: float = 1002
    imported_us: float = 59


class Load(NamedTuple):
    """Messages and requests. Account sizes follow Pareto's distribution: the smaller its shape, the
    larger the share of the largest. A customer's accounts are all on one shard."""

    messages: int = 10_000_000_000
    accounts: int = 100_000
    kept_days: int = 730
    pareto_shape: float = 1.16  # a fifth of the accounts has four fifths of the messages
    largest_share: float = 0.01  # a larger account has an installation of its own
    accounts_a_customer: float = 2.5
    polls_a_day: float = 288  # of each account: a program that polls every five minutes
    requests_a_message: float = 0.5  # beside the polls
    hundred_rows: float = 0.07  # of all requests
    old_rows: float = 0.03  # of all requests: 100 rows of any time
    whole_a_day: float = 1 / 30  # whole histories of an account
    # fmt: off
    hours: tuple[int, ...] = (
        1, 1, 1, 1, 1, 2, 3, 5, 8, 9, 9, 9, 8, 8, 9, 9, 8, 7, 6, 5, 4, 3, 2, 1,
    )
    # fmt: on
    shards: int = 128
    hot_days: float = 3  # whose pages are written and read again and again

    @property
    def peak(self) -> float:
        """Share of a day's events that falls into a second of the busiest hour."""
        return max(self.hours) * 24 / sum(self.hours) / DAY


class Machine(NamedTuple):
    """A node. A share of its memory caches pages; `page_ms` is the time to read one from the disk.
    It is too small beyond `busy` of its processors, `full` of its disk, or `reads` pages a second.
    """

    cores: int = 16
    memory: float = 128 * GB
    cache: float = 0.7
    disk: float = 4_000 * GB
    reads: float = 20_000
    page_ms: float = 0.25
    busy: float = 0.6
    full: float = 0.7


class Node(NamedTuple):
    """Messages and accounts that a node stores, and its load a second in the busiest hour: new
    messages, requests, and rows of whole histories."""

    kept: float
    accounts: float
    messages: float
    requests: float
    rows: float


class Verdict(NamedTuple):
    """A node's load on its machine: shares of the processors and of the disk, cache hit rates of
    the newest and of old rows, pages read a second, and waits in ms."""

    busy: float
    disk: float
    newest: float
    old: float
    reads: float
    median: float
    p99: float


def account_sizes(load: Load, draw: random.Random) -> list[float]:
    """Messages of each account, the largest first."""
    drawn = [draw.paretovariate(load.pareto_shape) for _ in range(load.accounts)]
    for _ in range(20):  # messages beyond the largest share go to the other accounts
        scale = load.messages / sum(drawn)
        drawn = [min(size * scale, load.largest_share * load.messages) for size in drawn]
    return sorted(drawn, reverse=True)


def shards(load: Load, sizes: Sequence[float], draw: random.Random) -> list[tuple[float, int]]:
    """Messages and accounts of each shard: whole customers, by a hash."""
    messages, counts = [0.0] * load.shards, [0] * load.shards
    shard = 0
    for size in draw.sample(sizes, len(sizes)):
        if draw.random() < 1 / load.accounts_a_customer:
            shard = draw.randrange(load.shards)
        messages[shard] += size
        counts[shard] += 1
    return list(zip(messages, counts, strict=True))


def fullest_node(load: Load, shards: Sequence[tuple[float, int]], count: int) -> Node:
    """The node with most messages of so many; shard n is on node n modulo the count."""
    nodes = []
    for first in range(count):
        of_node = shards[first::count]
        kept, accounts = sum(size for size, _ in of_node), sum(count for _, count in of_node)
        messages = kept / load.kept_days * load.peak
        requests = accounts * load.polls_a_day * load.peak + messages * load.requests_a_message
        nodes.append(Node(kept, accounts, messages, requests, kept * load.whole_a_day * load.peak))
    return max(nodes, key=lambda node: node.kept)


def judge(node: Node, machine: Machine, costs: Costs, load: Load, draw: random.Random) -> Verdict:
    """The load of the node on the machine."""
    cache = machine.memory * machine.cache
    hot = node.messages * DAY * load.hot_days * costs.bytes + node.accounts * 2 * PAGE
    keys = node.kept * costs.key_bytes
    newest = min(1.0, cache / hot)
    old = min(1.0, max(0.0, cache - hot) / keys)
    ten = 1 - load.hundred_rows - load.old_rows
    us = ten * costs.ten_rows_us + (1 - ten) * costs.hundred_rows_us
    work = node.messages * costs.written_us + node.requests * us + node.rows * costs.row_us
    busy = work / 1e6 / machine.cores
    pages = 1 + 100 * costs.key_bytes / PAGE
    reads = node.requests * ((1 - load.old_rows) * (1 - newest) * 2)
    reads += node.requests * load.old_rows * (1 - old) * pages
    reads += node.rows * costs.key_bytes / PAGE * (1 - old) + node.messages * (1 - newest) * 4
    waits = sorted(
        _wait(machine, costs, load, (newest, old, busy, pages), draw) for _ in range(20_000)
    )
    median, p99 = waits[len(waits) // 2], waits[len(waits) * 99 // 100]
    disk = node.kept * costs.bytes / machine.disk
    return Verdict(busy, disk, newest, old, reads, median, p99)


def _wait(
    machine: Machine,
    costs: Costs,
    load: Load,
    state: tuple[float, float, float, float],
    draw: random.Random,
) -> float:
    """Milliseconds of a random request: work, pages from the disk, and a queue before the
    processors (Sakasegawa's approximation)."""
    newest, old, busy, pages = state
    kind = draw.random()
    is_old = kind < load.old_rows
    is_ten = kind >= load.old_rows + load.hundred_rows
    us = costs.ten_rows_us if is_ten else costs.hundred_rows_us
    us += costs.gateway_ten_us if is_ten else costs.gateway_hundred_us
    hit_rate, page_count = (old, round(pages)) if is_old else (newest, 2)
    missed = sum(draw.random() > hit_rate for _ in range(page_count))
    queue = us * busy ** (sqrt(2 * (machine.cores + 1)) - 1) / machine.cores / max(1e-3, 1 - busy)
    disk = sum(draw.expovariate(1 / machine.page_ms) for _ in range(missed))
    return us / 1e3 + (draw.expovariate(1 / queue) / 1e3 if queue > 1e-6 else 0) + disk
