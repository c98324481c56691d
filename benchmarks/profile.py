"""Profile: tables for docs/performance-measurements.md, printed by `make profile`.

    python -m benchmarks.profile [--smoke] [--write] [requests | rows | imports …]

In process, without a network, over the store of `make bench BENCH_ARGS=--quick`. Each part is timed
without the parts inside it, in the quickest of several rounds.
"""

from __future__ import annotations

import argparse
import csv
import gc
import importlib
import io
import logging
import tempfile
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.imports import write_csv, write_kannel
from benchmarks.report import write_table
from benchmarks.signed_requests import WRONG_CODE, Workload, signed_requests
from benchmarks.stopwatch import Stopwatch, quickest
from benchmarks.stores import store_path
from boxis_gateway import importing
from boxis_gateway.app import create_app
from boxis_gateway.form_api.renderers import json_envelope, xml_envelope
from boxis_gateway.importers.reading.lines import ReadOptions
from boxis_gateway.logs import set_up_logging
from boxis_gateway.server.connection import Connection
from boxis_gateway.server.guest import Guest
from boxis_gateway.server.state import ServerState
from boxis_gateway.settings import Settings
from boxis_gateway.store import Store
from boxis_gateway.zones import find_zone

HEADERS = b"Host: 127.0.0.1\r\nContent-Type: application/x-www-form-urlencoded\r\n"
REQUEST_PARTS = {
    "app:Gateway.__call__": "Flask, monitoring",
    "form_api.endpoint:receive": "reading the form",
    "form_api.endpoint:authenticate": "authentication",
    "store.people.accounts:Accounts.find_or_nobody": "account: query and row",
    "form_api.endpoint:for_account": "settings, clock, action",
    "form_api.endpoint:check_clock": "settings, clock, action",
    "limiting:Limiter.admit": "limits",
    "limiting:Limiter.admit_account": "limits",
    "form_api.action:Action.run": "parameters, zone, range",
    "store.messages.history:History.read": "messages: query and rows",
    "form_api.actions.get_history:_columns": "columns: numbers, dates, credits",
    "form_api.endpoint:respond": "escaping and writing",
    "monitoring.monitor:Monitor._end": "log line",
}
IMPORT_PARTS = {
    "store:Store.create": "a new store",
    "store:Store.migrate": "a new store",
    "importers.reading.source:Source.lines": "reading lines",
    **{f"importers.{name}:read": "line -> message" for name in ("kannel_log", "csv_table")},
    "importing.fingerprints:fingerprint": "fingerprint",
    "store.ingest.additions:Additions.add": "duplicates, ids, rows; commit",
    "store.engines.sqlite.rows:RowInserter.insert": "SQLite: two inserts",
}
"""`module:function` or `module:Class.method` of the package -> the part that it belongs to."""


class Length:
    """Length of a run; --smoke changes it."""

    store, rounds, lines = "quick", 7, 100_000


class Sink:
    """In place of a transport: drops the output."""

    def get_extra_info(self, name: str) -> tuple[str, int]:
        """An address, for both ends."""
        return "127.0.0.1", 80

    def write(self, data: bytes) -> None:
        """Drop the data."""

    def is_closing(self) -> bool:
        """Never."""
        return False


def timed(parts: dict[str, str]) -> Stopwatch:
    """A stopwatch of these parts."""
    stopwatch = Stopwatch()
    for path, part in parts.items():
        stopwatch.wrap(*find(path), part)
    return stopwatch


def find(path: str) -> tuple[Any, str]:
    """The module or class of a function, and its name."""
    module, _, names = path.partition(":")
    owner: Any = importlib.import_module(f"boxis_gateway.{module}")
    *classes, function = names.split(".")
    for name in classes:
        owner = getattr(owner, name)
    return owner, function


def requests() -> Iterator[str]:
    """A request in µs, by parts, for several workloads."""
    path = store_path(Length.store)
    stopwatch = timed(REQUEST_PARTS)
    set_up_logging("info", stream=io.StringIO())
    settings = Settings(longest_lockout_seconds=0)  # refusals are measured, too
    app = create_app(Store(f"sqlite:///{path}"), settings)
    columns = {}
    workloads = [Workload(10, "xml"), Workload(100, "xml"), Workload(100, "json")]
    for workload in (*workloads, Workload(10, "xml", WRONG_CODE)):
        bodies = [request.body().encode() for request in signed_requests(path, workload)]
        seconds = stopwatch.rounds(partial(send, app, bodies), Length.rounds)
        columns[workload.name] = {part: s * 1e6 / len(bodies) for part, s in seconds.items()}
    yield from table("µs a request", columns, "HTTP (httptools, connection.py)")


