"""Which engine the stores of a run have: `--engine`, and the tests that it leaves out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import apsw
import pytest

from boxis_gateway.store.engine import StoreDatabase
from boxis_gateway.store.sqlite import SqliteDatabase
from tests.stores import SqliteStores, Stores

ENGINES = ("sqlite", "postgresql")
LEFT_OUT = pytest.StashKey[int]()


def add_option(parser: pytest.Parser) -> None:
    """The option, for pytest."""
    parser.addoption(
        "--engine",
        choices=ENGINES,
        default="sqlite",
        help="what stores are kept by; with any but sqlite, only tests that have one are run",
    )


@contextmanager
def stores(config: pytest.Config, folder: Path) -> Iterator[Stores]:
    """Stores of the engine that was chosen."""
    if config.getoption("engine") == "sqlite":
        yield SqliteStores(folder)
        return
    from tests.postgresql import PostgresqlStores, running_server

    with running_server() as databases:
        yield PostgresqlStores(folder, databases)


@contextmanager
def statements(database: StoreDatabase) -> Iterator[list[str]]:
    """The SQL that this thread's connection runs meanwhile, whatever the engine."""
    ran: list[str] = []
    connection = database.connection()
    if isinstance(database, SqliteDatabase):
        connection.trace_v2(apsw.SQLITE_TRACE_STMT, lambda event: ran.append(event["sql"]))
        yield ran
        connection.trace_v2(0)
        return
    from boxis_gateway.store.postgresql_connection import Cursor

    def note(cursor: Cursor, query: str, *words: Any, **how: Any) -> Any:
        if cursor.connection is connection:
            ran.append(query)
        return execute(cursor, query, *words, **how)

    execute = Cursor.execute
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Cursor, "execute", note)
        yield ran


def choose(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what another engine than SQLite has no part in."""
    if config.getoption("engine") == "sqlite":
        return
    of_stores = [item for item in items if "stores" in getattr(item, "fixturenames", ())]
    chosen = [item for item in of_stores if not item.get_closest_marker("sqlite_only")]
    config.stash[LEFT_OUT] = len(of_stores) - len(chosen)
    config.hook.pytest_deselected(items=[item for item in items if item not in set(chosen)])
    items[:] = chosen


def report(config: pytest.Config) -> str:
    """How many tests were left out because they are of SQLite alone."""
    count = config.stash.get(LEFT_OUT, 0)
    return f"{count} tests of stores are of SQLite alone" if count else ""
