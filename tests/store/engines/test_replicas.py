"""Histories and lists from real standbys of a real primary, which fall behind and go away."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from cryptography.fernet import Fernet

from boxis_gateway.doctor import Severity, check_replicas
from boxis_gateway.errors import ConfigurationError
from boxis_gateway.model import Account
from boxis_gateway.settings import Settings
from boxis_gateway.store import Criteria, ListQuery, Replicas, Store, engines
from checks.failover.servers import Server, find_programs
from tests.support.example_account import NOW, USER_KEY, USERNAME, add_messages
from tests.support.stores import store_at

SETTINGS = "listen_addresses = '127.0.0.1'\nunix_socket_directories = ''\nfsync = off\n"
Pair = tuple[Server, Server]  # a primary and its standby
LAG_SECONDS = 1.5


def url(server: Server) -> str:
    return f"postgresql://postgres@127.0.0.1:{server.port}/gateway"


@pytest.fixture(scope="module")
def servers() -> Iterator[tuple[Server, Server]]:
    """A primary and its standby."""
    programs = find_programs()
    with TemporaryDirectory(prefix="replicas-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # their user is another one than root
        inner = programs.make_folder(folder / "servers")
        primary, standby = Server("first", programs, inner), Server("second", programs, inner)
        try:
            primary.make(SETTINGS)
            primary.start()
            standby.copy(primary)
            yield primary, standby
        finally:
            standby.stop()
            primary.stop()


class Clock:
    """Seconds, as readers of replicas count them."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(servers: Pair, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """Over the primary, with the standby to read from."""
    monkeypatch.setenv("BOXIS_GATEWAY_SECRET_KEYS", Fernet.generate_key().decode())
    primary, standby = servers
    primary.sql("DROP DATABASE IF EXISTS gateway WITH (FORCE)", "CREATE DATABASE gateway")
    store = store_at(url(primary), replicas=Replicas([url(standby)], LAG_SECONDS))
    store._servers.clock = clock
    store.create()
    store.migrate()
    yield store
    store.close()


@pytest.fixture
def account(store: Store, servers: Pair) -> Account:
    account = store.accounts.add(USERNAME, USER_KEY, NOW)
    add_messages(store, account, {"date": "2012-05-09 08:00:00"})
    caught_up(*servers)
    return account


def caught_up(primary: Server, standby: Server) -> None:
    written = primary.sql("SELECT pg_current_wal_lsn()")
    standby.wait_until(f"SELECT pg_last_wal_replay_lsn() >= '{written}'")


def senders(store: Store, account: Account) -> list[str]:
    batches = store.history.read(account.id, with_status=False)
    return [row[0] for rows in batches for row in rows]


def connected(server: Server) -> int:
    """Number of our connections to the server."""
    sql = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'boxis-gateway'"
    return int(server.sql(sql))


@contextmanager
def frozen(server: Server) -> Iterator[None]:
    """All its processes stand still, and its machine goes on taking packets."""
    first = server.process.pid
    children = Path(f"/proc/{first}/task/{first}/children").read_text().split()
    processes = [first, *map(int, children)]
    tell(processes, signal.SIGSTOP)
    try:
        yield
    finally:
        tell(processes, signal.SIGCONT)


def tell(processes: Sequence[int], what: signal.Signals) -> None:
    for process in processes:
        with suppress(ProcessLookupError):  # who served somebody else has ended
            os.kill(process, what)


def test_lists_come_from_the_replica(store: Store, account: Account, servers: Pair) -> None:
    _, standby = servers
    assert senders(store, account) == ["boxis.net"]
    assert connected(standby) == 1
    customer = store.customers.all()[0]
    accounts = store.submissions.accounts_of(customer.id)
    page, total = store.submissions.page(ListQuery(accounts, limit=10))
    assert (len(page), total) == (1, 1)
    [[row]] = list(store.exports.rows({account.id: USERNAME}, Criteria()))
    assert row[0] == USERNAME


def test_a_replica_that_is_behind_for_longer_than_the_bound_is_not_asked(
    store: Store, account: Account, servers: Pair, clock: Clock
) -> None:
    _, standby = servers
    assert senders(store, account) == ["boxis.net"]
    standby.sql("SELECT pg_wal_replay_pause()")
    try:
        add_messages(store, account, {"date": "2012-05-09 09:00:00", "sender": "late"})
        counts = []
        for clock.now in (0, 0.5 * LAG_SECONDS, LAG_SECONDS, 1.5 * LAG_SECONDS, 9 * LAG_SECONDS):
            counts.append(len(senders(store, account)))
    finally:
        standby.sql("SELECT pg_wal_replay_resume()")
    assert counts == [1, 1, 2, 2, 2]


def test_a_replica_that_caught_up_is_asked_again(
    store: Store, account: Account, servers: Pair, clock: Clock
) -> None:
    primary, standby = servers
    standby.sql("SELECT pg_wal_replay_pause()")
    add_messages(store, account, {"date": "2012-05-09 09:00:00"})
    assert len(senders(store, account)) == 2  # the primary's
    standby.sql("SELECT pg_wal_replay_resume()")
    caught_up(primary, standby)
    clock.now += LAG_SECONDS
    senders(store, account)
    standby.sql("SELECT pg_wal_replay_pause()")
    try:
        add_messages(store, account, {"date": "2012-05-09 10:00:00"})
        assert len(senders(store, account)) == 2  # the replica's
    finally:
        standby.sql("SELECT pg_wal_replay_resume()")


def test_the_primary_answers_for_a_lost_replica(
    store: Store, account: Account, servers: Pair, clock: Clock
) -> None:
    _, standby = servers
    assert senders(store, account) == ["boxis.net"]
    standby.kill()
    try:
        for clock.now in (0, 1, 9):
            assert senders(store, account) == ["boxis.net"]
    finally:
        standby.start()


def test_the_primary_answers_for_a_frozen_replica(
    account: Account,
    servers: Pair,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    primary, standby = servers
    monkeypatch.setattr(engines, "SILENT_SECONDS", 1.0)
    reader = store_at(url(primary), replicas=Replicas([url(standby)]))
    reader._servers.clock = clock
    assert senders(reader, account) == ["boxis.net"]
    with frozen(standby):
        for _ in range(3):
            assert senders(reader, account) == ["boxis.net"]
    assert caplog.text.count("is left out") == 1  # it is not asked again so soon
    reader.close()


def test_foreign_standbys_are_not_asked(store: Store, account: Account, servers: Pair) -> None:
    primary, standby = servers
    primary.sql("DROP DATABASE IF EXISTS other", "CREATE DATABASE other TEMPLATE template0")
    with closing(store_at(url(primary).replace("/gateway", "/other"))) as other:
        other.migrate()
        other.accounts.add(USERNAME, USER_KEY, NOW)
    caught_up(primary, standby)
    wrong = Replicas([url(standby).replace("/gateway", "/other")], LAG_SECONDS)
    with closing(store_at(url(primary), replicas=wrong)) as mistaken:
        assert senders(mistaken, account) == ["boxis.net"]
        [(name, why)] = mistaken.replica_problems()
    assert why == f"{name} has another store."


def test_doctor_warns_of_lost_replicas(store: Store, account: Account, servers: Pair) -> None:
    primary, standby = servers
    lost = "postgresql://nobody:s3cret@127.0.0.1:1/gateway"
    for urls, said in (
        (url(standby), []),
        (f"{lost} {url(standby)}", [Severity.WARN]),
        (f"{url(standby)} sqlite:///a.db", [Severity.FAIL]),
    ):
        found = list(check_replicas(Settings(database_url=url(primary), replica_urls=urls)))
        assert [one.severity for one in found] == said
        assert "s3cret" not in repr(found)


def test_accounts_are_of_the_primary(store: Store, account: Account, servers: Pair) -> None:
    _, standby = servers
    senders(store, account)
    standby.sql("SELECT pg_wal_replay_pause()")
    try:
        store.accounts.set_enabled(account, False)
        found = store.accounts.find(USERNAME)
        assert found is not None
        assert not found.enabled
    finally:
        standby.sql("SELECT pg_wal_replay_resume()")


def test_a_file_of_sqlite_is_no_replica(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="has no replicas"):
        Store(f"sqlite:///{tmp_path}/a.db", replicas=Replicas([f"sqlite:///{tmp_path}/b.db"]))
