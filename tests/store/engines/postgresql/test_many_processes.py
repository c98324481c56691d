"""Many processes over one store in PostgreSQL: they begin, migrate, import and serve at once."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from pathlib import Path

import pytest
import requests

from tests.support.example_account import NOW, USER_KEY, USERNAME, signed
from tests.support.forked_commands import Forked
from tests.support.postgresql_server import Databases
from tests.support.running_server import GATEWAY, RunningServer
from tests.support.stores import store_at
from tests.support.waiting import LIMIT_SECONDS

EIGHT = 8
MESSAGES = 1500
MIGRATIONS_SQL = "SELECT count(*), count(DISTINCT name) FROM schema_migration"
INITS_SQL = "SELECT count(*) FROM audit_entry WHERE what IN ('store.init', 'store.migrate')"
ROWS_SQL = """
    SELECT (SELECT count(*) FROM message), (SELECT count(*) FROM submission),
        (SELECT sum(listed) FROM submission_count),
        (SELECT count(DISTINCT (sent_at, recipient)) FROM message)
"""


@pytest.fixture
def url(databases: Databases, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """URL of an empty database."""
    monkeypatch.setenv("BOXIS_GATEWAY_SECRET_KEY_FILE", str(tmp_path / "key"))
    return databases.new()


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Messages of three months, of which none is like another."""
    path = tmp_path / "messages.csv"
    lines = (
        f"2012-{1 + n % 3:02}-{1 + n % 28:02} 10:{n % 60:02}:00,shop,+48514{n:06},hello"
        for n in range(MESSAGES)
    )
    path.write_text("\n".join(["date,sender,recipient,text", *lines]))
    return path


def all_at_once(url: str, *words: str) -> list[str]:
    """Output of eight processes that run the same command, and succeed."""
    environ = {**os.environ, "BOXIS_GATEWAY_DATABASE_URL": url}
    processes = [
        Forked([*GATEWAY, *words], env=environ, stdout=subprocess.PIPE, text=True)
        for _ in range(EIGHT)
    ]
    said = [process.communicate(timeout=LIMIT_SECONDS)[0] for process in processes]
    assert [process.returncode for process in processes] == [0] * EIGHT
    return said


class Asking:
    """A client that asks for its history again and again, until the end of the block."""

    def __init__(self, server: RunningServer) -> None:
        self.counts: list[int] = []
        self._url, self._ended = server.url, threading.Event()
        self._thread = threading.Thread(target=self._ask)

    def __enter__(self) -> Asking:
        self.counts.append(self.count())
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()
        self.counts.append(self.count())

    def count(self) -> int:
        """Number of messages in the answer; -1 for a failure."""
        form = signed(int(time.time()), {"returntype": "json"})
        params = requests.post(self._url, data=form, timeout=60).json().get("params", {})
        return len(params.get("senders", ())) if params else -1

    def _ask(self) -> None:
        while not self._ended.is_set():
            self.counts.append(self.count())


def test_eight_processes_begin_migrate_import_and_serve_at_once(url: str, log: Path) -> None:
    all_at_once(url, "init")
    all_at_once(url, "migrate")
    store = store_at(url).require_current()
    total, different = store.database.execute_sql(MIGRATIONS_SQL, ()).fetchone()
    assert total == different > 0
    assert store.database.execute_sql(INITS_SQL, ()).fetchone() == (1,)
    store.accounts.add(USERNAME, USER_KEY, NOW)
    words = ("import", str(log), "--format", "csv", "--account", USERNAME, "--timezone", "UTC")
    servers = [RunningServer(store) for _ in range(2)]
    try:
        with Asking(servers[0]) as first, Asking(servers[1]) as second:
            said = all_at_once(url, *words)
    finally:
        for server in servers:
            server.stop()
    assert store.database.execute_sql(ROWS_SQL, ()).fetchone() == (MESSAGES,) * 4
    assert sum(int(one.split(": ")[1].split(" added")[0]) for one in said) == MESSAGES
    for asked in (first, second):
        assert asked.counts == sorted(asked.counts)
        assert (asked.counts[0], asked.counts[-1]) == (0, MESSAGES)
    store.close()
