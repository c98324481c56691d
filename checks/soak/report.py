"""The report, as it is printed and kept in docs/soak.md."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Mapping, Sequence
from textwrap import fill

from benchmarks.machine import commit
from checks.soak.clients import Soak
from checks.soak.resources import Resources

HEAD = """# A soak

`make soak SOAK_SECONDS={seconds}` at commit {commit}: clients of every kind at once, at a server of
two processes over a store of some 20,000 messages, on a machine of {cores} cores that runs the
clients too. Valid answers are compared byte for byte, timestamps apart; misbehaving clients have
addresses of their own.

| Clients | Answers by outcome |
|---|---|
"""


def report(
    soak: Soak, resources: Resources, counted: Mapping[str, int], seconds: int, wrong: Sequence[str]
) -> str:
    """The page."""
    total = sum(soak.counted.values())
    verdict = f"{len(wrong)} things were wrong" if wrong else "nothing was wrong"
    by_server = ", ".join(f"{count:,} {outcome}" for outcome, count in sorted(counted.items()))
    lines = [
        HEAD.format(seconds=seconds, commit=commit(), cores=os.cpu_count()).rstrip(),
        *(f"| {kind} | {outcomes} |" for kind, outcomes in _outcomes(soak)),
        "",
        fill(f"The server's own metrics count {by_server}.", 100),
        "",
        "| Process | MB in each third | Descriptors before | at most | after |",
        "|---|---|---|---|---|",
        *(_process(resources, number, pid) for number, pid in enumerate(resources.pids)),
        "",
        f"{total:,} exchanges in {seconds} seconds; {verdict}.",
    ]
    return "\n".join(lines) + "\n"


def _process(resources: Resources, number: int, pid: int) -> str:
    name = f"worker {number}" if number else "arbiter"
    thirds = ", ".join(f"{count / 1e6:.1f}" for count in resources.thirds(pid))
    counts = f"{resources.before[pid]} | {resources.most[pid]} | {resources.after[pid]}"
    return f"| {name} | {thirds} | {counts} |"


def _outcomes(soak: Soak) -> list[tuple[str, str]]:
    kinds: dict[str, list[str]] = defaultdict(list)
    for (kind, outcome), count in sorted(soak.counted.items()):
        kinds[kind].append(f"{count:,} {outcome}")
    return [(kind, ", ".join(outcomes)) for kind, outcomes in kinds.items()]
