"""Tallies of requests."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise


@dataclass
class Tally:
    """Outcomes of one client's requests of one kind. Times are those of `time.monotonic`, which all
    processes of a machine share. `failed` counts reasons, `messages` the texts of failures."""

    kind: str
    ended: float = 0
    acknowledged: list[float] = field(default_factory=list)
    failed: Counter[str] = field(default_factory=Counter)
    messages: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    lost: int = 0

    def longest_gap(self, since: float = 0) -> float:
        """The longest time between two successes, in seconds, that ended after `since`."""
        times = sorted([*self.acknowledged, self.ended or time.monotonic()])
        return max(after - before for before, after in pairwise(times) if after > since)


HEAD = """
| Requests | acknowledged | of these lost | failed | wrong answers | longest gap of a client |
|---|---|---|---|---|---|
""".strip()


def table(tallies: Iterable[Tally]) -> str:
    """Markdown, a row for each kind."""
    kinds: dict[str, list[Tally]] = {}
    for tally in tallies:
        kinds.setdefault(tally.kind, []).append(tally)
    return "\n".join((HEAD, *(_row(kind, of_kind) for kind, of_kind in sorted(kinds.items()))))


def longest_gap(tallies: Iterable[Tally], kind: str, since: float = 0) -> float:
    """The longest gap of all clients of a kind."""
    return max(tally.longest_gap(since) for tally in tallies if tally.kind.startswith(kind))


def _row(kind: str, tallies: list[Tally]) -> str:
    failed = sum((tally.failed for tally in tallies), Counter[str]())
    reasons = ", ".join(f"{count:,} {reason}" for reason, count in sorted(failed.items()))
    cells = (
        kind,
        f"{sum(len(tally.acknowledged) for tally in tallies):,}",
        f"{sum(tally.lost for tally in tallies)}",
        f"{failed.total():,} ({reasons})" if failed else "0",
        f"{sum(len(tally.wrong) for tally in tallies)}",
        f"{longest_gap(tallies, kind):.1f} s",
    )
    return f"| {' | '.join(cells)} |"
