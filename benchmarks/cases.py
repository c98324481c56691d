"""START HERE: what is measured, and the targets (one worker and 16 connections unless said)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks import engines, lists, measures, million, streaming
from benchmarks.asks import UNKNOWN_ACTION, WRONG_CODE, Workload
from benchmarks.bench import Measure, Round
from benchmarks.imports import write_csv, write_kannel


@dataclass(frozen=True)
class Target:
    """`left` ÷ `right` (`left` alone if there is no `right`) is to be at least, or at most, so
    much; with neither it is only shown."""

    left: str
    right: str = ""
    at_least: float | None = None
    at_most: float | None = None

    def value(self, values: Round) -> float:
        """What one round gave."""
        return values[self.left] / (values[self.right] if self.right else 1)

    @property
    def bound(self) -> float | None:
        """What is asked for, if anything is."""
        return self.at_most if self.at_least is None else self.at_least

    def is_met(self, value: float) -> bool:
        """By the median of the rounds."""
        if self.at_least is not None:
            return value >= self.at_least
        return self.at_most is None or value <= self.at_most


@dataclass(frozen=True)
class Case:
    """A row of measurements; `unit` is that of the values."""

    name: str
    title: str
    unit: str
    measure: Measure
    targets: Sequence[Target]


def against(**least: float | None) -> list[Target]:
    """The gateway is to have so many times the rate of each; None is only shown."""
    return [Target("gateway", name, at_least=ratio) for name, ratio in least.items()]


XML_10, XML_100 = Workload(10, "xml"), Workload(100, "xml")
JSON_10, JSON_100 = Workload(10, "json"), Workload(100, "json")
FAULTS = Workload(10, "xml", WRONG_CODE), Workload(10, "xml", UNKNOWN_ACTION)
SHORT = (XML_10, JSON_10, XML_100, JSON_100, *FAULTS)
"""The workloads whose answers the bare view and nginx have as bytes."""

ALL = ("gateway", "bare", "naive", "fastapi", "php", "files")
RATE, ROWS, MS = "requests/s", "rows/s", "ms"

CASES = [
    Case(
        "10-xml",
        "10 rows, XML",
        RATE,
        measures.throughput(XML_10, ALL),
        against(bare=0.40, naive=6, fastapi=9, php=1, files=None),
    ),
    Case(
        "10-json",
        "10 rows, JSON",
        RATE,
        measures.throughput(JSON_10, (*ALL, "datasette")),
        against(bare=None, naive=None, fastapi=None, php=1, files=None, datasette=None),
    ),
    Case(
        "100-xml",
        "100 rows, XML",
        RATE,
        measures.throughput(XML_100, ALL),
        against(bare=0.25, naive=10, fastapi=16, php=1.25, files=None),
    ),
    Case(
        "100-json",
        "100 rows, JSON",
        RATE,
        measures.throughput(JSON_100, (*ALL, "datasette")),
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
        "p99 of 10-row requests at 200 a second beside ten streams; default workers and threads",
        MS,
        streaming.latency,
        [Target("beside", "alone", at_most=2)],
    ),
    Case(
        "growth",
        "10 rows from a store of 10,000 messages and of 10,000,000 (with --quick 1,100,000)",
        RATE,
        measures.growth(XML_10),
        [Target("small store", "large store", at_most=1.15)],
    ),
    Case(
        "workers",
        "10 rows, one worker and two",
        RATE,
        measures.workers(XML_10),
        [Target("two workers", "one worker", at_least=1.7)],
    ),
    Case(
        "lists",
        "Lists of the REST API, of 1,000,000 messages, one connection; the shell without HTTP",
        RATE,
        lists.lists,
        [
            Target("first page", "first page, shell"),
            Target("first page", "first page, plain"),
            Target("page by cursor", "page by cursor, shell"),
            Target("page by offset", "page by offset, plain"),
            Target("by recipient", "by recipient, shell"),
            Target("by recipient", "by recipient, plain"),
            Target("by text", "by text, plain"),
        ],
    ),
    Case(
        "engines",
        "Histories from SQLite and from PostgreSQL, XML; their shells print the same rows",
        ROWS,
        engines.histories,
        [
            Target(f"{rows:,} rows, {left}", f"{rows:,} rows, {right}")
            for rows in engines.ROWS
            for left, right in engines.COMPARED
        ],
    ),
    *(
        Case(
            workload.fault,
            f"Error answers, {workload.fault.replace('-', ' ')}",
            RATE,
            measures.throughput(workload, ("gateway", "bare")),
            against(bare=0.6),
        )
        for workload in FAULTS
    ),
    Case(
        "import-kannel",
        "Import of a Kannel access log, beside csv.reader over the same file",
        "lines/s",
        measures.importing(write_kannel),
        [Target("import", "csv", at_least=0.5)],
    ),
    Case(
        "import-million",
        "Import of 1,000,000 lines of a Kannel log, half of them delivery reports",
        "lines/s",
        million.rates,
        [Target("import", "read and split"), Target("import", "sqlite3 .import")],
    ),
    Case(
        "import-memory",
        "Memory of that import",
        "MB",
        million.memory,
        [Target("import", at_most=100)],
    ),
    Case(
        "import-csv",
        "Import of a CSV, beside csv.reader over the same file",
        "lines/s",
        measures.importing(write_csv),
        [Target("import", "csv", at_least=0.5)],
    ),
]
