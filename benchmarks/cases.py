"""START HERE: the cases and their targets, with one worker and 16 connections unless titled so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks import engines, imports, rest_lists, streaming, throughput, writes
from benchmarks.bench import Measure, Round
from benchmarks.signed_requests import UNKNOWN_ACTION, WRONG_CODE, Workload
from benchmarks.writable import ENGINES


@dataclass(frozen=True)
class Target:
    """Bounds of `left` ÷ `right`, or of `left` if `right` is ""; without a bound the value is only
    shown."""

    left: str
    right: str = ""
    at_least: float | None = None
    at_most: float | None = None

    def value(self, values: Round) -> float:
        """The ratio, or the value, of one round."""
        return values[self.left] / (values[self.right] if self.right else 1)

    @property
    def bound(self) -> float | None:
        """The bound, if there is one."""
        return self.at_most if self.at_least is None else self.at_least

    def is_met(self, value: float) -> bool:
        """True if the median of the rounds is within the bound."""
        if self.at_least is not None:
            return value >= self.at_least
        return self.at_most is None or value <= self.at_most


@dataclass(frozen=True)
class Case:
    """A measure and its targets; `unit` is that of the values."""

    name: str
    title: str
    unit: str
    measure: Measure
    targets: Sequence[Target]


def against(**least: float | None) -> list[Target]:
    """The gateway's rate is to be at least so many times that of each; None is only shown."""
    return [Target("gateway", name, at_least=ratio) for name, ratio in least.items()]


def comparisons(*pairs: tuple[str, str]) -> list[Target]:
    """Ratios that are only shown."""
    return [Target(left, right) for left, right in pairs]


XML_10, XML_100 = Workload(10, "xml"), Workload(100, "xml")
JSON_10, JSON_100 = Workload(10, "json"), Workload(100, "json")
FAULTS = Workload(10, "xml", WRONG_CODE), Workload(10, "xml", UNKNOWN_ACTION)
SHORT = (XML_10, JSON_10, XML_100, JSON_100, *FAULTS)
"""Workloads whose answers the bare view and nginx serve as bytes."""

ALL = ("gateway", "bare", "naive", "fastapi", "php", "files")
RATE, ROWS, MS, LINES = "requests/s", "rows/s", "ms", "lines/s"

