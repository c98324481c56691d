"""Rules by which tables of messages can be sharded by account (docs/citus.md)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import chain
from typing import Any

import pytest

from boxis_gateway.model import Account, NewMessage, Status, SubmissionFacts
from boxis_gateway.sms.dlr import DeliveryReport
from boxis_gateway.store import Criteria, Cutoffs, ListQuery, Order, Store, position_after
from boxis_gateway.store.engines.postgresql.baseline import TABLES
from boxis_gateway.store.engines.postgresql.citus import DISTRIBUTED_TABLES, KeysetCursor
from boxis_gateway.store.ids import GREATEST_ACCOUNT_ID, wire_id
from boxis_gateway.store.messages import listing
from boxis_gateway.store.messages.listing_sql import Shape, page_sql
from boxis_gateway.store.privacy import erasure_scan
from tests.support.engines import statements
from tests.support.example_account import NOW, USER_KEY

TABLE = re.compile(rf'\b(?:FROM|JOIN|UPDATE|INTO) "?(?:{"|".join(DISTRIBUTED_TABLES)})"?\s')
OF_ACCOUNT = re.compile(r'\baccount_id"? = (?:\?|:account|m\.account_id)')
INTO_ACCOUNT = re.compile(r'^\s*INSERT INTO "?\w+"? \("?account_id"?, ')
CHANGES_ACCOUNT = re.compile(r'(?:\bSET|,)\s+"?account_id"? = ')
MAY = [f"2012-05-{day:02} 10:00:00" for day in range(1, 29)]


TEXT = Criteria(text="h")


def columns(table: str) -> str:
    found = re.search(rf"CREATE TABLE {table} \(\n(.*?)\n\)", TABLES, re.DOTALL)
    assert found
    return found[1]


@pytest.mark.parametrize("table", DISTRIBUTED_TABLES)
def test_keys_begin_with_the_account(table: str) -> None:
    keys = re.findall(r"(?:PRIMARY KEY|UNIQUE)(?: \((\w+))?", columns(table))
    assert keys == ["account_id"]
    assert f"UNIQUE INDEX ON {table}" not in TABLES


def test_the_primary_key_of_messages_has_the_partition_key() -> None:
    assert "PRIMARY KEY (account_id, sent_at, id)" in columns("message")
    assert "PARTITION BY RANGE (sent_at)" in TABLES


@pytest.mark.parametrize("table", DISTRIBUTED_TABLES)
def test_nothing_refers_to_another_machine(table: str) -> None:
    assert "REFERENCES" not in columns(table)
    assert f"REFERENCES {table} " not in TABLES


@pytest.mark.parametrize("table", DISTRIBUTED_TABLES)
def test_the_account_is_of_one_type_everywhere(table: str) -> None:
    assert columns(table).startswith("    account_id integer NOT NULL,")
    assert columns("account").startswith("    id integer PRIMARY KEY,")


def messages() -> Iterator[NewMessage]:
    """Messages of all kinds."""
    facts = SubmissionFacts("x-1", MAY[2], MAY[2])
    for number, sent_at in enumerate(MAY):
        yield NewMessage(f"+4850000000{number % 10}", "shop", sent_at, "hi", reported_as=number)
    yield NewMessage("+48500000001", "7248", MAY[2], "two", submission=facts)
    yield NewMessage("+48500000002", "7248", MAY[2], "two", submission=facts)
    yield NewMessage("+48500000003", "7248", MAY[3], status=Status.PENDING, wire_id="9")


def use_all(store: Store, account: Account) -> None:
    """Every operation on messages."""
    again = [(number, message) for number, message in enumerate(messages())]
    store.additions.add(account.id, again)
    store.additions.add(account.id, [(n, one._replace(status=Status.FAILED)) for n, one in again])
    store.additions.add(account.id, again, dry_run=True)
    report = DeliveryReport((3,), Status.DELIVERED, MAY[4])
    store.delivery_reports.apply([report], account.id, MAY[4])
    store.delivery_reports.apply([report], 0, MAY[4])
    store.history.recent(account.id, MAY[0], MAY[-1], 9)
    for with_status in (True, False):
        list(store.history.read(account.id, with_status=with_status))
    for which in (
        Criteria("2012-05"),
        Criteria(recipient="+48500000001"),
        Criteria(sender="SHOP"),
        TEXT,
    ):
        for order in Order:
            query = ListQuery([account.id], which, order, 1, 1)
            found, _ = store.submissions.page(query)
            store.submissions.page(query._replace(after=position_after(found[0], order)))
    store.submissions.find("9")
    list(store.exports.rows({account.id: "anna"}, Criteria(recipient="+48500000001")))
    limits = Cutoffs(MAY[5], MAY[9])
    store.retention.prune(account, limits, dry_run=True)
    store.retention.prune(account, limits)
    store.erasure.erase("+48500000007", NOW)


def of_all_accounts(store: Store) -> set[str]:
    """Statements that are about every account."""
    return {
        store.delivery_reports._find_sql,  # a report need not say whose message it is about
        listing.FIND_SQL,  # nor do ids of other systems
        erasure_scan.ADDRESSES_SQL,
        erasure_scan._Statements(store.database.dialect).delete_counts,
    }


def test_each_statement_is_of_one_account(store: Store, account: Account) -> None:
    with statements(store) as ran:
        use_all(store, account)
    asked = {sql for sql in ran if TABLE.search(f"{sql} ")}
    assert len(asked) > 40
    of_all = of_all_accounts(store)
    assert of_all <= asked
    assert [sql for sql in asked - of_all if not is_of_one_account(sql)] == []


def is_of_one_account(sql: str) -> bool:
    """True if the account stands beside each table."""
    if INTO_ACCOUNT.match(sql):
        return True
    return 0 < len(TABLE.findall(f"{sql} ")) <= len(OF_ACCOUNT.findall(sql))


def test_a_statement_without_the_account_is_found_out() -> None:
    assert not is_of_one_account("SELECT id FROM message WHERE wire_id = ?")
    assert not is_of_one_account("DELETE FROM submission")
    assert not is_of_one_account(
        "SELECT m.id FROM message m JOIN submission s ON s.id = m.id WHERE m.account_id = ?"
    )


@pytest.mark.parametrize("order", Order)
@pytest.mark.parametrize("untimed", [False, True])
def test_each_walk_of_a_page_is_of_one_account(store: Store, order: Order, untimed: bool) -> None:
    shape = Shape(True, True, True, True, order, after=True, untimed=untimed)
    assert is_of_one_account(page_sql(store.database.dialect, shape, 3))


def test_no_case_compares_with_each_of_its_cases(store: Store, account: Account) -> None:
    """Citus passes `CASE ? WHEN …` on with NULL for the parameter; `CASE WHEN ? = …` works."""
    with statements(store) as ran:
        use_all(store, account)
    assert not [sql for sql in ran if re.search(r"\bCASE\s+(?!WHEN\b)", sql)]


def test_numbers_beyond_64_bits_are_unknown(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Citus refuses it; PostgreSQL only finds nothing."""
    asked: list[Any] = []
    ask = store.database.execute_sql
    monkeypatch.setattr(
        store.database, "execute_sql", lambda *how: asked.append(how[1]) or ask(*how)
    )
    store.submissions.find(wire_id(7, GREATEST_ACCOUNT_ID))
    store.submissions.find(wire_id(7, GREATEST_ACCOUNT_ID + 1))
    assert [parameters[:2] for parameters in asked] == [(GREATEST_ACCOUNT_ID, 7), (0, 0)]


