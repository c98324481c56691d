"""Retention: what is too old goes, all else stays right, and nobody is held up."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st

from boxis_gateway.model import Account, NewMessage, Status, SubmissionFacts
from boxis_gateway.settings import Settings
from boxis_gateway.sms.dlr import DeliveryReport
from boxis_gateway.sms.numbers import sender_key
from boxis_gateway.store import Criteria, Cutoffs, Order, Pruned, Store, cutoffs_of
from boxis_gateway.store.engines.schema_version import set_version
from boxis_gateway.store.engines.sqlite.database import SqliteDatabase
from boxis_gateway.store.privacy import retention
from boxis_gateway.zones import utc_now, utc_text
from tests.support.example_account import NOW, USERNAME, signed
from tests.support.forked_commands import DIE_AT_COMMIT, Forked
from tests.support.importing import import_file
from tests.support.running_server import GATEWAY, RunningServer
from tests.support.stores import Stores
from tests.support.waiting import LIMIT_SECONDS

Gateway = Callable[..., subprocess.CompletedProcess[str]]

DAYS = tuple(f"2012-05-{day:02} 12:00:00" for day in range(1, 9))
RECIPIENTS = ("+4581808888", "+48514151563", "7248")
MESSAGES = st.builds(
    lambda at, recipient, status, text, group, sender: NewMessage(
        recipient,
        sender,
        at,
        text,
        status=status,
        submission=SubmissionFacts(f"group-{group}", DAYS[0]) if group else None,
    ),
    st.sampled_from(DAYS),
    st.sampled_from(RECIPIENTS),
    st.sampled_from((Status.SENT, Status.SENT, Status.PENDING, Status.REFUSED)),
    st.sampled_from((None, "text", "another")),
    st.integers(0, 3),
    st.sampled_from(("boxis.net", "BOXIS.net", "+48600100100")),
)
MOMENTS = st.sampled_from(("", *DAYS, "2012-05-03 12:00:00.500", "2013-01-01 00:00:00"))


def everything(store: Store) -> tuple[list[Any], dict[int, Any]]:
    """Messages, and submissions by id."""
    run = store.database.execute_sql
    messages = run("SELECT sent_at, id, submission_id, recipient, status FROM message").fetchall()
    submissions = run("SELECT id, text, recipients FROM submission").fetchall()
    return messages, {number: rest for number, *rest in submissions}


def recounted(store: Store) -> Counter[Any]:
    rows = store.database.execute_sql(
        "SELECT account_id, substr(created_at, 1, 7), sender FROM submission "
        "WHERE recipients IS NOT NULL"
    )
    return Counter((account, sender_key(sender), month, sender) for account, month, sender in rows)


def counted(store: Store) -> dict[Any, int]:
    rows = store.database.execute_sql(
        "SELECT account_id, sender_key, month, sender, listed FROM submission_count"
    )
    return {(account, key, month, sender): n for account, key, month, sender, n in rows}


def left(
    messages: Sequence[Any], submissions: dict[int, Any], limits: Cutoffs
) -> tuple[list[Any], dict[int, Any]]:
    """What a loop leaves of `everything`."""
    kept = [one for one in messages if one[0] >= limits.messages_from]
    expected = {}
    for number, (text, recipients) in submissions.items():
        theirs = [one for one in kept if one[2] == number]
        listed = sorted(one[3] for one in theirs if one[4] != "refused")
        if any(one[0] >= limits.texts_from for one in theirs):
            expected[number] = [text, listed]
        elif theirs:
            expected[number] = [None, listed]
        assert listed or recipients is None or limits.messages_from
    return kept, expected


def with_lists(submissions: dict[int, Any]) -> dict[int, Any]:
    return {
        number: [text, sorted(recipients.split("\n") if recipients else [])]
        for number, (text, recipients) in submissions.items()
    }


@pytest.fixture(scope="module")
def shop(
    stores: Stores, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Store, Account]]:
    store = stores.make(Path(tmp_path_factory.mktemp("shop")) / "store.db")
    stores.disable_fsync(store)
    yield store, store.accounts.add(USERNAME, "k", NOW)
    store.close()


def fill(store: Store, account: Account, messages: Sequence[NewMessage]) -> None:
    for table in ("submission", "message", "submission_count"):
        store.database.execute_sql(f"DELETE FROM {table}")
    store.additions.add(account.id, list(enumerate(messages)))


@given(st.lists(MESSAGES, max_size=25), MOMENTS, MOMENTS, st.sampled_from((1, 2, 1000)))
@settings(max_examples=50)
def test_prune_leaves_what_a_loop_would_leave(
    shop: tuple[Store, Account],
    messages: list[NewMessage],
    messages_from: str,
    texts_from: str,
    rows_at_once: int,
) -> None:
    store, account = shop
    limits = Cutoffs(messages_from, texts_from)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(retention, "BATCH_ROWS", rows_at_once)
        fill(store, account, messages)
        before = everything(store)
        expected = left(*before, limits)
        would = store.retention.would_prune(account, limits)
        assert everything(store) == before
        assert store.retention.prune(account, limits) == would
        kept, submissions = everything(store)
        assert (kept, with_lists(submissions)) == expected
        assert would.messages == len(before[0]) - len(kept)
        assert counted(store) == recounted(store)
        assert store.retention.prune(account, limits) == Pruned(0, 0)


def test_texts_of_removed_messages_are_not_counted(store: Store, account: Account) -> None:
    """Texts that go with their messages are not told as texts."""
    fill(store, account, [NewMessage("7248", "s", day, "text") for day in DAYS])
    limits = Cutoffs(DAYS[2], DAYS[5])
    assert store.retention.prune(account, limits) == Pruned(2, 3)
    (entry,) = (one for one in store.audit.entries("", "9") if one.what == "prune")
    assert entry.subject == USERNAME
    assert entry.details == '{"messages": 2, "texts": 3}'


def test_pending_messages_are_never_too_old(store: Store, account: Account) -> None:
    facts = SubmissionFacts("a", DAYS[0], "2013-01-01 00:00:00")
    waits = NewMessage(
        "7248", "s", "2013-01-01 00:00:00", "text", status=Status.PENDING, submission=facts
    )
    fill(store, account, [waits])
    assert store.retention.prune(account, Cutoffs(DAYS[7], DAYS[7])) == Pruned(0, 0)


def test_other_accounts_are_left_alone(store: Store, account: Account) -> None:
    other = store.accounts.add("bob@example.com", "k", NOW)
    for one in (account, other):
        store.additions.add(one.id, [(1, NewMessage("7248", "s", DAYS[0], "text"))])
    store.retention.prune(account, Cutoffs(DAYS[1], DAYS[1]))
    assert [len(store.history.recent(one.id, "", "9", 9)) for one in (account, other)] == [0, 1]


def test_both_apis_show_the_remaining_messages(store: Store, account: Account) -> None:
    fill(store, account, [NewMessage("7248", "s", day, "text") for day in DAYS])
    store.retention.prune(account, Cutoffs(DAYS[3], DAYS[6]))
    history = store.history.read(account.id, with_status=False)
    assert [row[2] for batch in history for row in batch] == list(DAYS[:2:-1])
    for which in (Criteria(), Criteria(recipient="7248"), Criteria(sender="s")):
        page, total = store.submissions.page([account.id], which, Order.CREATED, 0, 9)
        assert [one.text for one in page] == ["text", "text", None, None, None]
        assert total == 5


def test_limits_are_days_of_the_account_or_of_the_server(account: Account) -> None:
    assert cutoffs_of(Settings(), account, NOW) == Cutoffs("", "")
    server = Settings(keep_texts_days=1)
    assert cutoffs_of(server, account, NOW) == Cutoffs("", "2012-05-08 12:00:00")
    own = Account(1, "a", "k", options={"keep_messages_days": "9", "keep_texts_days": "0"})
    assert cutoffs_of(server, own, NOW) == Cutoffs("2012-04-30 12:00:00", "")


def test_a_report_is_waited_for_for_30_days(store: Store) -> None:
    for number, day in enumerate(DAYS):
        store.delivery_reports.apply([DeliveryReport((number,), Status.DELIVERED, day)], 0, day)
    now = NOW.replace(month=6, day=4)
    assert store.retention.would_prune_reports(now) == 4
    assert store.retention.prune_reports(now) == 4
    assert store.retention.prune_reports(now) == 0


# Imports don't bring back what is gone.


def csv_of(path: Path, days: Sequence[float], name: str = "") -> Path:
    """Messages of so many days ago."""
    now = utc_now()
    lines = (
        f"4851{n:07},boxis.net,{utc_text(now - timedelta(days=ago))[:19]},text {n}{name}\n"
        for n, ago in enumerate(days)
    )
    path.write_text("recipient,sender,date,text\n" + "".join(lines))
    return path


@pytest.mark.parametrize("dry_run", [True, False])
def test_messages_that_are_too_old_are_not_imported(
    store: Store, account: Account, tmp_path: Path, dry_run: bool
) -> None:
    path = csv_of(tmp_path / "m.csv", [50, 20, 1])
    kept = Settings(keep_messages_days=30, keep_texts_days=10)
    summary = import_file(store, account, path, settings=kept, dry_run=dry_run)
    assert (summary.added, summary.bad) == (2, 0)
    assert summary.other == {"message older than the account keeps": 1}
    if not dry_run:
        rows = store.database.execute_sql("SELECT text FROM submission ORDER BY id").fetchall()
        assert rows == [(None,), ("text 2",)]


def test_pruned_messages_do_not_come_back(store: Store, account: Account, tmp_path: Path) -> None:
    path = csv_of(tmp_path / "m.csv", [50, 20, 1])
    assert import_file(store, account, path).added == 3
    store.accounts.set_options(account, {"keep_messages_days": "30", "keep_texts_days": "10"})
    account = store.accounts.get(USERNAME)
    limits = cutoffs_of(Settings(), account, utc_now())
    assert store.retention.prune(account, limits) == Pruned(1, 1)
    before = everything(store)
    summary = import_file(store, account, path)
    assert (summary.added, summary.known, summary.bad) == (0, 2, 0)
    assert everything(store) == before


def test_the_age_of_messages_goes_by_the_clock(
    store: Store, account: Account, tmp_path: Path
) -> None:
    path = csv_of(tmp_path / "m.csv", [50, 20, 1])
    kept = Settings(keep_messages_days=30)
    later = utc_now() + timedelta(days=15)
    assert import_file(store, account, path, settings=kept, clock=lambda: later).added == 1


# The room that the file takes.


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
def test_an_old_file_gets_smaller_once_it_was_rewritten(
    stores: Stores, tmp_path: Path, gateway: Gateway
) -> None:
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
def test_prune_does_not_wait_for_a_long_reader(
    stores: Stores, tmp_path: Path, gateway: Gateway
) -> None:
    """A client that takes its time to read a history."""
    store = full_store(tmp_path / "m.csv", stores.make(tmp_path / "store.db"))
    history = store.history.read(1, with_status=False)
    said = gateway("prune")
    assert "will shrink when its readers" in said.stderr
    assert sum(map(len, history)) > 3600
    store.close()


# The command line.


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


# Beside others, and stopped at any moment.

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


def start(store: Store, *words: str, **environ: str) -> subprocess.Popen[str]:
    return Forked(
        [*GATEWAY, *words],
        env={**os.environ, "BOXIS_GATEWAY_DATABASE_URL": store.url, **environ},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_server_an_import_and_other_writers_go_on(
    copy: Store, serve: Callable[..., RunningServer], tmp_path: Path
) -> None:
    csv_of(tmp_path / "new.csv", [n / COUNT for n in range(COUNT)], "new")
    server = serve(copy)
    words = ("import", str(tmp_path / "new.csv"), "--account", USERNAME, "--timezone", "UTC")
    processes = [start(copy, *words), start(copy, "prune")]
    failed: list[Exception] = []
    done = threading.Event()

    def write() -> None:
        store = Store(copy.url, lock_seconds=LIMIT_SECONDS)
        while not done.wait(0.01):
            try:
                set_version(store.database)
            except Exception as problem:
                failed.append(problem)
        store.close()

    writer = threading.Thread(target=write)
    writer.start()
    answers = []
    while any(process.poll() is None for process in processes):
        form = signed(int(time.time()), {"datefrom": utc_text(utc_now() - timedelta(days=12))[:19]})
        answers.append(requests.post(server.url, data=form, timeout=60))
    done.set()
    writer.join()
    said = [process.communicate() for process in processes]
    assert [process.returncode for process in processes] == [0, 0], said
    assert failed == []
    assert all("<reciptient>" in one.text for one in answers)
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
    processes = [start(copy, "prune") for _ in range(2)]
    said = [process.communicate()[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    numbers = [[int(word) for word in line.split() if word.isdigit()] for line in said]
    would = [int(word) for word in dry.split() if word.isdigit()]
    assert abs(numbers[0][0] + numbers[1][0] - would[0]) <= 5  # the clock has gone on
    assert numbers[0][1] + numbers[1][1] >= would[1] - 5
    assert counted(copy) == recounted(copy)
    copy.close()


def test_other_writers_get_turns_between_transactions(
    copy: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another prune, at its first turn; and writers who don't wait."""
    account = copy.accounts.get(USERNAME)
    limits = cutoffs_of(Settings(), account, utc_now())
    would, turn = (
        copy.retention.would_prune(account, limits),
        copy.maintenance.throttled_transaction,
    )
    other, others = Store(copy.url, lock_seconds=0), list[Pruned]()

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
        process = start(copy, "prune", **{DIE_AT_COMMIT: "3"})
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
