"""Fixtures of all tests: a real store, accounts, signed requests, real servers."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hypothesis
import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from boxis_gateway.app import create_app
from boxis_gateway.model import Account
from boxis_gateway.settings import Settings
from boxis_gateway.store import Store
from tests.support import engines, leak_scan
from tests.support.example_account import NOW, USER_KEY, USERNAME, add_many, signed
from tests.support.forked_commands import warm
from tests.support.host import App, Host, MakeHost
from tests.support.running_server import RunningServer
from tests.support.stores import Stores
from tests.support.writing_app import ServeApp, Served, served

if TYPE_CHECKING:
    from tests.support.postgresql_server import Databases


leak_scan.install()
# No example fails for being slow.
hypothesis.settings.register_profile(
    "ours", deadline=None, suppress_health_check=list(hypothesis.HealthCheck)
)
hypothesis.settings.load_profile("ours")


@pytest.fixture(scope="session", autouse=True)
def nothing_leaks() -> Iterator[None]:
    """No secret that was used in the run stands in what was said in it (leak_scan.py)."""
    yield
    assert not leak_scan.find_leaks()


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
        config.pluginmanager.register(engines.EngineSelection())


@pytest.fixture(scope="session")
def databases() -> Iterator[Databases]:
    """A real PostgreSQL."""
    from tests.support.postgresql_server import running_server

    with running_server() as databases:
        yield databases


@pytest.fixture(scope="session")
def stores(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stores]:
    """Stores of the chosen engine."""
    folder = tmp_path_factory.mktemp("stores")
    with engines.stores(folder, lambda: request.getfixturevalue("databases")) as stores:
        yield stores


@pytest.fixture(autouse=True)
def each_test_alone(request: pytest.FixtureRequest) -> Iterator[None]:
    """Scope around each test: its stores go with it."""
    if "stores" not in request.fixturenames:
        yield
        return
    with request.getfixturevalue("stores").test_scope():
        yield


@pytest.fixture
def store(stores: Stores, tmp_path: Path) -> Iterator[Store]:
    store = stores.make(tmp_path / "store.db")
    yield store
    store.close()


@pytest.fixture
def account(store: Store) -> Account:
    return store.accounts.add(USERNAME, USER_KEY, NOW)


@pytest.fixture(scope="session")
def long_template(stores: Stores, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("long") / "store.db"
    with closing(stores.make(path)) as store:
        add_many(store, store.accounts.add(USERNAME, USER_KEY, NOW))
    return path


@pytest.fixture
def long_store(stores: Stores, long_template: Path, tmp_path: Path) -> Iterator[Store]:
    """A store with a long history of the account."""
    with closing(stores.copy(long_template, tmp_path / "store.db")) as store:
        yield store


@pytest.fixture
def client(store: Store) -> FlaskClient:
    return create_app(store, Settings(), clock=lambda: NOW).test_client()


@pytest.fixture
def post_action(client: FlaskClient) -> Callable[..., TestResponse]:
    """POST a signed form in process."""

    def post(**form: str) -> TestResponse:
        return client.post("/", data=signed(int(NOW.timestamp()), form))

    return post


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
def host() -> Iterator[MakeHost]:
    """Serve an application in a thread; it is stopped with the test."""
    hosts: list[Host] = []

    def start(app: App) -> Host:
        hosts.append(Host(app))
        return hosts[-1]

    yield start
    for one in hosts:
        one.stop()


@pytest.fixture
def serve_app(store: Store, host: MakeHost) -> Iterator[ServeApp]:
    """Serve the application with an action that writes, in a thread."""
    started: list[Served] = []

    def start(**options: Any) -> Served:
        started.append(served(store, host, **options))
        return started[-1]

    yield start
    for one in started:
        one.stop()


@pytest.fixture
def gateway(
    stores: Stores, tmp_path: Path
) -> Iterator[Callable[..., subprocess.CompletedProcess[str]]]:
    """Run the command line over the store in tmp_path/store.db."""

    def run(*words: Any, stdin: str = "", **environ: str) -> subprocess.CompletedProcess[str]:
        url = stores.url(tmp_path / "store.db")
        environ = {**os.environ, "BOXIS_GATEWAY_DATABASE_URL": url, **environ}
        done = warm().run(list(map(str, words)), environ, stdin)
        leak_scan.note_output("stderr", done.stderr)
        return done

    yield run
    for path in stores.paths_in(tmp_path):
        leak_scan.note_store(stores, path)
