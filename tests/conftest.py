"""What the tests share: a real store in a file, accounts, signed requests, a real server."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import hypothesis
import pytest
import requests
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from boxis_gateway.app import create_app
from boxis_gateway.authcode import authcode_of
from boxis_gateway.importers.reading.columns import to_message
from boxis_gateway.importing import fingerprint
from boxis_gateway.model import Account
from boxis_gateway.settings import Settings
from boxis_gateway.store import Store
from boxis_gateway.zones import find_zone
from tests import engines, scan
from tests.stores import Stores
from tests.support.waiting import LIMIT_SECONDS
from tests.warm import Forked, warm

if TYPE_CHECKING:
    from tests.postgresql import Databases

NOW = datetime(2012, 5, 9, 12, 0, 0, tzinfo=UTC)
USERNAME = "anna@example.com"
USER_KEY = "0123456789abcdefABCDEF01"
PROJECT = Path(__file__).parent.parent


scan.watch()
# No example fails for being slow.
hypothesis.settings.register_profile(
    "ours", deadline=None, suppress_health_check=list(hypothesis.HealthCheck)
)
hypothesis.settings.load_profile("ours")


@pytest.fixture(scope="session", autouse=True)
def nothing_leaks() -> Iterator[None]:
    """No secret that was used in the run stands in what was said in it (scan.py)."""
    yield
    assert not scan.leaks()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--write-missing-answers",
        action="store_true",
        help="write the answers that tests/wire and tests/imports lack; none is overwritten",
    )
    parser.addoption(
        "--engine",
        choices=("sqlite", "postgresql"),
        default="sqlite",
        help="what stores are kept by; with any but sqlite, only tests that have one are run",
    )


def pytest_configure(config: pytest.Config) -> None:
    engines.chosen = config.getoption("engine")
    if engines.chosen != "sqlite":
        config.pluginmanager.register(engines.Choice())


@pytest.fixture(scope="session")
def databases() -> Iterator[Databases]:
    """A real PostgreSQL."""
    from tests.postgresql import running_server

    with running_server() as databases:
        yield databases


@pytest.fixture(scope="session")
def stores(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stores]:
    """Where stores are made."""
    folder = tmp_path_factory.mktemp("stores")
    with engines.stores(folder, lambda: request.getfixturevalue("databases")) as stores:
        yield stores


@pytest.fixture(autouse=True)
def each_test_alone(request: pytest.FixtureRequest) -> Iterator[None]:
    """What a test does to stores is its own business."""
    if "stores" not in request.fixturenames:
        yield
        return
    with request.getfixturevalue("stores").during_a_test():
        yield


@pytest.fixture
def store(stores: Stores, tmp_path: Path) -> Iterator[Store]:
    store = stores.make(tmp_path / "store.db")
    yield store
    store.close()


@pytest.fixture
def account(store: Store) -> Account:
    return store.accounts.add(USERNAME, USER_KEY, NOW)


def add_messages(store: Store, account: Account, *rows: Mapping[str, str]) -> None:
    """Store messages given by the columns of the CSV format; the dates are in UTC."""
    utc = find_zone("UTC")
    messages = [({"sender": "boxis.net", "recipient": "48514151563"} | dict(row)) for row in rows]
    store.additions.add(
        account.id,
        [(fingerprint(str(n)), to_message(row, utc)) for n, row in enumerate(messages)],
    )


@contextmanager
def statements(store: Store) -> Iterator[list[str]]:
    """The SQL that this thread's connection runs meanwhile."""
    with engines.statements(store.database) as ran:
        yield ran


def signed(
    now: int, form: Mapping[str, str], username: str = USERNAME, user_key: str = USER_KEY
) -> dict[str, str]:
    """The form with what every request has, unless it says otherwise itself."""
    timestamp = form.get("timestamp", str(now))
    return {
        "version": "1.0",
        "timestamp": timestamp,
        "username": username,
        "authcode": authcode_of(timestamp, user_key),
        "section": "sms",
        "action": "getHistory",
        **form,
    }


