"""Where the time goes: tables for docs/performance.md. `make profile` prints them all.

In process, without a network, over the store that `make bench BENCH_ARGS=--quick` uses. The parts
are those of the path in form_api/endpoint.py; each is of its own, without the parts inside it.
Figures are of the quickest of several rounds.
"""

from __future__ import annotations

import csv
import gc
import importlib
import io
import logging
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from flask import Flask

from benchmarks.asks import WRONG_CODE, Workload, asks
from benchmarks.data import store_path
from benchmarks.imports import write_csv, write_kannel
from benchmarks.stopwatch import Stopwatch, quickest
from boxis_gateway import importers, importing
from boxis_gateway.app import create_app
from boxis_gateway.form_api import action, endpoint
from boxis_gateway.form_api.renderers import json_envelope, xml_envelope
from boxis_gateway.importers.reading.lines import ReadOptions
from boxis_gateway.importers.reading.source import Source
from boxis_gateway.importing import fingerprints
from boxis_gateway.logs import set_up_logging
from boxis_gateway.server.connection import Connection
from boxis_gateway.server.guest import Guest
from boxis_gateway.server.state import ServerState
from boxis_gateway.settings import Settings
from boxis_gateway.store import Store
from boxis_gateway.store.engines.sqlite.rows import Insert
from boxis_gateway.store.ingest.additions import Additions
from boxis_gateway.store.messages.history import History
from boxis_gateway.store.people.accounts import Accounts
from boxis_gateway.zones import find_zone

HEADERS = b"Host: 127.0.0.1\r\nContent-Type: application/x-www-form-urlencoded\r\n"
LINES = 100_000
ROUNDS = 7


class Sink:
    """In place of a socket: takes what is written."""

    def get_extra_info(self, name: str) -> tuple[str, int]:
        """Its own address, and the client's."""
        return "127.0.0.1", 80

    def write(self, data: bytes) -> None:
        """Nowhere."""

    def is_closing(self) -> bool:
        """Never."""
        return False


def requests() -> Iterator[str]:
    """A request in µs, by parts, for several workloads."""
    path, watch = store_path("quick"), Stopwatch()
    settings = Settings(longest_lockout_seconds=0)  # wrong codes are measured, too
    app = create_app(Store(f"sqlite:///{path}"), settings)
    watch_request(watch)
    workloads = [Workload(10, "xml"), Workload(100, "xml"), Workload(100, "json")]
    columns = {}
    for workload in (*workloads, Workload(10, "xml", WRONG_CODE)):
        bodies = [question.body().encode() for question in asks(path, workload)]
        columns[workload.name] = watch.rounds(lambda asked=bodies: send(app, asked), ROUNDS)
        for name in columns[workload.name]:
            columns[workload.name][name] *= 1e6 / len(bodies)
    yield from table("µs a request", columns, {"": "HTTP (httptools, connection.py)"})


def send(app: Flask, bodies: Iterable[bytes]) -> None:
    """The requests through one connection, less the system's part of it."""
    connection = Connection(ServerState(Guest(app), Settings(), None))  # type: ignore[arg-type]
    connection.connection_made(Sink())  # type: ignore[arg-type]
    for body in bodies:
        length = b"Content-Length: %d\r\n\r\n" % len(body)
        connection.data_received(b"POST / HTTP/1.1\r\n" + HEADERS + length + body)


def watch_request(watch: Stopwatch) -> None:
    """The parts of a request."""
    columns = importlib.import_module("boxis_gateway.form_api.actions.get_history")
    for owner, function, name in (
        (Flask, "__call__", "Flask"),
        (endpoint, "receive", "reading the form"),
        (endpoint, "authenticate", "authentication"),
        (Accounts, "find_or_nobody", "account: query and row"),
        (endpoint, "for_account", "settings, clock, action"),
        (endpoint, "check_clock", "settings, clock, action"),
        (action.Action, "run", "parameters, zone, range"),
        (History, "read", "messages: query and rows"),
        (columns, "_columns", "columns: numbers, dates, credits"),
        (endpoint, "respond", "escaping and writing"),
        (endpoint, "_response", "response object"),
        (endpoint.log, "info", "log line"),
    ):
        watch.watch(owner, function, name)
    set_up_logging("info", stream=io.StringIO())


