"""`prune`: the size of the file, and others who read and write meanwhile."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from boxis_gateway.model import NewMessage
from boxis_gateway.settings import Settings
from boxis_gateway.store import Pruned, Store, cutoffs_of
from boxis_gateway.store.engines.sqlite.database import SqliteDatabase
from boxis_gateway.store.privacy import retention
from boxis_gateway.zones import utc_now, utc_text
from tests.store.privacy.test_retention import everything
from tests.support.example_account import NOW, USERNAME
from tests.support.forked_commands import DIE_AT_COMMIT
from tests.support.importing import import_file
from tests.support.running_server import Gateway, Serve, start_command
from tests.support.store_checks import another_writer, counted, csv_of, recounted
from tests.support.stores import Stores, store_at


def size_after(gateway: Gateway, store: Store, *words: str) -> tuple[int, int]:
    before = store.path.stat().st_size
    store.close()
    said = gateway("prune", *words)
    assert said.returncode == 0, said.stderr
    return before, store.path.stat().st_size


def full_store(path: Path, store: Store) -> Store:
    store.accounts.add(USERNAME, "k", NOW, options={"keep_messages_days": "30"})
    days = [1 + 100 * n / 6_000 for n in range(6_000)]
    import_file(store, store.accounts.get(USERNAME), csv_of(path, days), settings=Settings())
    account = store.accounts.get(USERNAME)
    text = "text " * 30
    times = (f"2012-05-09 12:{n // 60:02}:{n % 60:02}" for n in range(3600))
    old = [(n, NewMessage("7248", "s", sent_at, text)) for n, sent_at in enumerate(times)]
    store.additions.add(account.id, old)
    store.maintenance.checkpoint_wal(5)
    return store


@pytest.mark.sqlite_only("the size of a file")
def test_the_file_gets_smaller(stores: Stores, tmp_path: Path, gateway: Gateway) -> None:
    store = full_store(tmp_path / "m.csv", stores.make(tmp_path / "store.db"))
    before, after = size_after(gateway, store)
    assert after < 0.7 * before
    assert store.database.execute_sql("PRAGMA freelist_count").fetchone() == (0,)
    assert store.find_damage() == ""


@pytest.mark.sqlite_only("the size of a file")
def test_an_old_file_shrinks_if_rewritten(stores: Stores, tmp_path: Path, gateway: Gateway) -> None:
    path = tmp_path / "store.db"
    path.touch()
    SqliteDatabase(path).connection_context().__enter__()  # as older versions made it
    store = stores.open(path)
    store.migrate()
    assert not store.maintenance.can_release_pages
    full_store(tmp_path / "m.csv", store)
    store.close()
    said = gateway("prune")
    assert "run 'boxis-gateway prune --compact' once" in said.stdout
    before, after = size_after(gateway, store, "--compact")
    assert after < 0.7 * before
    assert store.maintenance.can_release_pages
    assert "--compact" not in gateway("prune").stdout
    assert store.find_damage() == ""
    store.close()


@pytest.mark.sqlite_only("the size of a file")
def test_prune_does_not_wait_for_readers(stores: Stores, tmp_path: Path, gateway: Gateway) -> None:
    """A client that takes its time to read a history."""
    store = full_store(tmp_path / "m.csv", stores.make(tmp_path / "store.db"))
    history = store.history.read(1, with_status=False)
    said = gateway("prune")
    assert "will shrink when its readers" in said.stderr
    assert sum(map(len, history)) > 3600
    store.close()


def test_the_command_reports_each_account(stores: Stores, tmp_path: Path, gateway: Gateway) -> None:
    store = stores.make(tmp_path / "store.db")
    for name in ("a@example.com", "b@example.com"):
        account = store.accounts.add(name, "k", NOW)
        import_file(store, account, csv_of(tmp_path / "m.csv", [50, 20, 1]))
    store.close()
    assert gateway("prune").stdout.startswith("Nothing to delete: no account has keep_texts_days")
    gateway("account", "set", "a@example.com", "keep_messages_days=30", "keep_texts_days=10")
    said = gateway("prune", "--dry-run").stdout
    assert said == "a@example.com: 1 messages and 1 texts would be deleted.\n"
    assert gateway("prune", "--account", "b@example.com").stdout.startswith("Nothing to delete")
    assert gateway("prune").stdout == "a@example.com: 1 messages and 1 texts deleted.\n"
    for_all = {"BOXIS_GATEWAY_KEEP_TEXTS_DAYS": "10"}
    assert "b@example.com: 0 messages and 2 texts" in gateway("prune", **for_all).stdout
    assert "There is no account" in gateway("prune", "--account", "nobody").stderr


COUNT = 12_000


@pytest.fixture(scope="module")
def big(stores: Stores, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with two thirds of its messages too old."""
    folder = Path(tmp_path_factory.mktemp("big"))
    store = stores.make(folder / "store.db")
    account = store.accounts.add(USERNAME, "0123456789abcdefABCDEF01", NOW)
    days = [90 - 85 * n / COUNT for n in range(COUNT)]
    import_file(store, account, csv_of(folder / "m.csv", days))
    store.accounts.set_options(account, {"keep_messages_days": "30", "keep_texts_days": "10"})
    store.close()
    return folder / "store.db"


