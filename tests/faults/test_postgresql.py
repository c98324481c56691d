"""Servers of PostgreSQL that die, are restarted or cut off, and standbys that don't confirm."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace

import psycopg
import pytest
from cryptography.fernet import Fernet

from boxis_gateway.errors import StoreError, Unavailable
from boxis_gateway.model import Account, NewMessage
from boxis_gateway.store import Store, Write, Writer
from boxis_gateway.store.engines.postgresql import connection as postgresql_connection
from boxis_gateway.store.engines.postgresql.connection import ConnectionFactory
from checks.failover.servers import Server, find_programs
from tests.importing.test_follow import following
from tests.support.cutting_proxy import Proxy
from tests.support.example_account import NOW, USER_KEY, USERNAME
from tests.support.running_server import RunningServer
from tests.support.shop import (
    ALL_WELL,
    BROKEN_OFF,
    NOTHING,
    READS_ONLY,
    WHOLE,
    Shop,
    fill,
    secrets_in,
)
from tests.support.stores import store_at
from tests.support.waiting import LIMIT_SECONDS, until

SETTINGS = "listen_addresses = '127.0.0.1'\nunix_socket_directories = ''\nfsync = off\n"
MESSAGES = [
    (n, NewMessage(f"+4851415156{n}", "boxis.net", f"2012-05-09 08:00:0{n}")) for n in range(6)
]
NEWEST_FIRST = [message.recipient for _, message in reversed(MESSAGES)]


@pytest.fixture(scope="module")
def started() -> Iterator[Server]:
    """A server of its own, for it is killed."""
    programs = find_programs()
    with TemporaryDirectory(prefix="postgresql-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # its user is another one than root
        server = Server("alone", programs, programs.make_folder(folder / "servers"))
        server.make(SETTINGS)
        server.start()
        yield server
        server.stop()


@pytest.fixture
def server(started: Server, monkeypatch: pytest.MonkeyPatch) -> Server:
    """The server, with an empty database."""
    monkeypatch.setenv("BOXIS_GATEWAY_SECRET_KEYS", Fernet.generate_key().decode())
    started.sql("DROP DATABASE IF EXISTS gateway WITH (FORCE)", "CREATE DATABASE gateway")
    return started


@pytest.fixture
def proxy(server: Server) -> Iterator[Proxy]:
    proxy = Proxy(server.port)
    yield proxy
    proxy.close()


@pytest.fixture
def store(proxy: Proxy) -> Iterator[Store]:
    """A store behind the proxy."""
    store = store_at(f"postgresql://postgres@127.0.0.1:{proxy.port}/gateway", lock_seconds=0.5)
    store.migrate()
    yield store
    store.close()


@pytest.fixture
def account(store: Store) -> Account:
    return store.accounts.add(USERNAME, USER_KEY, NOW)


def told(store: Store, account: Account) -> list[str]:
    """The recipients of the history."""
    batches = store.history.read(account.id, with_status=False)
    return [row[1] for rows in batches for row in rows]


def restart(server: Server) -> None:
    server.kill()
    server.start()


def test_a_restarted_server_is_no_fault(server: Server, store: Store, account: Account) -> None:
    store.additions.add(account.id, MESSAGES[:1])
    restart(server)
    assert told(store, account) == NEWEST_FIRST[-1:]
    restart(server)
    assert store.additions.add(account.id, MESSAGES).new == 5
    restart(server)
    with store.serving():
        assert told(store, account) == NEWEST_FIRST


@pytest.mark.parametrize("is_heard", [False, True])
@pytest.mark.parametrize(
    "word", ["pg_advisory_xact_lock_shared", "fingerprint", "COPY message", "COMMIT"]
)
def test_a_write_that_is_cut_off_fails_and_is_added_once(
    word: str, is_heard: bool, proxy: Proxy, store: Store, account: Account
) -> None:
    proxy.cut(word, is_heard=is_heard)
    with suppress(StoreError):  # a transaction that has not begun yet is begun again
        store.additions.add(account.id, MESSAGES)
    assert proxy.is_done
    store.additions.add(account.id, MESSAGES)
    assert told(store, account) == NEWEST_FIRST


@pytest.mark.parametrize("is_heard", [False, True])
def test_a_commit_of_a_group_that_is_cut_off_may_have_come(
    is_heard: bool, proxy: Proxy, store: Store
) -> None:
    ran: list[str] = []

    def add(name: str) -> Write[None]:
        return Write(lambda: (ran.append(name), store.customers.add(name, NOW))[0])

    def cut() -> None:
        entered.set()
        assert gate.wait(LIMIT_SECONDS)

    entered, gate = threading.Event(), threading.Event()
    with closing(Writer(store)) as writer:
        writer.submit(Write(cut)).add_done_callback(
            lambda _: proxy.cut("COMMIT", is_heard=is_heard)
        )
        assert entered.wait(LIMIT_SECONDS)
        futures = [writer.submit(add(name)) for name in "ab"]
        gate.set()
        errors = [future.exception(LIMIT_SECONDS) for future in futures]
        assert [getattr(error, "reason", "") for error in errors] == ["unreachable"] * 2
        writer.submit(add("c")).result(LIMIT_SECONDS)
    assert ran == ["a", "b", "c"]
    names = [customer.name for customer in store.customers.all()]
    assert names == (["a", "b", "c"] if is_heard else ["c"])


def test_a_group_whose_connection_is_lost_before_its_commit_is_done_again(
    proxy: Proxy, store: Store
) -> None:
    gate = threading.Event()
    with closing(Writer(store)) as writer:
        writer.submit(Write(lambda: gate.wait(LIMIT_SECONDS)))
        futures = [writer.submit(Write(partial(store.customers.add, name, NOW))) for name in "ab"]
        proxy.cut("customer", is_heard=False)
        gate.set()
        assert [future.result(LIMIT_SECONDS).name for future in futures] == ["a", "b"]
    assert proxy.is_done
    assert [customer.name for customer in store.customers.all()] == ["a", "b"]


def test_a_transaction_is_undone_with_its_connection(store: Store, account: Account) -> None:
    def lose_it() -> None:
        with store.database.write_transaction(account.id):
            store.database.execute_sql("DELETE FROM message")
            store.database.execute_sql("SELECT pg_terminate_backend(pg_backend_pid())")

    store.additions.add(account.id, MESSAGES)
    with pytest.raises(Exception, match="terminating connection"):
        lose_it()
    assert told(store, account) == NEWEST_FIRST
    with pytest.raises(Exception, match="terminating connection"):
        lose_it()
    assert store.additions.add(account.id, MESSAGES).new == 0


@pytest.fixture
def standby_wanted(server: Server, store: Store, account: Account) -> Iterator[None]:
    """The server waits for a standby that there is not."""
    store.additions.add(account.id, MESSAGES[:1])
    server.sql("ALTER SYSTEM SET synchronous_standby_names = 'nobody'", "SELECT pg_reload_conf()")
    server.wait_until("SELECT current_setting('synchronous_standby_names') = 'nobody'")
    yield
    server.sql("ALTER SYSTEM RESET synchronous_standby_names", "SELECT pg_reload_conf()")
    server.wait_until("SELECT current_setting('synchronous_standby_names') = ''")


CANCEL = (
    "SELECT count(pg_cancel_backend(pid)) > 0 FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
)


@pytest.mark.usefixtures("standby_wanted")
def test_a_wait_for_standbys_that_is_cancelled_is_no_success(
    server: Server, store: Store, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgresql_connection, "COMMIT_SECONDS", 60)
    store.close()
    threading.Thread(target=server.wait_until, args=(CANCEL,)).start()
    with pytest.raises(StoreError, match="standbys have not confirmed"):
        store.additions.add(account.id, MESSAGES)


@pytest.mark.usefixtures("standby_wanted")
def test_standby_waits_end(store: Store, account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgresql_connection, "COMMIT_SECONDS", 0.2)
    store.close()
    with pytest.raises(StoreError, match="standbys have not confirmed"):
        store.additions.add(account.id, MESSAGES)
    assert told(store, account) == NEWEST_FIRST


def test_a_transaction_with_an_error_is_no_success(store: Store, account: Account) -> None:
    def pass_over() -> None:
        with store.database.write_transaction(account.id), suppress(Exception):
            store.database.execute_sql("SELECT 1 / 0")

    with pytest.raises(Exception, match="nothing was committed"):
        pass_over()


@pytest.fixture
def shop(store: Store, tmp_path: Path) -> Iterator[Shop]:
    """Served by one process."""
    fill(store)
    with (tmp_path / "log").open("w") as log:
        gateway = RunningServer(store, "--workers", "1", log=log)
        shop = Shop(store, gateway, tmp_path / "log")
        assert shop.view() == ALL_WELL
        yield shop
        gateway.stop()
    assert "Traceback" not in shop.said()
    assert not secrets_in(shop.said())


def test_a_gateway_outlives_its_server(server: Server, shop: Shop) -> None:
    server.kill()
    assert shop.view() == NOTHING
    server.start()
    until(lambda: shop.view() == ALL_WELL)
    restart(server)
    until(lambda: shop.view() == ALL_WELL)


def test_a_server_that_takes_no_writes_is_read_from(server: Server, shop: Shop) -> None:
    server.sql("ALTER DATABASE gateway SET default_transaction_read_only = on")
    restart(server)
    assert shop.view() == READS_ONLY


def test_a_history_whose_server_dies_is_broken_off(proxy: Proxy, shop: Shop) -> None:
    proxy.cut_answer(300_000)
    assert shop.history() == BROKEN_OFF
    assert proxy.is_done
    assert shop.history() == WHOLE


class MuteServer:
    """Takes connections and says nothing; ends them at once if it `hangs_up`."""

    def __init__(self, *, hangs_up: bool) -> None:
        self.clients: list[socket.socket] = []
        self._hangs_up = hangs_up
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)  # wakes the thread
        self._listener.close()
        for client in self.clients:
            client.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                self.clients.append(self._listener.accept()[0])
                if self._hangs_up:
                    self.clients[-1].close()


def test_the_server_that_answered_last_is_asked_first(server: Server) -> None:
    with closing(MuteServer(hangs_up=True)) as mute:
        hosts = f"127.0.0.1:{mute.port},127.0.0.1:{server.port}"
        reach = ConnectionFactory(f"postgresql://postgres@{hosts}/gateway?sslmode=disable")
        for _ in range(2):
            reach.connect().close()
            assert len(mute.clients) == 1


def test_a_failed_server_is_left_alone_as_long_as_it_took(monkeypatch: pytest.MonkeyPatch) -> None:
    moments = iter((0, 5, 9.9, 10, 11))
    clock = SimpleNamespace(monotonic=lambda: next(moments))
    monkeypatch.setattr(postgresql_connection, "time", clock)
    with closing(MuteServer(hangs_up=True)) as mute:
        reach = ConnectionFactory(f"postgresql://x@127.0.0.1:{mute.port}/x?sslmode=disable")
        for expected in (1, 1, 2):
            with pytest.raises(psycopg.OperationalError, match="closed"):
                reach.connect()
            assert len(mute.clients) == expected


@pytest.mark.usefixtures("server")
def test_a_server_that_is_silent_is_unreachable() -> None:
    mute = MuteServer(hangs_up=False)
    store = Store(f"postgresql://x@127.0.0.1:{mute.port}/x?connect_timeout=2")
    for _ in range(2):
        with pytest.raises(Unavailable) as told, store.serving():
            store.accounts.find(USERNAME)
        assert told.value.reason == "unreachable"
    mute.close()


LOGGED = (
    "2026-10-25 01:59:5{0} Sent SMS [SMSC:c] [SVC:x] [ACT:] [BINF:] [FID:] [META:] "
    "[from:boxis.net] [to:+4851415156{0}] [flags:-1:0:-1:0:-1] [msg:4:text] [udh:0:]\n"
)


def test_a_log_is_followed_on_when_the_server_is_back(
    server: Server, store: Store, account: Account, tmp_path: Path
) -> None:
    log = tmp_path / "access.log"
    log.write_text("".join(map(LOGGED.format, range(3))))
    with following(store, log) as process:
        until(lambda: len(told(store, account)) == 3)
        server.kill()
        with log.open("a") as growing:
            growing.writelines(map(LOGGED.format, range(3, 6)))
        assert process.stderr
        until(lambda: "Retrying" in process.stderr.readline())
        server.start()
        until(lambda: told(store, account) == NEWEST_FIRST)
        assert process.poll() is None