def send(app: Any, bodies: Iterable[bytes]) -> None:
    """The requests through one connection, without sockets."""
    connection = Connection(ServerState(Guest(app), Settings(), None))  # type: ignore[arg-type]
    connection.connection_made(Sink())  # type: ignore[arg-type]
    for body in bodies:
        length = b"Content-Length: %d\r\n\r\n" % len(body)
        connection.data_received(b"POST / HTTP/1.1\r\n" + HEADERS + length + body)


def rows() -> Iterator[str]:
    """A row of a long answer in µs, by steps."""
    path, zone = store_path(Length.store), find_zone("Europe/Warsaw")
    store, (big,) = Store(f"sqlite:///{path}"), signed_requests(path, Workload(None, "xml"))
    history = importlib.import_module("boxis_gateway.form_api.actions.get_history")

    def batches() -> Any:
        return store.history.read(big.account.id, with_status=False)

    def columns() -> Any:
        return batches().map(partial(history._columns, zone, lambda count: None))

    def rendered(renderer: Any) -> Iterator[bytes]:
        rows = history.Rows(
            "sms", history.FIELDS, columns, ("history",), plain=history.PLAIN_FIELDS
        )
        return iter(renderer._lists(rows.open(renderer.NAME), ""))

    def microseconds(start: Callable[[], Iterable[object]]) -> float:
        return quickest(lambda: drain(start())) * 1e6 / big.rows

    fetched, converted = microseconds(batches), microseconds(columns)
    yield f"| µs a row of {big.rows:,} | |\n|---|---|"
    yield f"| SQLite: step, tuple, texts | {fetched:.2f} |"
    yield f"| columns: numbers, dates in the zone, credits | {converted - fetched:.2f} |"
    for renderer in (xml_envelope, json_envelope):
        whole = microseconds(partial(rendered, renderer))
        yield f"| escaping and writing, {renderer.NAME} | {whole - converted:.2f} |"


def drain(items: Iterable[object]) -> None:
    """Iterate, and drop the items."""
    for _ in items:
        pass


def imports() -> Iterator[str]:
    """A line of an import in µs, by parts."""
    stopwatch, columns, alone = timed(IMPORT_PARTS), {}, []
    for write in (write_kannel, write_csv):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "lines"
            write(path, Length.lines)
            seconds = stopwatch.rounds(partial(import_once, path), min(3, Length.rounds))
            columns[write.__name__] = {part: s * 1e6 / Length.lines for part, s in seconds.items()}
            alone.append(quickest(partial(read_csv, path)) * 1e6 / Length.lines)
    yield from table("µs a line", columns, "batches, rejects")
    yield f"| csv.reader alone | {' | '.join(f'{taken:.1f}' for taken in alone)} |"


def import_once(path: Path) -> None:
    """Import the file into a store of its own."""
    with tempfile.TemporaryDirectory() as folder:
        store = Store(f"sqlite:///{folder}/store.db")
        store.create()
        store.migrate()
        account = store.accounts.add("a", "key", datetime.now(UTC))
        options = ReadOptions(find_zone("Europe/Warsaw"))
        importing.run_import(path, importing.AccountMap(store, account, {}), options)
        store.close()


def read_csv(path: Path) -> None:
    """Read the same file by csv.reader."""
    with open(path, encoding="utf-8", newline="") as file:
        drain(csv.reader(file))


def table(title: str, columns: dict[str, dict[str, float]], rest: str) -> Iterator[str]:
    """Markdown, a line at a time; `rest` is the name of the part ""."""
    yield f"| {title} | {' | '.join(columns)} |"
    yield "|---" * (len(columns) + 1) + "|"
    for part in dict.fromkeys(part for column in columns.values() for part in column):
        cells = (f"{column.get(part, 0):.1f}" for column in columns.values())
        yield f"| {part or rest} | {' | '.join(cells)} |"
    sums = (f"**{sum(column.values()):.1f}**" for column in columns.values())
    yield f"| **together** | {' | '.join(sums)} |"


def main() -> None:
    """Print the chosen tables."""
    tables = {made.__name__: made for made in (requests, rows, imports)}
    parser = argparse.ArgumentParser(prog="python -m benchmarks.profile", description=__doc__)
    parser.add_argument("tables", nargs="*", help=f"some of {', '.join(tables)}; by default all")
    parser.add_argument(
        "--smoke", action="store_true", help="the smallest form: figures mean nothing"
    )
    parser.add_argument("--write", action="store_true", help="write the tables into the document")
    options = parser.parse_args()
    if options.smoke:
        Length.store, Length.rounds, Length.lines = "smoke", 1, 2_000
    gc.collect()
    gc.freeze()
    for name in options.tables or tables:
        print(f"\n{tables[name].__doc__}\n")
        lines = list(tables[name]())
        print("\n".join(lines), flush=True)
        if options.write:
            write_table(f"make profile PROFILE_ARGS={name}", "\n".join(lines))
    logging.shutdown()


if __name__ == "__main__":
    main()
