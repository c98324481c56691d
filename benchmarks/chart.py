"""A plot as SVG: each target's ratio as a share of the target, on a logarithmic scale."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from benchmarks.report import Ratio, Result

LEFT, WIDTH, ROW, TOP = 350, 360, 20, 40  # pixels
LEAST, MOST = 0.1, 10.0  # shares at the two ends of the scale
MET, MISSED = "#2a7f4f", "#c0392b"


def draw(results: Sequence[Result]) -> str:
    """The whole picture."""
    rows = [
        (result.case.name, ratio)
        for result in results
        for ratio in result.ratios()
        if ratio.target.bound is not None
    ]
    width, height = LEFT + WIDTH + 110, TOP + ROW * len(rows) + 10
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}"'
            ' font-family="sans-serif" font-size="11">',
            '<rect width="100%" height="100%" fill="white"/>',
            *_scale(height),
            *(part for place, row in enumerate(rows) for part in _bar(place, *row)),
            "</svg>\n",
        ]
    )


def _scale(height: int) -> Iterator[str]:
    yield f'<text x="{LEFT}" y="14">share of the target: right of the line it is met</text>'
    for share in (0.1, 0.2, 0.5, 1, 2, 5, 10):
        x, dark = _x(share), share == 1
        yield f'<text x="{x:.0f}" y="30" text-anchor="middle">{share:g}</text>'
        yield (
            f'<line x1="{x:.0f}" x2="{x:.0f}" y1="{TOP - 6}" y2="{height - 6}" '
            f'stroke="{"#000" if dark else "#ccc"}"/>'
        )


def _bar(place: int, case: str, ratio: Ratio) -> Iterator[str]:
    from benchmarks.report import asked, comparison, number

    y = TOP + ROW * place
    low, middle, high = (_share(ratio, value) for value in (ratio.least, ratio.median, ratio.most))
    start, end = sorted((_x(1), _x(middle)))
    color = MET if ratio.is_met else MISSED
    label = escape(f"{case}: {comparison(ratio.target, '')}".replace("`", "").rstrip(", "))
    yield f'<text x="{LEFT - 8}" y="{y + 11}" text-anchor="end">{label}</text>'
    yield (
        f'<rect x="{start:.1f}" y="{y + 2}" width="{max(1, end - start):.1f}" '
        f'height="{ROW - 8}" fill="{color}"/>'
    )
    yield (
        f'<line x1="{_x(low):.1f}" x2="{_x(high):.1f}" y1="{y + 8}" y2="{y + 8}" stroke="#333"/>'
    )
    value = f"{number(ratio.median)} ({asked(ratio.target)})"
    yield f'<text x="{LEFT + WIDTH + 8}" y="{y + 11}">{value}</text>'


def _share(ratio: Ratio, value: float) -> float:
    """Above 1 is better than asked for, whichever way the target goes."""
    bound = ratio.target.bound or 1
    return value / bound if ratio.target.at_least is not None else bound / max(value, 1e-9)


def _x(share: float) -> float:
    inside = min(max(share, LEAST), MOST)
    return LEFT + WIDTH * math.log(inside / LEAST) / math.log(MOST / LEAST)
