"""Dry runs: they wait for no writer, change nothing, and count what the run then does."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from boxis_gateway.model import Account, NewMessage, Status
from boxis_gateway.sms.dlr import DeliveryReport
from boxis_gateway.store import Cutoffs, ErasureCounts, Pruned, Store
from boxis_gateway.store.engines.base import EVERY_ACCOUNT
from tests.support.every_table import all_rows
from tests.support.example_account import NOW

NUMBER = "+48514151563"
DAYS = tuple(f"2012-05-{day:02} 12:00:00" for day in range(1, 5))


@pytest.mark.parametrize(
    ("run", "expected"),
    [
        (
            lambda s, a, dry: s.retention.prune(a, Cutoffs(DAYS[1], DAYS[3]), dry_run=dry),
            Pruned(1, 2),
        ),
        (lambda s, a, dry: s.retention.prune_reports(NOW.replace(year=2013), dry_run=dry), 1),
        (lambda s, a, dry: s.erasure.erase(NUMBER, NOW, dry_run=dry), ErasureCounts(2, 2, 2)),
    ],
)
def test_a_dry_run_beside_a_writer_counts_as_the_run(
    store: Store, account: Account, run: Callable[[Store, Account, bool], object], expected: object
) -> None:
    messages = [
        NewMessage(NUMBER if number % 2 else "7248", "s", day, f"call {NUMBER}")
        for number, day in enumerate(DAYS)
    ]
    store.additions.add(account.id, list(enumerate(messages)))
    reports = [DeliveryReport((1,), Status.DELIVERED, DAYS[0])]
    store.delivery_reports.apply(reports, account.id, DAYS[0])
    before, writer = all_rows(store), Store(store.url)
    with writer.database.write_transaction(EVERY_ACCOUNT):
        assert run(store, account, True) == expected
    writer.close()
    assert all_rows(store) == before
    assert run(store, account, False) == expected
    assert all_rows(store) != before
