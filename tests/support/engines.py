"""The engine of the run's stores: `--engine`, and the tests that it leaves out."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import apsw
import pytest

from boxis_gateway.store import Store
from boxis_gateway.store.engines.sqlite.database import SqliteDatabase
from tests.support.stores import SqliteStores, Stores

if TYPE_CHECKING:
    from tests.support.postgresql_server import Databases

GIVEN_VARIABLE = "BOXIS_GATEWAY_TEST_DATABASE_URL"
"""URL of a server to use in place of our own; stores become schemas there."""
chosen = "sqlite"
"""Set before tests are collected."""


def examples(number: int) -> int:
    """Number of examples for a test that makes a store for each: fewer over PostgreSQL, where a
    store takes ten times as long to make."""
    return number if chosen == "sqlite" else max(5, number // 3)


@contextmanager
def stores(folder: Path, databases: Callable[[], Databases]) -> Iterator[Stores]:
    """Stores of the chosen engine, on our own server unless one is given."""
    if chosen == "sqlite":
        yield SqliteStores(folder)
        return
    from tests.support.postgresql_server import Schemas
    from tests.support.postgresql_stores import PostgresqlStores

    given = os.environ.get(GIVEN_VARIABLE)
    if not given:
        yield PostgresqlStores(folder, databases())
        return
    with closing(Schemas(given)) as schemas:
        yield PostgresqlStores(folder, schemas)


@contextmanager
def statements(store: Store) -> Iterator[list[str]]:
    """SQL that this thread's connection runs within the context."""
    ran: list[str] = []
    connection = store.database.connection()
    if isinstance(store.database, SqliteDatabase):
        connection.trace_v2(apsw.SQLITE_TRACE_STMT, lambda event: ran.append(event["sql"]))
        yield ran
        connection.trace_v2(0)
        return
    from boxis_gateway.store.engines.postgresql.connection import Cursor

    def note(cursor: Cursor, query: str, *words: Any, **how: Any) -> Any:
        if cursor.connection is connection:
            ran.extend(query.split("; "))
        return execute(cursor, query, *words, **how)

    execute = Cursor.execute
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Cursor, "execute", note)
        yield ran


class EngineSelection:
    """Plugin of pytest that deselects tests which have nothing to do with the chosen engine, and
    reports how many tests of stores are among them."""

    def __init__(self) -> None:
        self._left_out = 0

    def pytest_collection_modifyitems(
        self, config: pytest.Config, items: list[pytest.Item]
    ) -> None:
        of_stores = [item for item in items if "stores" in getattr(item, "fixturenames", ())]
        chosen = [item for item in of_stores if not item.get_closest_marker("sqlite_only")]
        self._left_out = len(of_stores) - len(chosen)
        config.hook.pytest_deselected(items=list(set(items) - set(chosen)))
        items[:] = chosen

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if hasattr(session.config, "workeroutput"):
            session.config.workeroutput["left_out"] = self._left_out

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        self._left_out = getattr(node, "workeroutput", {}).get("left_out", 0)

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        terminalreporter.write_line(f"{self._left_out} tests of stores are for SQLite alone")
