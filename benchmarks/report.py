"""What came out: values, ratios with their spread, targets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import NamedTuple

from benchmarks import chart, machine
from benchmarks.asks import utc_now_text
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
    """A target and what the rounds gave: median, least and most."""

    target: Target
    median: float
    least: float
    most: float

    @property
    def is_met(self) -> bool:
        return self.target.is_met(self.median)

    @property
    def verdict(self) -> str:
        """For the table."""
        if self.target.bound is None:
            return ""
        return "met" if self.is_met else "**missed**"


@dataclass(frozen=True)
class Result:
    """A case and its rounds."""

    case: Case
    rounds: Sequence[Round]

    def ratios(self) -> list[Ratio]:
        """For each target of the case. Ratios are made within each round."""
        return [ratio(target, self.rounds) for target in self.case.targets]

    def values(self) -> dict[str, float]:
        """The medians of all that took part."""
        return {name: median(one[name] for one in self.rounds) for name in self.rounds[0]}


def ratio(target: Target, rounds: Sequence[Round]) -> Ratio:
    """Median and spread over the rounds."""
    values = [target.value(one) for one in rounds]
    return Ratio(target, median(values), min(values), max(values))


def result_lines(result: Result) -> Iterator[str]:
    """One case in Markdown: the values, and a table of the ratios."""
    case = result.case
    yield f"### {case.title} (`{case.name}`)"
    yield ""
    shown = [f"{title(name)} {number(value)}" for name, value in result.values().items()]
    yield f"Median {case.unit}: {'; '.join(shown)}."
    yield ""
    yield "| compared | median | spread | target | |"
    yield "|---|---|---|---|---|"
    for one in result.ratios():
        spread = f"{number(one.least)} – {number(one.most)}"
        compared = comparison(one.target, case.unit)
        yield (
            f"| {compared} | {number(one.median)} | {spread} | {asked(one.target)} "
            f"| {one.verdict} |"
        )
    yield ""


def title(name: str) -> str:
    """What people call it."""
    return TITLES.get(name, name)


def comparison(target: Target, unit: str) -> str:
    """`boxis_gateway ÷ Datasette`, or what is counted in which unit."""
    if target.right:
        return f"{title(target.left)} ÷ {title(target.right)}"
    return f"{target.left}, {unit}" if target.at_most is not None else target.left


def asked(target: Target) -> str:
    """`≥ 0.4`, `≤ 20`, or nothing."""
    if target.bound is None:
        return "–"
    return f"{'≥' if target.at_least is not None else '≤'} {target.bound:g}"


def number(value: float) -> str:
    """Three digits that count; thousands are divided."""
    if value >= 1000:
        return f"{round(value, 2 - len(str(int(value)))):,.0f}"
    return f"{value:#.3g}".rstrip(".")


def summary(results: Sequence[Result]) -> str:
    """How many targets are met."""
    ratios = [one for result in results for one in result.ratios() if one.target.bound is not None]
    return f"{sum(one.is_met for one in ratios)} of {len(ratios)} targets met."


def write(results: Sequence[Result], command: str) -> Path:
    """docs/benchmarks.md and its plot."""
    DOCS.mkdir(exist_ok=True)
    (DOCS / "benchmarks.svg").write_text(chart.draw(results))
    path = DOCS / "benchmarks.md"
    path.write_text("\n".join(page(results, command)) + "\n")
    return path


def page(results: Sequence[Result], command: str) -> Iterator[str]:
    """The whole page in Markdown."""
    yield "# Benchmarks"
    yield ""
    yield (
        f"One run of `{command}` on {utc_now_text()}. Read the ratios: each is made within a round "
        "in which the candidates took turns; the median of the rounds counts, the spread is the "
        "least and the most. Rates in requests or rows hold for this machine alone."
    )
    yield ""
    yield f"{summary(results)} ![Each target's ratio, as a share of the target](benchmarks.svg)"
    yield ""
    yield "| machine | |"
    yield "|---|---|"
    for name, value in machine.facts():
        yield f"| {name} | {value} |"
    yield ""
    yield from NOTES
    for result in results:
        yield from result_lines(result)


NOTES = (
    "All candidates have one worker and are asked over 16 connections that are kept alive, by `wrk`"
    " from a process of its own; before that, their answers go through a parser and are compared"
    " with what SQL and zoneinfo say. PHP has two processes, one child of php-fpm and nginx before"
    " it. Datasette does less than the others: nobody signs, and dates stay in UTC. The bare view"
    " and nginx's files are bytes of one real answer of usual size. Import rates leave out what it"
    " takes to start the command.",
    "",
)