CASES = [
    Case(
        "10-xml",
        "10 rows, XML",
        RATE,
        throughput.throughput(XML_10, ALL),
        against(bare=0.40, naive=6, fastapi=9, php=1, files=None),
    ),
    Case(
        "10-json",
        "10 rows, JSON",
        RATE,
        throughput.throughput(JSON_10, (*ALL, "datasette")),
        against(bare=None, naive=None, fastapi=None, php=1, files=None, datasette=None),
    ),
    Case(
        "100-xml",
        "100 rows, XML",
        RATE,
        throughput.throughput(XML_100, ALL),
        against(bare=0.25, naive=10, fastapi=16, php=1.25, files=None),
    ),
    Case(
        "100-json",
        "100 rows, JSON",
        RATE,
        throughput.throughput(JSON_100, (*ALL, "datasette")),
        against(bare=0.25, naive=8, fastapi=16, php=1.25, files=None, datasette=4.5),
    ),
    Case(
        "million-xml",
        "1,000,000 rows in one answer, XML",
        ROWS,
        streaming.long_answers("xml"),
        against(sqlite3=0.55, php=1.6, drain=None),
    ),
    Case(
        "million-json",
        "1,000,000 rows in one answer, JSON",
        ROWS,
        streaming.long_answers("json"),
        against(sqlite3=0.70, php=1.6, drain=None),
    ),
    Case(
        "first-byte",
        "First byte of 1,000,000 rows, the longest of five",
        MS,
        streaming.first_byte,
        [Target("xml", at_most=20), Target("json", at_most=20)],
    ),
    Case(
        "memory",
        "The server's anonymous memory above idle while 1,000,000 rows stream",
        "MB",
        streaming.memory,
        [
            Target("one XML", at_most=4),
            Target("one JSON", at_most=4),
            Target("ten XML", at_most=30),
            Target("under way at once", at_least=streaming.STREAMS),
        ],
    ),
    Case(
        "latency",
        "p99 of 10-row requests at 200 a second beside ten streams; default workers",
        MS,
        streaming.latency,
        [Target("beside", "alone", at_most=2)],
    ),
    Case(
        "growth",
        "10 rows from a store of 10,000 messages and of 10,000,000 (with --quick 1,100,000)",
        RATE,
        throughput.growth(XML_10),
        [Target("small store", "large store", at_most=1.15)],
    ),
    Case(
        "workers",
        "10 rows, one worker and two",
        RATE,
        throughput.workers(XML_10),
        [Target("two workers", "one worker", at_least=1.7)],
    ),
    Case(
        "lists",
        "Lists of the REST API, of 1,000,000 messages, one connection; the shell without HTTP",
        RATE,
        rest_lists.lists,
        comparisons(
            ("first page", "first page, shell"),
            ("first page", "first page, plain"),
            ("page by cursor", "page by cursor, shell"),
            ("page by offset", "page by offset, plain"),
            ("by recipient", "by recipient, shell"),
            ("by recipient", "by recipient, plain"),
            ("by text", "by text, plain"),
        ),
    ),
    Case(
        "engines",
        "Histories from SQLite and from PostgreSQL, XML; their shells print the same rows",
        ROWS,
        engines.histories,
        comparisons(
            *(
                (f"{rows}, {left}", f"{rows}, {right}")
                for rows in engines.ROWS.values()
                for left, right in engines.COMPARED
            )
        ),
    ),
    Case(
        "writes",
        "Writes of a row each beside histories of 10 rows, XML; one process and two",
        RATE,
        writes.rates,
        [
            Target(f"writes, {place}", f"10 rows, {place}", at_least=ratio)
            for workers, ratio in ((1, 0.6), (2, 0.5))
            for place in (f"{engine}, {writes.PROCESSES[workers]}" for engine in ENGINES)
        ],
    ),
    Case(
        "writes-beside",
        "p99 of 10 rows at 60 % of the highest rate, beside 500 more requests a second",
        MS,
        writes.beside,
        [
            target
            for name in ENGINES
            for target in (
                Target(f"{name}, beside writes", f"{name}, alone", at_most=1.5),
                Target(f"{name}, beside writes", f"{name}, beside reads", at_most=1.5),
                Target(f"{name}, writes a second", at_least=0.98 * writes.BESIDE_RATE),
            )
        ],
    ),
    Case(
        "writes-slow-flush",
        "Writes by 16 connections where a flush takes 5 ms; in groups or not",
        RATE,
        writes.slow_flushes,
        [Target(f"{name}, in groups", f"{name}, one by one", at_least=6) for name in ENGINES],
    ),
    Case(
        "writes-killed",
        "Writes of two rows each to two processes that are killed 30 times",
        "writes",
        writes.kills,
        [
            Target(f"{name}, {fault}", at_most=0)
            for name in ENGINES
            for fault in ("lost", "by half")
        ],
    ),
    *(
        Case(
            workload.fault,
            f"Error answers, {workload.fault.replace('-', ' ')}",
            RATE,
            throughput.throughput(workload, ("gateway", "bare")),
            against(bare=0.6),
        )
        for workload in FAULTS
    ),
    Case(
        "import-kannel",
        "Import of a Kannel access log, beside csv.reader over the same file",
        LINES,
        imports.importing(imports.write_kannel),
        [Target("import", "csv", at_least=0.5)],
    ),
    Case(
        "import-csv",
        "Import of a CSV, beside csv.reader over the same file",
        LINES,
        imports.importing(imports.write_csv),
        [Target("import", "csv", at_least=0.5)],
    ),
    Case(
        "import-memory",
        "Memory of an import of 1,000,000 lines of a Kannel log (with --quick 100,000)",
        "MB",
        imports.memory,
        [Target("import", at_most=100)],
    ),
]
