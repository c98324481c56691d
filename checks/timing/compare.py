"""How far two samples of times differ."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from math import sqrt
from statistics import median, quantiles
from typing import NamedTuple

KS_AT_5_PERCENT = 1.358  # times sqrt((n + m) / nm): what chance alone exceeds once in twenty


class Difference(NamedTuple):
    """Of a sample from another one.

    `advantage` is how much better than by chance somebody tells one time of each apart by which is
    longer: 0 is not at all, 1 is always, negative means shorter (2 x AUC - 1, of the statistic by
    Mann and Whitney). `sigmas` is how many standard deviations of chance that is. `distance` is the
    greatest between the distributions (Kolmogorov and Smirnov), `chance` what is to be expected."""

    advantage: float
    sigmas: float
    distance: float
    chance: float


def difference(times: Sequence[float], others: Sequence[float]) -> Difference:
    """Of `times` from `others`; ties count half."""
    one, other = sorted(times), sorted(others)
    n, m = len(one), len(other)
    wins = sum(_below(other, time) for time in one)
    advantage = 2 * wins / (n * m) - 1
    deviation = sqrt((n + m + 1) / (3 * n * m))
    places = {*one, *other}
    distance = max(abs(bisect_right(one, at) / n - bisect_right(other, at) / m) for at in places)
    chance = KS_AT_5_PERCENT * sqrt((n + m) / (n * m))
    return Difference(advantage, advantage / deviation, distance, chance)


def _below(ordered: Sequence[float], time: float) -> float:
    """How many are less, and half of those that are equal."""
    upper = bisect_right(ordered, time)
    equal = 0
    while equal < upper and ordered[upper - 1 - equal] == time:
        equal += 1
    return upper - equal / 2


def described(times: Sequence[float]) -> tuple[float, float, float, float]:
    """First decile, median, ninth decile, 99th percentile."""
    hundredths = quantiles(times, n=100)
    return hundredths[9], median(times), hundredths[89], hundredths[98]
