"""Delivery reports: what a message becomes by them, in whatever order all of it comes."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from boxis_gateway.importers import IMPORTERS
from boxis_gateway.importers.reading.lines import ReadOptions
from boxis_gateway.importers.reading.source import Source
from boxis_gateway.importing import AccountMap, Summary
from boxis_gateway.importing import batch_writer as batch_writer_module
from boxis_gateway.importing.batch_writer import BatchWriter
from boxis_gateway.importing.reject_file import RejectFile
from boxis_gateway.model import Account, NewMessage, Status
from boxis_gateway.sms.dlr import DeliveryReport, later_state
from boxis_gateway.store import ListQuery, Store
from boxis_gateway.store.engines.base import EVERY_ACCOUNT
from boxis_gateway.zones import find_zone
from tests.support.engines import examples
from tests.support.example_account import NOW
from tests.support.stores import Stores, store_at

HEAD = "[SMSC:op] [SVC:] [ACT:] [BINF:] [FID:{}] [META:] [from:boxis.net] [to:+4851415156{}]"
SENT = f"2026-11-21 10:00:{{:02}} Sent SMS {HEAD} [flags:-1:0:-1:-1:31] [msg:2:hi] [udh:0:]"
REPORT = f"2026-11-21 10:{{}} Receive DLR {HEAD} [flags:-1:-1:-1:-1:{{}}] [msg:0:] [udh:0:]"
WHEN = "2026-11-21 10:00:00"


def sent(number: int, fid: str = "7", to: int = 3) -> str:
    return SENT.format(number, fid, to)


def report(clock: str, event: int, fid: str = "7", to: int = 3) -> str:
    return REPORT.format(clock, fid, to, event)


def load(store: Store, account: Account, *lines: str, dry_run: bool = False) -> Summary:
    importer = IMPORTERS["kannel"]
    source = Source(BytesIO("".join(line + "\n" for line in lines).encode()))
    writer = BatchWriter(
        AccountMap(store, account, {}), Summary("kannel"), RejectFile(None), dry_run=dry_run
    )
    for line in importer.read(source, ReadOptions(find_zone("UTC"))):
        writer.add(line)
    writer.flush()
    return writer.summary


def statuses(store: Store) -> list[tuple[str, str | None]]:
    return list(
        store.database.execute_sql(
            "SELECT status, status_changed_at FROM message ORDER BY sent_at, recipient"
        ).fetchall()
    )


STORY = [
    sent(1),
    sent(2, to=4),
    sent(3, fid="8"),
    sent(4, fid="9"),
    report("00:05", 8),
    report("00:06", 1),
    report("00:07", 2, to=4),
    report("01:00", 1, to=4),  # delivered after all
    report("00:08", 4, fid="8"),
    report("00:09", 16, fid="9"),
    report("00:09", 1, fid="none of ours"),
]
ENDS = [
    ("delivered", "2026-11-21 10:00:06"),
    ("delivered", "2026-11-21 10:01:00"),
    ("sent", None),
    ("failed", "2026-11-21 10:00:09"),
]


@settings(max_examples=examples(40))
@given(st.permutations(STORY), st.sets(st.integers(0, len(STORY))), st.sampled_from([1, 3, 5_000]))
def test_messages_end_in_the_same_state_in_any_order_and_split(
    stores: Stores, lines: Sequence[str], cuts: set[int], batch: int
) -> None:
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(batch_writer_module, "BATCH", batch)
        store = stores.make(Path(folder) / "store.db")
        account = store.accounts.add("anna@example.com", "k", NOW)
        for first, last in pairwise([0, *sorted(cuts), len(lines)]):
            load(store, account, *lines[first:last])
        assert statuses(store) == ENDS
        load(store, account, *lines)
        assert statuses(store) == ENDS
        store.close()


def test_the_summary_counts_used_and_waiting_reports(store: Store, account: Account) -> None:
    early = load(store, account, report("00:05", 1))
    assert (early.reports, early.reports_used, early.reports_waiting) == (1, 0, 1)
    both = load(store, account, sent(1), sent(2, fid="8"), report("00:05", 1, fid="8"))
    assert (both.added, both.reports, both.reports_used, both.reports_waiting) == (2, 1, 1, 0)
    again = load(store, account, report("00:05", 1))
    assert (again.reports_used, again.reports_waiting) == (0, 0)


def test_a_dry_run_beside_a_writer_counts_as_the_run(store: Store, account: Account) -> None:
    load(store, account, sent(1), sent(2, fid="8"))
    lines = [
        sent(2, fid="8"),
        sent(3, fid="9"),
        report("00:05", 1),
        report("00:06", 2),
        report("00:07", 1, fid="9"),
        report("00:08", 8, fid="8"),
        report("00:09", 1, fid="none of ours"),
    ]
    before, other = statuses(store), store_at(store.url)
    with other.database.write_transaction(EVERY_ACCOUNT):
        told = load(store, account, *lines, dry_run=True)
    other.close()
    assert statuses(store) == before
    assert (told.added, told.reports_used, told.reports_waiting) == (1, 3, 1)
    assert load(store, account, *lines) == told


def test_a_report_is_about_the_newest_message_of_its_id(store: Store, account: Account) -> None:
    load(store, account, sent(1), sent(30))
    load(store, account, report("00:40", 1))
    assert statuses(store) == [("sent", None), ("delivered", "2026-11-21 10:00:40")]


def test_a_report_of_long_after_is_of_another_message(store: Store, account: Account) -> None:
    load(store, account, sent(1))
    told = load(store, account, report("00:40", 1).replace("2026-11-21", "2026-12-31"))
    assert told.reports_waiting == 1
    assert statuses(store) == [("sent", None)]


def test_a_report_changes_messages_of_its_account_alone(store: Store, account: Account) -> None:
    bob = store.accounts.add("bob@example.com", "k", NOW)
    load(store, account, sent(1))
    assert load(store, bob, report("00:40", 1)).reports_waiting == 1
    assert load(store, bob, sent(1)).added == 1
    rows = store.database.execute_sql("SELECT account_id, status FROM message ORDER BY 1")
    assert rows.fetchall() == [(account.id, "sent"), (bob.id, "delivered")]


def add(store: Store, account: Account, status: Status, **more: Any) -> None:
    message = NewMessage("+48514151563", "s", WHEN, "text", status=status, wire_id="77", **more)
    store.additions.add(account.id, [(1, message)])


def listed(store: Store, account: Account) -> tuple[list[str | None], int]:
    found, total = store.submissions.page(ListQuery([account.id], limit=10))
    return [one.sent_at for one in found], total


def test_a_pending_message_is_sent_when_it_comes_again(store: Store, account: Account) -> None:
    add(store, account, Status.PENDING)
    assert listed(store, account) == ([None], 1)
    add(store, account, Status.SENT)
    assert listed(store, account) == ([WHEN], 1)
    assert statuses(store) == [("sent", None)]


def test_a_pending_message_that_is_refused_is_in_no_list(store: Store, account: Account) -> None:
    add(store, account, Status.PENDING)
    add(store, account, Status.REFUSED)
    assert listed(store, account) == ([], 0)
    rows = store.database.execute_sql("SELECT credit_thousandths FROM message").fetchall()
    assert rows == [(0,)]
    add(store, account, Status.DELIVERED)
    assert statuses(store) == [("refused", None)]


def test_a_duplicate_in_a_batch_has_the_later_status(store: Store, account: Account) -> None:
    message = NewMessage("+48514151563", "s", WHEN, wire_id="77")
    done = message._replace(status=Status.DELIVERED, status_changed_at="2026-11-21 10:00:09")
    added = store.additions.add(account.id, [(1, message), (2, done), (3, message)])
    assert (added.new, added.changed) == (1, 0)
    assert statuses(store) == [("delivered", "2026-11-21 10:00:09")]


def test_a_stored_duplicate_has_the_later_status_too(store: Store, account: Account) -> None:
    waits = NewMessage("+48514151563", "s", WHEN, wire_id="77", status=Status.PENDING)
    store.additions.add(account.id, [(1, waits)])
    dated = waits._replace(status_changed_at="2026-11-21 10:00:09")
    store.additions.add(account.id, [(2, waits._replace(status=Status.SENT)), (3, dated)])
    assert statuses(store) == [("sent", None)]


STATES = st.tuples(
    st.sampled_from(Status), st.sampled_from([None, "2026-11-21 10:00:01", "2026-11-21 10:00:02"])
)


@given(STATES.filter(lambda state: state[0] is not Status.PENDING), st.lists(STATES))
def test_the_order_of_reports_makes_no_difference(first: Any, others: list[Any]) -> None:
    reports = [one for one in others if one[0] is not Status.PENDING]

    def end(states: list[Any]) -> Any:
        state = first
        for one in states:
            state = later_state(state, one)
        return state

    if first[0] is not Status.REFUSED:
        assert end(reports) == end(reports[::-1]) == end(sorted(reports, key=str))


def test_a_report_that_waits_too_long_is_forgotten(store: Store, account: Account) -> None:
    reports = [DeliveryReport((1,), Status.DELIVERED, WHEN)]
    store.delivery_reports.apply(reports, account.id, "2026-01-01 00:00:00")
    assert store.delivery_reports.delete_waiting("2026-01-01 00:00:00", 9) == 0
    assert store.delivery_reports.delete_waiting("2026-01-01 00:00:01", 9) == 1