@pytest.fixture
def copy(stores: Stores, big: Path, tmp_path: Path) -> Store:
    return stores.copy(big, tmp_path / "store.db")


def test_a_server_an_import_and_other_writers_go_on(
    copy: Store, serve: Serve, tmp_path: Path
) -> None:
    csv_of(tmp_path / "new.csv", [n / COUNT for n in range(COUNT)], "new")
    server = serve(copy)
    words = ("import", str(tmp_path / "new.csv"), "--account", USERNAME, "--timezone", "UTC")
    processes = [start_command(copy, *words), start_command(copy, "prune")]
    since = utc_text(utc_now() - timedelta(days=12))[:19]
    with another_writer(copy):
        while any(process.poll() is None for process in processes):
            assert "<reciptient>" in server.post(datefrom=since).text
    said = [process.communicate() for process in processes]
    assert [process.returncode for process in processes] == [0, 0], said
    _, errors = server.stop()
    assert "locked" not in errors
    assert f"{COUNT} added" in said[0][0]
    messages, submissions = everything(copy)
    limit = utc_text(utc_now() - timedelta(days=29.9))
    assert COUNT < len(messages) == len(submissions) < 2 * COUNT
    assert min(one[0] for one in messages) < limit
    assert counted(copy) == recounted(copy)
    copy.close()


def test_two_prunes_at_once_share_the_work(copy: Store, gateway: Gateway) -> None:
    dry = gateway("prune", "--dry-run").stdout
    processes = [start_command(copy, "prune") for _ in range(2)]
    said = [process.communicate()[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    numbers = [[int(word) for word in line.split() if word.isdigit()] for line in said]
    would = [int(word) for word in dry.split() if word.isdigit()]
    assert abs(numbers[0][0] + numbers[1][0] - would[0]) <= 5  # the clock has gone on
    assert numbers[0][1] + numbers[1][1] >= would[1] - 5
    assert counted(copy) == recounted(copy)
    copy.close()


def test_others_write_between_transactions(copy: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another prune, at its first turn; and writers who don't wait."""
    account = copy.accounts.get(USERNAME)
    limits = cutoffs_of(Settings(), account, utc_now())
    would, turn = (
        copy.retention.prune(account, limits, dry_run=True),
        copy.maintenance.throttled_transaction,
    )
    other, others = store_at(copy.url, lock_seconds=0), list[Pruned]()

    @contextmanager
    def with_others_behind(*words: Any) -> Iterator[None]:
        with turn(*words):
            yield
        if not others:
            others.append(other.retention.prune(account, limits))

    monkeypatch.setattr(copy.maintenance, "throttled_transaction", with_others_behind)
    pruned = copy.retention.prune(account, limits)
    assert pruned.messages == retention.BATCH_ROWS
    assert pruned.messages + others[0].messages == would.messages
    assert pruned.texts + others[0].texts == would.texts
    other.close()
    copy.close()


def test_a_killed_prune_is_finished_by_the_next(copy: Store, gateway: Gateway) -> None:
    sizes = [COUNT]
    for _ in range(3):
        process = start_command(copy, "prune", **{DIE_AT_COMMIT: "3"})
        process.communicate()
        assert process.returncode == -signal.SIGKILL
        messages, submissions = everything(copy)
        sizes.append(len(messages))
        assert {one[2] for one in messages} == set(submissions)
        assert counted(copy) == recounted(copy)
        copy.close()
    assert sizes == [COUNT - n * retention.BATCH_ROWS for n in (0, 2, 4, 6)]
    assert gateway("prune").returncode == 0
    assert "0 messages and 0 texts" in gateway("prune").stdout
    assert len(everything(copy)[0]) < COUNT / 2
    copy.close()
