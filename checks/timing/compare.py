"""Statistics: the difference between two samples of times."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from math import sqrt
from statistics import median, quantiles
from typing import NamedTuple

KS_AT_5_PERCENT = 1.358  # times sqrt((n + m) / nm): chance exceeds it once in twenty


class Difference(NamedTuple):
    """The difference of one sample from another.

    `advantage` is how much better than by chance one time of each can be told apart by which is
    longer: 0 not at all, 1 always, negative for shorter (2 x AUC - 1, of the statistic by Mann and
    Whitney), and `sigmas` the same in standard deviations of chance. `distance` is the greatest
    between the distributions (Kolmogorov and Smirnov), `chance` the value to expect of it."""

    advantage: float
    sigmas: float
    distance: float
    chance: float


def difference(times: Sequence[float], others: Sequence[float]) -> Difference:
    """The difference of `times` from `others`; ties count half."""
    left, right = sorted(times), sorted(others)
    n, m = len(left), len(right)
    wins = sum(bisect_left(right, time) + bisect_right(right, time) for time in left) / 2
    advantage = 2 * wins / (n * m) - 1
    deviation = sqrt((n + m + 1) / (3 * n * m))
    distance = max(
        abs(bisect_right(left, time) / n - bisect_right(right, time) / m)
        for time in {*left, *right}
    )
    chance = KS_AT_5_PERCENT * sqrt((n + m) / (n * m))
    return Difference(advantage, advantage / deviation, distance, chance)


def summary(times: Sequence[float]) -> tuple[float, float, float, float]:
    """First decile, median, ninth decile, 99th percentile."""
    hundredths = quantiles(times, n=100)
    return hundredths[9], median(times), hundredths[89], hundredths[98]
