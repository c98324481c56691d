"""SIGKILL during each kind of write: the store is whole, and the same thing done again ends well.

Not at random moments, but in the middle of a chosen write, sync, truncation or removal of a file.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from boxis_gateway.levels import Level
from boxis_gateway.model import NewMessage
from boxis_gateway.passwords import hash_password
from boxis_gateway.rest_api.auth import token_digest
from boxis_gateway.store import Store, back_up, verify_file
from boxis_gateway.zones import utc_now
from tests.support.example_account import NOW, USER_KEY, USERNAME
from tests.support.killed_at_write import SERVED, SESSION
from tests.support.paths import PROJECT
from tests.support.shop import PASSWORD, moment
from tests.support.stores import Stores

pytestmark = pytest.mark.sqlite_only("killed at writes of SQLite's into its files")

KILLS = 2  # and the last write
KILLED = -9
NUMBER = "48514000007"
CSV = "recipient,sender,date,text\n" + "".join(
    f"48515{n:06},boxis.net,2012-06-09 10:{n // 60:02}:{n % 60:02},text {n}\n" for n in range(600)
)
WRITES = {
    "account add": "account add berta@example.com",
    "account disable": f"account disable {USERNAME}",
    "account rotate-key": f"account rotate-key {USERNAME}",
    "account set": f"account set {USERNAME} --sender-name one --sender-name two",
    "employee add": f"employee add carl@example.com --customer {USERNAME} --level no_login",
    "contacts": f"contacts import FOLDER/book.csv --customer {USERNAME}",
    "import": f"import FOLDER/m.csv --account {USERNAME}",
    "prune": "prune",
    "prune --compact": "prune --compact",
    "erase": f"erase --number {NUMBER}",
    "backup": "backup FOLDER/new-backup.db --force",
    "restore": "restore FOLDER/backup.db --force",
    "migrate": "migrate",
    **{name: name for name in SERVED},
}
DONE_ALREADY = {"account add", "employee add"}
"""What cannot be done twice: that it is done is what the second time says."""


class Killer:
    """tests/support/killed_at_write.py, which forks for each job."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.killed_at_write"],
            cwd=PROJECT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def do(self, words: list[str], path: Path, at: int = 0) -> Mapping[str, Any]:
        """Result of a job: `code` and, unless it was killed, `writes` and `problem`."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        job = {"words": words, "url": f"sqlite:///{path}", "at": at}
        print(json.dumps(job), file=self._process.stdin, flush=True)
        done: Mapping[str, Any] = json.loads(self._process.stdout.readline())
        return done

    def stop(self) -> None:
        """End it."""
        self._process.communicate()


@pytest.fixture(scope="module")
def killer() -> Iterator[Killer]:
    started = Killer()
    yield started
    started.stop()


@pytest.fixture(scope="module")
def folder(stores: Stores, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Stores to begin with, and the files that are read."""
    folder = tmp_path_factory.mktemp("kills")
    (folder / "m.csv").write_text(CSV)
    (folder / "book.csv").write_text(
        "number,name,group\n" + "".join(f"4851400{n:04},Name {n},Friends\n" for n in range(200))
    )
    store = stores.make(folder / "now.db")
    fill(store)
    back_up(store, folder / "backup.db")
    store.accounts.set_options(store.accounts.get(USERNAME), {"keep_messages_days": "7"})
    store.close()
    (folder / "old.db").touch()
    old = stores.open(folder / "old.db")
    old._runner().up("0001_initial")
    old.close()
    return folder


def fill(store: Store) -> None:
    account = store.accounts.add(USERNAME, USER_KEY, NOW)
    customer = store.customers.of_account(account.id)
    assert customer is not None
    employee = store.employees.add(
        customer, USERNAME, "Anna", Level.OWNER, hash_password(PASSWORD), NOW
    )
    soon = utc_now() + timedelta(minutes=15)
    store.tokens.add(employee, token_digest(SESSION), utc_now(), expires_at=soon)
    messages = [
        NewMessage(f"+48514{n % 50:06}", "boxis.net", moment(n), f"text {n}") for n in range(600)
    ]
    store.additions.add(account.id, list(enumerate(messages)))


def rows(path: Path) -> Mapping[str, int]:
    """Rows of each table of a store without damage or contradiction."""
    found = verify_file(path, utc_now())
    assert found.findings == []
    return found.rows


@pytest.mark.parametrize("name", WRITES)
def test_a_write_that_is_killed_leaves_the_store_whole(
    stores: Stores, name: str, killer: Killer, folder: Path, tmp_path: Path
) -> None:
    words = WRITES[name].replace("FOLDER", str(folder)).split()
    words = [name] if name in SERVED else words
    template = folder / ("old.db" if name == "migrate" else "now.db")

    def fresh(at: int) -> Path:
        path = tmp_path / f"{at}.db"
        stores.copy(template, path)
        return path

    straight = killer.do(words, fresh(0))
    assert straight["code"] == 0, straight
    before, after, writes = rows(fresh(-1)), rows(tmp_path / "0.db"), straight["writes"]
    assert writes >= 4
    more = {"audit_entry", "token"} if name == "login" else {"audit_entry"}  # of what is done twice
    for at in sorted({1 + writes * n // KILLS for n in range(KILLS)} | {writes}):
        path = fresh(at)
        assert killer.do(words, path, at)["code"] == KILLED
        between = rows(path)
        for table, count in between.items():
            low, high = sorted((before.get(table, 0), after[table]))
            assert low <= count <= high, (at, table)
        again = killer.do(words, path)
        assert again["code"] == 0 or (name in DONE_ALREADY and "already" in again["problem"])
        ended = rows(path)
        assert all(ended[table] == after[table] for table in after if table not in more)
