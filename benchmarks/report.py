"""Results: values, ratios with their spread, targets, docs/benchmarks.md."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from textwrap import fill
from typing import NamedTuple

from benchmarks import chart, machine
from benchmarks.bench import Round
from benchmarks.candidates import CANDIDATES
from benchmarks.cases import Case, Target

DOCS = Path(__file__).parent.parent / "docs"
TITLES = {
    "sqlite3": "`sqlite3 -json`",
    "drain": "bare `fetchmany` drain",
    "csv": "`csv.reader`",
} | {name: candidate.title for name, candidate in CANDIDATES.items()}


class Ratio(NamedTuple):
    """A target with the median, the least and the most of its rounds."""

    target: Target
    median: float
    least: float
    most: float

    @property
    def is_met(self) -> bool:
        return self.target.is_met(self.median)

    @property
    def verdict(self) -> str:
        """A cell of the table."""
        if self.target.bound is None:
            return ""
        return "met" if self.is_met else "**missed**"


@dataclass(frozen=True)
class Result:
    """A case and its rounds."""

    case: Case
    rounds: Sequence[Round]

    def ratios(self) -> list[Ratio]:
        """The targets of the case; a ratio is that of one round."""
        return [ratio(target, self.rounds) for target in self.case.targets]

    def bounded(self) -> list[Ratio]:
        """The targets with a bound."""
        return [ratio for ratio in self.ratios() if ratio.target.bound is not None]

    def values(self) -> dict[str, float]:
        """Medians of the participants."""
        return {name: median(values[name] for values in self.rounds) for name in self.rounds[0]}


def ratio(target: Target, rounds: Sequence[Round]) -> Ratio:
    """Median and spread over the rounds."""
    values = [target.value(one_round) for one_round in rounds]
    return Ratio(target, median(values), min(values), max(values))


def result_lines(result: Result) -> Iterator[str]:
    """Markdown of a case: the values, and a table of the ratios."""
    case = result.case
    values = [f"{title(name)} {number(value)}" for name, value in result.values().items()]
    yield f"### {case.title} (`{case.name}`)"
    yield ""
    yield f"Median {case.unit}: {'; '.join(values)}."
    yield ""
    yield "| compared | median | spread | target | |"
    yield "|---|---|---|---|---|"
    for ratio in result.ratios():
        cells = (
            comparison(ratio.target, case.unit),
            number(ratio.median),
            f"{number(ratio.least)} – {number(ratio.most)}",
            bound_text(ratio.target),
            ratio.verdict,
        )
        yield f"| {' | '.join(cells)} |"
    yield ""


def title(name: str) -> str:
    """The full name of a participant."""
    return TITLES.get(name, name)


def comparison(target: Target, unit: str) -> str:
    """`boxis_gateway ÷ Datasette`, or a value with its unit."""
    if target.right:
        return f"{title(target.left)} ÷ {title(target.right)}"
    return f"{target.left}, {unit}" if target.at_most is not None else target.left


def bound_text(target: Target) -> str:
    """`≥ 0.4`, `≤ 20`, or `–`."""
    if target.bound is None:
        return "–"
    return f"{'≥' if target.at_least is not None else '≤'} {target.bound:g}"


def number(value: float) -> str:
    """Three significant digits, thousands separated."""
    if value >= 1000:
        return f"{round(value, 2 - len(str(int(value)))):,.0f}"
    return f"{value:#.3g}".rstrip(".")


def summary(results: Sequence[Result]) -> str:
    """The number of targets that are met, and the others by name."""
    bounded = [(result.case, ratio) for result in results for ratio in result.bounded()]
    missed = [
        f"`{case.name}` {comparison(ratio.target, case.unit)} "
        f"({number(ratio.median)}, target {bound_text(ratio.target)})"
        for case, ratio in bounded
        if not ratio.is_met
    ]
    met = f"{len(bounded) - len(missed)} of {len(bounded)} targets are met."
    return f"{met} Missed: {'; '.join(missed)}." if missed else met


def write(results: Sequence[Result], command: str) -> Path:
    """Write docs/benchmarks.md and its plot."""
    bars = [bar(result.case, ratio) for result in results for ratio in result.bounded()]
    (DOCS / "benchmarks.svg").write_text(chart.draw(bars))
    path = DOCS / "benchmarks.md"
    lines = (
        line if line[:1] in ("|", "#", "!") else fill(line, 100, break_on_hyphens=False)
        for line in "\n".join(page(results, command)).splitlines()
    )
    path.write_text("\n".join(lines) + "\n")
    return path


def write_table(command: str, table: str) -> None:
    """Replace the table of that command in docs/performance-measurements.md."""
    path = DOCS / "performance-measurements.md"
    pattern = rf"^`{re.escape(command)}` at commit [^\n]*:\n\n(?:\|[^\n]*\n)+"
    caption = f"`{command}` at commit {machine.commit()}:\n\n"
    text, count = re.subn(pattern, lambda _: f"{caption}{table}\n", path.read_text(), flags=re.M)
    assert count == 1, command
    path.write_text(text)


def bar(case: Case, ratio: Ratio) -> chart.Bar:
    """A row of the plot."""
    bound = ratio.target.bound or 1
    rising = ratio.target.at_least is not None
    low, share, high = (
        value / bound if rising else bound / max(value, 1e-9)
        for value in (ratio.least, ratio.median, ratio.most)
    )
    label = f"{case.name}: {comparison(ratio.target, '')}".replace("`", "").rstrip(", ")
    return chart.Bar(
        label, f"{number(ratio.median)} ({bound_text(ratio.target)})", low, share, high
    )


def page(results: Sequence[Result], command: str) -> Iterator[str]:
    """The whole page in Markdown."""
    now = f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"
    yield HEAD.format(command=command, commit=machine.commit(), now=now, summary=summary(results))
    yield "| machine | |"
    yield "|---|---|"
    for name, value in machine.facts():
        yield f"| {name} | {value} |"
    yield ""
    for result in results:
        yield from result_lines(result)


HEAD = """# Benchmarks

One run of `{command}` at commit {commit}, on {now}. The ratios are what counts: each
is made within a round in which the candidates took turns; the tables show the median of the rounds,
and as spread the least and the most. Rates hold for this machine alone.

{summary}

![Each target's ratio, as a share of the target](benchmarks.svg)

All candidates have one worker. `wrk` sends the load from a process of its own over 16 connections
that are kept alive. Before that, a parser reads some answers of each candidate, and they are
compared with SQL and zoneinfo. PHP has two processes: one child of php-fpm, and nginx in front.
Datasette does less than the others: no signature, and dates in UTC. The bare view and nginx's files
serve the bytes of one real answer of median size. Import rates leave out the start of the command.

The cases of writes add an action to the gateway: a request inserts its rows into a table of a copy
of the store, and is answered when they are committed. The rows in that table are compared with what
`wrk` counted. Paced requests are evenly spaced; one that is due while its connection is busy counts
from then on. Where a flush takes 5 ms, SQLite has a VFS that waits before each xSync, and
PostgreSQL has `commit_delay`; the comparison is the same server with groups of one write. Killed
servers are killed with all their processes; a new one over the same store has to answer.
"""