@pytest.fixture
def client(store: Store) -> FlaskClient:
    return create_app(store, Settings(), clock=lambda: NOW).test_client()


@pytest.fixture
def post_action(client: FlaskClient) -> Callable[..., TestResponse]:
    """POST a signed form in process."""

    def post(**form: str) -> TestResponse:
        return client.post("/", data=signed(int(NOW.timestamp()), form))

    return post


class RunningServer:
    """`boxis-gateway serve` as a process, on a port of its own; `by` is a command that starts it.
    It writes to stderr, or to a log."""

    def __init__(
        self, store: Store, *options: str, by: Sequence[str] = (), log: IO[str] | None = None
    ) -> None:
        command = [*by, *GATEWAY, "serve", "--port", "0", "--watch-port", "0", *options]
        self.start(command, log=log, BOXIS_GATEWAY_DATABASE_URL=store.url)
        assert self.process.stdout is not None
        said = self.process.stdout.readline()
        found = re.search(r"http://\S+", said)
        assert found, f"the server said {said!r}"
        self.url = found[0]
        self.port = int(self.url.rstrip("/").rsplit(":", 1)[1])

    @cached_property
    def watched_at(self) -> str:
        """The address of metrics and health, which the second line names; without a slash."""
        assert self.process.stdout is not None
        found = re.search(r"(http://\S+)/metrics", self.process.stdout.readline())
        assert found
        return found[1]

    def start(
        self,
        command: Sequence[str],
        cwd: Path | None = None,
        log: IO[str] | None = None,
        **environ: str,
    ) -> None:
        """Begin. What it writes to stderr goes into a file, however much that is."""
        self._errors = log or tempfile.NamedTemporaryFile("w+")  # noqa: SIM115 - `end` closes it
        self._is_watched = "--watch-port" in command and "off" not in command
        begin = Forked if tuple(command[: len(GATEWAY)]) == GATEWAY else subprocess.Popen
        self.process = begin(
            command,
            cwd=cwd,
            env={**os.environ, **environ},
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            start_new_session=True,
        )

    def log(self) -> str:
        """What it has written to stderr so far."""
        return Path(self._errors.name).read_text()

    def stop(self, with_signal: int = signal.SIGTERM) -> tuple[int, str]:
        """The exit code, and all that it wrote to stderr."""
        if self.process.poll() is None:
            with suppress(requests.RequestException):
                if self._is_watched:
                    metrics = requests.get(f"{self.watched_at}/metrics", timeout=2)
                    scan.said("the metrics", metrics.text)
            self.process.send_signal(with_signal)
        return self.end()

    def end(self) -> tuple[int, str]:
        """The same, of a server that has been told to stop."""
        self.process.communicate(timeout=LIMIT_SECONDS)
        if not self._errors.closed:
            self.errors = self.log()
            self._errors.close()
            scan.said("a server's log", self.errors)
        return self.process.returncode, self.errors


GATEWAY = (sys.executable, "-m", "boxis_gateway")


@pytest.fixture
def serve() -> Iterator[Callable[..., RunningServer]]:
    """Start servers; they are stopped with the test."""
    running: list[RunningServer] = []

    def start(store: Store, *options: str) -> RunningServer:
        running.append(RunningServer(store, *options))
        return running[-1]

    yield start
    for server in running:
        server.stop()


@pytest.fixture
def gateway(
    stores: Stores, tmp_path: Path
) -> Iterator[Callable[..., subprocess.CompletedProcess[str]]]:
    """Run the command line over the store in tmp_path/store.db."""

    def run(*words: Any, stdin: str = "", **environ: str) -> subprocess.CompletedProcess[str]:
        url = stores.url(tmp_path / "store.db")
        environ = {**os.environ, "BOXIS_GATEWAY_DATABASE_URL": url, **environ}
        done = warm().run(list(map(str, words)), environ, stdin)
        scan.said("stderr", done.stderr)
        return done

    yield run
    for path in stores.within(tmp_path):
        scan.note_store(stores, path)
