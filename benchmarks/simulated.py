"""The model behind simulation.py: who sends and asks, where that falls, what a node makes of it.

What is taken from measurements stands in Costs, what is assumed about those who send and ask in
Load, and what machines can do in Machine. A node is a worker of Citus, or the only server. Its
busiest hour counts: what holds for that holds for all.
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
    """Who sends and asks. Sizes of accounts are by Pareto's law: the smaller `law`, the more of all
    messages are those of a few. A customer has on average so many accounts, all on one shard."""

    messages: int = 10_000_000_000
    accounts: int = 100_000
    kept_days: int = 730
    law: float = 1.16  # four fifths are those of a fifth
    largest: float = 0.01  # of all messages; who has more has an installation of its own
    accounts_of_customer: float = 2.5
    polls_a_day: float = 288  # of each account: a program that asks every five minutes
    asks_a_message: float = 0.5  # and who looks after messages that were sent
    hundred_rows: float = 0.07  # of all requests
    old_rows: float = 0.03  # of all requests: 100 rows of any time
    whole_a_day: float = 1 / 30  # whole histories of an account
    hours: tuple[int, ...] = (
        1,
        1,
        1,
        1,
        1,
        2,
        3,
        5,
        8,
        9,
        9,
        9,
        8,
        8,
        9,
        9,
        8,
        7,
        6,
        5,
        4,
        3,
        2,
        1,
    )
    shards: int = 128
    hot_days: float = 3  # whose pages are written and read again and again


class Machine(NamedTuple):
    """A node. Of its memory a share keeps pages; `page_ms` is what one from the disk takes. Beyond
    `busy` of its processors, or `reads` pages a second, it is too small; a disk is filled to
    `full`."""

    cores: int = 16
    memory: float = 128 * GB
    cache: float = 0.7
    disk: float = 4_000 * GB
    reads: float = 20_000
    page_ms: float = 0.25
    busy: float = 0.6
    full: float = 0.7


class Node(NamedTuple):
    """How many messages a node keeps, for how many accounts; and what comes in its busiest hour,
    each second: messages, requests, and rows of whole histories."""

    kept: float
    accounts: float
    messages: float
    requests: float
    rows: float


class Verdict(NamedTuple):
    """What that comes to: shares of its processors, of its disk, of pages found in memory when the
    newest or old rows are asked for, pages read a second, and waits in ms."""

    busy: float
    disk: float
    newest: float
    old: float
    reads: float
    median: float
    p99: float


def sizes(load: Load, draw: random.Random) -> list[float]:
    """Messages of each account, the most first."""
    drawn = [draw.paretovariate(load.law) for _ in range(load.accounts)]
    for _ in range(20):  # what the largest may not have, the others get
        scale = load.messages / sum(drawn)
        drawn = [min(one * scale, load.largest * load.messages) for one in drawn]
    return sorted(drawn, reverse=True)


def shards(load: Load, accounts: Sequence[float], draw: random.Random) -> list[tuple[float, int]]:
    """Messages and accounts of each shard: whole customers, wherever their hash falls."""
    messages, counts = [0.0] * load.shards, [0] * load.shards
    mixed = draw.sample(accounts, len(accounts))
    shard = 0
    for size in mixed:
        if draw.random() < 1 / load.accounts_of_customer:
            shard = draw.randrange(load.shards)
        messages[shard] += size
        counts[shard] += 1
    return list(zip(messages, counts, strict=True))


def fullest(load: Load, parts: Sequence[tuple[float, int]], nodes: int) -> Node:
    """The node with most messages, in the busiest hour: shards go around, by their number."""
    peak = max(load.hours) * 24 / sum(load.hours) / DAY
    found = []
    for node in range(nodes):
        mine = parts[node::nodes]
        kept, accounts = sum(one for one, _ in mine), sum(count for _, count in mine)
        messages = kept / load.kept_days * peak
        requests = accounts * load.polls_a_day * peak + messages * load.asks_a_message
        found.append(Node(kept, accounts, messages, requests, kept * load.whole_a_day * peak))
    return max(found, key=lambda one: one.kept)


def judge(node: Node, machine: Machine, costs: Costs, load: Load, draw: random.Random) -> Verdict:
    """What the machine does with that."""
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
        wait(machine, costs, load, (newest, old, busy, pages), draw) for _ in range(20_000)
    )
    middle, late = waits[len(waits) // 2], waits[len(waits) * 99 // 100]
    disk = node.kept * costs.bytes / machine.disk
    return Verdict(busy, disk, newest, old, reads, middle, late)


def wait(
    machine: Machine,
    costs: Costs,
    load: Load,
    state: tuple[float, float, float, float],
    draw: random.Random,
) -> float:
    """Milliseconds of a request that is drawn: work, pages from the disk, and a queue before the
    processors (Sakasegawa's approximation)."""
    newest, old, busy, pages = state
    kind = draw.random()
    is_old = kind < load.old_rows
    is_ten = kind >= load.old_rows + load.hundred_rows
    us = costs.ten_rows_us if is_ten else costs.hundred_rows_us
    us += costs.gateway_ten_us if is_ten else costs.gateway_hundred_us
    hit, looked_at = (old, round(pages)) if is_old else (newest, 2)
    missed = sum(draw.random() > hit for _ in range(looked_at))
    queue = us * busy ** (sqrt(2 * (machine.cores + 1)) - 1) / machine.cores / max(1e-3, 1 - busy)
    disk = sum(draw.expovariate(1 / machine.page_ms) for _ in range(missed))
    return us / 1e3 + (draw.expovariate(1 / queue) / 1e3 if queue > 1e-6 else 0) + disk
