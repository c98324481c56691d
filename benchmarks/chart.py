"""A plot as SVG: each ratio as a share of its target, on a logarithmic scale."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from html import escape
from typing import NamedTuple

LEFT, WIDTH, ROW, TOP = 350, 360, 20, 40  # pixels
LEAST, MOST = 0.1, 10.0  # shares at the two ends of the scale
MET, MISSED = "#2a7f4f", "#c0392b"


class Bar(NamedTuple):
    """A row of the plot. A share above 1 is better than its target; `low` and `high` are the spread
    of the rounds."""

    label: str
    value: str
    low: float
    share: float
    high: float


def draw(bars: Sequence[Bar]) -> str:
    """The whole picture."""
    width, height = LEFT + WIDTH + 110, TOP + ROW * len(bars) + 10
    lines = (line for number, bar in enumerate(bars) for line in _bar(TOP + ROW * number, bar))
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}"'
            ' font-family="sans-serif" font-size="11">',
            '<rect width="100%" height="100%" fill="white"/>',
            *_scale(height),
            *lines,
            "</svg>\n",
        ]
    )


def _scale(height: int) -> Iterator[str]:
    yield f'<text x="{LEFT}" y="14">share of the target: right of the line it is met</text>'
    for share in (0.1, 0.2, 0.5, 1, 2, 5, 10):
        x, color = _x(share), "#000" if share == 1 else "#ccc"
        yield f'<text x="{x:.0f}" y="30" text-anchor="middle">{share:g}</text>'
        yield _line(x, x, TOP - 6, height - 6, color)


def _bar(y: int, bar: Bar) -> Iterator[str]:
    start, end = sorted((_x(1), _x(bar.share)))
    width, color = max(1, end - start), MET if bar.share >= 1 else MISSED
    yield f'<text x="{LEFT - 8}" y="{y + 11}" text-anchor="end">{escape(bar.label)}</text>'
    yield (
        f'<rect x="{start:.1f}" y="{y + 2}" width="{width:.1f}" height="{ROW - 8}" fill="{color}"/>'
    )
    yield _line(_x(bar.low), _x(bar.high), y + 8, y + 8, "#333")
    yield f'<text x="{LEFT + WIDTH + 8}" y="{y + 11}">{bar.value}</text>'


def _line(x1: float, x2: float, y1: int, y2: int, color: str) -> str:
    return f'<line x1="{x1:.1f}" x2="{x2:.1f}" y1="{y1}" y2="{y2}" stroke="{color}"/>'


def _x(share: float) -> float:
    inside = min(max(share, LEAST), MOST)
    return LEFT + WIDTH * math.log(inside / LEAST) / math.log(MOST / LEAST)
