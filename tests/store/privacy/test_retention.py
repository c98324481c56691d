"""Retention: messages and texts that are too old go, and all else stays right."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from boxis_gateway.model import Account, NewMessage, Status, SubmissionFacts
from boxis_gateway.settings import Settings
from boxis_gateway.sms.dlr import DeliveryReport
from boxis_gateway.store import Criteria, Cutoffs, ListQuery, Pruned, Store, cutoffs_of
from boxis_gateway.store.privacy import retention
from boxis_gateway.zones import utc_now
from tests.support.example_account import NOW, USERNAME
from tests.support.importing import import_file
from tests.support.store_checks import counted, csv_of, fill, recounted
from tests.support.stores import Stores

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


def left(
    messages: Sequence[Any], submissions: dict[int, Any], limits: Cutoffs
) -> tuple[list[Any], dict[int, Any]]:
    """Rows of `everything` that a loop leaves."""
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
        would = store.retention.prune(account, limits, dry_run=True)
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
        page, total = store.submissions.page(ListQuery([account.id], which, limit=9))
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
    assert store.retention.prune_reports(now, dry_run=True) == 4
    assert store.retention.prune_reports(now) == 4
    assert store.retention.prune_reports(now) == 0


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


def test_ages_go_by_the_clock(store: Store, account: Account, tmp_path: Path) -> None:
    path = csv_of(tmp_path / "m.csv", [50, 20, 1])
    kept = Settings(keep_messages_days=30)
    later = utc_now() + timedelta(days=15)
    assert import_file(store, account, path, settings=kept, clock=lambda: later).added == 1