def rows() -> Iterator[str]:
    """A row of a long answer in µs, by what is done for it."""
    store, zone = Store(f"sqlite:///{store_path('quick')}"), find_zone("Europe/Warsaw")
    (big,) = (one for one in asks(store_path("quick"), Workload(None, "xml")))
    history = importlib.import_module("boxis_gateway.form_api.actions.get_history")

    def walk() -> Iterator[Any]:
        return history._columns(store.history.read(big.account.id, with_status=False), zone)

    def rendered(renderer: Any) -> Callable[[], object]:
        rows = history.Rows("sms", history.FIELDS, walk, ("history",), plain=history.PLAIN_FIELDS)
        return lambda: drain(renderer._lists(rows, ""))

    fetched = quickest(lambda: drain(store.history.read(big.account.id, with_status=False)))
    turned = quickest(lambda: drain(walk()))
    yield "| µs a row of 1,000,000 | |\n|---|---|"
    yield f"| SQLite: step, tuple, texts | {fetched:.2f} |"
    yield f"| columns: numbers, dates in the zone, credits | {turned - fetched:.2f} |"
    for renderer in (xml_envelope, json_envelope):
        whole = quickest(rendered(renderer))
        yield f"| escaping and writing, {renderer.NAME} | {whole - turned:.2f} |"


def drain(items: Iterable[object]) -> None:
    """All of it, for nothing."""
    for _ in items:
        pass


def imports() -> Iterator[str]:
    """A line of an import in µs, by parts."""
    watch, columns, alone = Stopwatch(), {}, {}
    for owner, function, name in (
        (Source, "lines", "reading lines"),
        *((one, "read", "line -> message") for one in importers.IMPORTERS.values()),
        (fingerprints, "fingerprint", "fingerprint"),
        (Additions, "add", "what is new, ids, rows; commit"),
        (Insert, "run", "SQLite: two inserts"),
    ):
        watch.watch(owner, function, name)
    for write in (write_kannel, write_csv):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "lines"
            write(path, LINES)
            parts = watch.rounds(lambda path=path: import_once(path), 3)
            alone[write.__name__] = quickest(lambda path=path: csv_alone(path)) * 1e6 / LINES
            columns[write.__name__] = {name: s * 1e6 / LINES for name, s in parts.items()}
    yield from table("µs a line", columns, {"": "sorting out, batches"})
    yield f"| csv.reader alone | {' | '.join(f'{taken:.1f}' for taken in alone.values())} |"


def import_once(path: Path) -> None:
    """Into a store of its own, in memory as far as the system likes."""
    with tempfile.TemporaryDirectory() as folder:
        store = Store(f"sqlite:///{folder}/store.db")
        store.create()
        store.migrate()
        account = store.accounts.add("a", "key", datetime.now(UTC))
        options = ReadOptions(find_zone("Europe/Warsaw"))
        importing.run_import(path, importing.Accounts(store, account, {}), options)
        store.close()


def csv_alone(path: Path) -> None:
    """csv.reader, for the same file."""
    with open(path, encoding="utf-8", newline="") as file:
        drain(csv.reader(file))


def table(title: str, columns: dict[str, dict[str, float]], names: dict[str, str]) -> Iterator[str]:
    """Markdown, a line at a time."""
    yield f"| {title} | {' | '.join(columns)} |"
    yield "|---" * (len(columns) + 1) + "|"
    parts = list(dict.fromkeys(name for column in columns.values() for name in column))
    for name in parts:
        cells = (f"{column.get(name, 0):.1f}" for column in columns.values())
        yield f"| {names.get(name, name)} | {' | '.join(cells)} |"
    sums = (f"**{sum(column.values()):.1f}**" for column in columns.values())
    yield f"| **together** | {' | '.join(sums)} |"


def main() -> None:
    """All the tables, or those whose names are given."""
    gc.collect()
    gc.freeze()
    for made in (requests, rows, imports):
        if not sys.argv[1:] or made.__name__ in sys.argv[1:]:
            print(f"\n{made.__doc__}\n")
            for line in made():
                print(line, flush=True)
    logging.shutdown()


if __name__ == "__main__":
    main()
