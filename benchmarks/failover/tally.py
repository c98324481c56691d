"""What became of the requests of a kind."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from itertools import pairwise


@dataclass
class Tally:
    """Counts for threads to share. Times are those of `time.monotonic`, which all processes of a
    machine have in common."""

    began: float = field(default_factory=time.monotonic)
    ended: float = 0
    acknowledged: list[float] = field(default_factory=list)
    failed: Counter[str] = field(default_factory=Counter)
    said: Counter[str] = field(default_factory=Counter)  # the words of failures, for who looks
    wrong: list[str] = field(default_factory=list)
    lost: int = 0

    def end(self) -> None:
        """No more is asked from now on."""
        self.ended = self.ended or time.monotonic()

    def longest_gap(self) -> float:
        """The longest time without a success, in seconds."""
        times = sorted([self.began, *self.acknowledged, self.ended or time.monotonic()])
        return max(after - before for before, after in pairwise(times))

    def first_after(self, moment: float) -> float | None:
        """How long after that moment the next success came."""
        return min((one - moment for one in self.acknowledged if one > moment), default=None)


HEAD = """
| Requests | acknowledged | of these lost | failed | wrong answers | longest gap |
|---|---|---|---|---|---|
""".strip()


def table(tallies: dict[str, Tally]) -> str:
    """As it stands in the docs."""
    rows = (
        f"| {kind} | {len(one.acknowledged):,} | {one.lost} | {_failed(one)} "
        f"| {len(one.wrong)} | {one.longest_gap():.1f} s |"
        for kind, one in tallies.items()
    )
    return "\n".join((HEAD, *rows))


def _failed(tally: Tally) -> str:
    """How many, and what they were told."""
    reasons = ", ".join(f"{count:,} {reason}" for reason, count in sorted(tally.failed.items()))
    total = tally.failed.total()
    return f"{total:,} ({reasons})" if total else "0"