def test_no_message_changes_its_account(store: Store, account: Account) -> None:
    with statements(store) as ran:
        use_all(store, account)
    assert not [sql for sql in ran if CHANGES_ACCOUNT.search(sql)]


def test_pages_are_the_same_wherever_accounts_lie(
    store: Store, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    others = [store.accounts.add(f"{n}@example.com", USER_KEY, NOW) for n in range(3)]
    accounts = [one.id for one in (account, *others)]
    for one in accounts:
        store.additions.add(one, list(enumerate(messages())))

    def pages() -> list[Any]:
        return [
            store.submissions.page(ListQuery(accounts, which, order, 7, offset))
            for which in (Criteria(), Criteria(recipient="+48500000001"))
            for order in Order
            for offset in (0, 5, 50)
        ]

    together = pages()
    monkeypatch.setattr(store.database, "shard_of", lambda account_id: account_id % 3)
    assert pages() == together


HISTORY_SQL = """
    SELECT sender, recipient, sent_at, id FROM message
    WHERE account_id = ? AND sent_at >= ? AND sent_at < ? AND status <> ?
    ORDER BY sent_at DESC, id DESC
"""


@pytest.mark.parametrize("most", [1, 2, 3, 7, 100])
def test_a_history_in_pages_is_the_whole(store: Store, account: Account, most: int) -> None:
    times = ["2012-05-01 10:00:00", "2012-05-01 10:00:00.500", *MAY[1:5]]
    sent = [NewMessage(f"+{n}", "shop", one) for one in times for n in range(6)]
    store.additions.add(account.id, list(enumerate(sent)))
    parameters = (account.id, MAY[0], MAY[4], "refused")
    whole = store.database.execute_sql(HISTORY_SQL, parameters).fetchall()
    cursor = KeysetCursor(store.database.connection(), HISTORY_SQL, parameters)
    read = list(iter(lambda: cursor.fetchmany(most), []))
    assert list(chain.from_iterable(read)) == whole
    assert len(whole) == 30
