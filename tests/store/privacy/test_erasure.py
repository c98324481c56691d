"""Erasure of a phone number: no row has it any more, all sums stay, and it does not come back."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from werkzeug.test import TestResponse

from boxis_gateway.levels import Level
from boxis_gateway.model import Account, NewMessage, Prices, Status, SubmissionFacts
from boxis_gateway.rest_api.auth import token_digest
from boxis_gateway.sms.dlr import DeliveryReport
from boxis_gateway.sms.mentions import mentions
from boxis_gateway.sms.numbers import to_e164
from boxis_gateway.store import ErasureCounts, ListQuery, Store
from boxis_gateway.store.privacy import erasure_scan
from boxis_gateway.store.tables import TABLES
from tests.support.example_account import NOW, USERNAME
from tests.support.importing import import_file
from tests.support.store_checks import counted, fill, recounted
from tests.support.stores import Stores, store_at

NUMBER, DIGITS = "+48514151563", "48514151563"
OTHER = "+4581808888"
SPELLINGS = (NUMBER, DIGITS, f"00{DIGITS}", "+48 514-151-563")


SENDERS = st.sampled_from(("boxis.net", "BOXIS.net", OTHER, *SPELLINGS, f"tel:{DIGITS}"))
TEXTS = st.sampled_from(
    (None, "hello", f"call {DIGITS}", "call 514 151 563 now", f"{DIGITS}{DIGITS}", "×")
)
MESSAGES = st.builds(
    lambda at, recipient, sender, status, text, group, wire_id: NewMessage(
        recipient,
        sender,
        at,
        text,
        status=status,
        wire_id=wire_id,
        credit_thousandths=1500,
        prices=Prices(price=750_000),
        reported_as=7,
        submission=SubmissionFacts(group, "2012-04-30 12:00:00") if group else None,
    ),
    st.sampled_from(("2012-05-01 12:00:00", "2012-05-01 12:00:00.250", "2012-06-01 12:00:00")),
    st.sampled_from((NUMBER, OTHER, "7248", f"tel:{DIGITS}")),
    SENDERS,
    st.sampled_from((Status.SENT, Status.PENDING, Status.REFUSED)),
    TEXTS,
    st.sampled_from(("", "", "first", f"{DIGITS}-1")),
    st.sampled_from((None, None, None, "77", DIGITS, f"{DIGITS}1336556454", f"x-{DIGITS}")),
)


def told(store: Store) -> str:
    """All that stands in the tables, but for what is not ours to change."""
    names = [table._meta.table_name for table in TABLES]
    rows = [store.database.execute_sql(f"SELECT * FROM {name}").fetchall() for name in names]
    return json.dumps(rows, ensure_ascii=False)


def left(store: Store) -> list[str]:
    """Rows that mention the number."""
    return [row for row in told(store).split("], [") if mentions(row, NUMBER)]


def sums(store: Store) -> list[Any]:
    """Totals that no erasure may change."""
    queries = (
        "SELECT account_id, sent_at, sum(credit_thousandths), sum(parts), count(*), status "
        "FROM message GROUP BY account_id, sent_at, status",
        "SELECT account_id, count(*), sum(price), count(recipients) FROM submission GROUP BY 1",
        "SELECT account_id, month, sum(listed) FROM submission_count GROUP BY 1, 2",
    )
    return [store.database.execute_sql(sql).fetchall() for sql in queries]


@pytest.fixture(scope="module")
def shop(
    stores: Stores, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Store, Account]]:
    store = stores.make(Path(tmp_path_factory.mktemp("shop")) / "store.db")
    stores.disable_fsync(store)
    yield store, store.accounts.add(USERNAME, "k", NOW)
    store.close()


@given(st.lists(MESSAGES, max_size=12), st.sampled_from((1, 2, 1000)))
@settings(max_examples=40)
def test_no_row_has_the_number_and_sums_stay(
    shop: tuple[Store, Account], messages: list[NewMessage], rows_at_once: int
) -> None:
    store, account = shop
    store.database.execute_sql("DELETE FROM erased_number")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(erasure_scan, "BATCH_ROWS", rows_at_once)
        fill(store, account, messages)
        before, would = sums(store), store.erasure.erase(NUMBER, NOW, dry_run=True)
        assert store.erasure.erase(NUMBER, NOW) == would
    assert left(store) == []
    assert sums(store) == before
    assert counted(store) == recounted(store)
    assert store.erasure.erase(NUMBER, NOW) == ErasureCounts()
    store.additions.add(account.id, list(enumerate(messages)))
    addresses = store.database.execute_sql(
        "SELECT recipient FROM message UNION SELECT sender FROM message"
    )
    assert NUMBER not in {to_e164(address.removeprefix("tel:")) for (address,) in addresses}


def add(store: Store, account: Account, *messages: NewMessage) -> None:
    store.additions.add(account.id, list(enumerate(messages)))


def texts(store: Store) -> list[str | None]:
    rows = store.database.execute_sql("SELECT text FROM submission ORDER BY id").fetchall()
    return [text for (text,) in rows]


def test_texts_to_and_from_the_number_are_erased(store: Store, account: Account) -> None:
    moment = "2012-05-01 12:00:0{}".format
    group = SubmissionFacts("many", moment(0))
    add(
        store,
        account,
        NewMessage(NUMBER, "boxis.net", moment(1), "to"),
        NewMessage(OTHER, DIGITS, moment(2), "from"),
        NewMessage(NUMBER, "boxis.net", moment(3), "refused", status=Status.REFUSED),
        NewMessage(OTHER, "boxis.net", moment(4), "about 514-151-563"),
        NewMessage(OTHER, "boxis.net", moment(5), "of others"),
        *(
            NewMessage(recipient, "boxis.net", moment(6), "to many", submission=group)
            for recipient in (OTHER, NUMBER, "7248")
        ),
    )
    assert store.erasure.erase(NUMBER, NOW) == ErasureCounts(messages=4, texts=4, mentions=1)
    page, _ = store.submissions.page(ListQuery([account.id], limit=9))
    assert [(one.sender, one.recipients, one.text) for one in reversed(page)] == [
        ("boxis.net", f"{OTHER}\n0\n7248", None),
        ("boxis.net", "0", None),
        ("0", OTHER, None),
        ("boxis.net", OTHER, "about ×××-×××-×××"),
        ("boxis.net", OTHER, "of others"),
    ]
    assert texts(store).count(None) == 4


def test_contacts_and_sender_names_lose_the_number(store: Store, account: Account) -> None:
    customer = store.customers.get(USERNAME)
    entries = [(DIGITS, "Anna", "Friends"), (OTHER, "Not 514 151 563", f"All {DIGITS}")]
    assert store.contacts.add(customer, entries) == 2
    store.accounts.set_sender_names(account, ["boxis.net", f"00{DIGITS}"])
    would = store.erasure.erase(NUMBER, NOW, dry_run=True)
    assert store.erasure.erase(NUMBER, NOW) == would == ErasureCounts(entries=3)
    assert not mentions(told(store), NUMBER)
    assert "Anna" not in told(store)
    assert store.contacts.names(customer.id, [OTHER]) == {OTHER: "Not ××× ××× ×××"}
    assert store.accounts.sender_names(account) == ["boxis.net"]
    assert store.contacts.add(customer, [("+48 514 151 563", "Anna", ""), (OTHER, "Bob", "")]) == 1
    assert "Anna" not in told(store)


def test_login_names_with_the_number_are_reported(store: Store) -> None:
    store.accounts.add(f"{DIGITS}@example.com", "k", NOW, customer="shop")
    shop = store.customers.get("shop")
    store.employees.add(shop, "514151563", "Anna", Level.OWNER, None, NOW)
    store.employees.add(shop, "bob", f"Bob {NUMBER}", Level.OWNER, None, NOW)
    store.customers.add(f"of {NUMBER}", NOW)
    store.erasure.erase(NUMBER, NOW)
    assert store.erasure.names_with(NUMBER) == [
        ("account", f"{DIGITS}@example.com"),
        ("customer", f"of {NUMBER}"),
        ("employee", "514151563"),
        ("employee", "bob"),
    ]
    assert store.erasure.names_with("7248") == []


def test_a_short_code_is_erased_as_an_address_only(store: Store, account: Account) -> None:
    moment = "2012-05-01 12:00:0{}".format
    messages = [
        NewMessage("7248", "boxis.net", moment(1), "to 7248"),
        NewMessage(OTHER, "7248", moment(2), "from"),
        NewMessage(OTHER, "boxis.net", moment(3), "costs 7248", wire_id="72480"),
    ]
    add(store, account, *messages)
    assert store.erasure.erase("7248", NOW) == ErasureCounts(messages=2, texts=2)
    assert texts(store) == [None, None, "costs 7248"]


def test_audit_and_tombstone_do_not_contain_the_number(stores: Stores, tmp_path: Path) -> None:
    digests = set()
    for name in ("one.db", "two.db"):
        store = stores.create(tmp_path / name)
        store.erasure.erase(NUMBER, NOW)
        store.erasure.erase(NUMBER, NOW)
        ((digest,),) = store.database.execute_sql("SELECT digest FROM erased_number").fetchall()
        assert re.fullmatch("[0-9a-f]{32}", digest)
        digests.add(digest)
        entry = next(one for one in store.audit.entries("", "9") if one.what == "erase")
        assert entry.subject == ""
        assert json.loads(entry.details) == {"messages": 0, "texts": 0, "mentions": 0, "entries": 0}
        store.close()
    assert len(digests) == 2


def test_both_apis_count_as_before(
    store: Store, account: Account, post_action: Callable[..., TestResponse], client: Any
) -> None:
    moment = "2012-05-01 12:00:{:02}".format
    priced = Prices(price=750_000, whole_sale=500_000)
    recipients, senders = (NUMBER, OTHER, "7248"), ("boxis.net", DIGITS, OTHER)
    add(
        store,
        account,
        *(
            NewMessage(
                recipients[n % 3],
                senders[n // 3 % 3],
                moment(n),
                "secret",
                parts=n % 3 + 1,
                credit_thousandths=500 * n,
                prices=priced,
            )
            for n in range(18)
        ),
    )
    customer = store.customers.get(USERNAME)
    anna = store.employees.add(customer, "Anna", "anna", Level.OWNER, None, NOW)
    store.tokens.add(anna, token_digest("token"), NOW)

    def view() -> tuple[list[dict[str, Any]], dict[str, Any]]:
        history = post_action(returntype="json").json["params"]["senders"]
        return list(history.values()), client.get("/sms?token=token").json

    history, listed = view()
    store.erasure.erase(NUMBER, NOW)
    new_history, new_listed = view()
    for key in ("credit", "parts", "date", "type"):
        assert [row[key] for row in new_history] == [row[key] for row in history]
    assert new_listed["total"] == listed["total"] == 18
    for key in ("_id", "price", "sent"):
        old, new = ([one[key] for one in some["messages"]] for some in (listed, new_listed))
        assert new == old
    assert {row["reciptient"] for row in new_history} == {"0", OTHER[1:], "7248"}
    assert {row["sender"] for row in new_history} == {"boxis.net", "0", OTHER[1:]}
    by_number = client.get("/sms", query_string={"token": "token", "to": NUMBER}).json
    assert by_number["total"] == 0
    by_nobody = client.get("/sms", query_string={"token": "token", "from": "0"}).json
    assert by_nobody["total"] == len(by_nobody["messages"]) == 6


HEADER = "recipient,sender,date,text,status,status_date\n"
LINES = (
    f"{DIGITS},boxis.net,2012-05-09 10:28:01,secret one,sent,\n"
    f"{OTHER},00{DIGITS},2012-05-09 10:28:02,secret two,sent,\n"
    f"{OTHER},boxis.net,2012-05-09 10:28:03,ask 514 151 563,sent,\n"
)


@pytest.mark.parametrize("dry_run", [True, False])
def test_the_same_file_adds_none(
    store: Store, account: Account, tmp_path: Path, dry_run: bool
) -> None:
    path, rejects = tmp_path / "m.csv", tmp_path / "rejects.csv"
    path.write_text(HEADER + LINES)
    assert import_file(store, account, path).added == 3
    store.erasure.erase(NUMBER, NOW)
    before = told(store)
    path.write_text(HEADER + LINES.replace("sent,", "delivered,2012-05-09 11:00:00"))
    again = store_at(store.url)  # another process, which has asked for the erased numbers before
    assert import_file(again, account, path, dry_run=True).other
    summary = import_file(again, account, path, dry_run=dry_run, rejects_path=rejects)
    again.close()
    assert (summary.added, summary.known, summary.changed, summary.bad) == (0, 1, 1, 0)
    assert summary.other == {"message of a number that was erased": 2}
    assert not rejects.exists()
    assert not mentions(told(store), NUMBER)
    if dry_run:
        assert told(store) == before


def test_erased_messages_can_be_exported(store: Store, account: Account, tmp_path: Path) -> None:
    """A message to nobody is no bad line, so that totals go along."""
    path = tmp_path / "m.csv"
    path.write_text("recipient,sender,date\n0,0,2012-05-09 10:28:01\n")
    summary = import_file(store, account, path)
    assert (summary.added, summary.bad) == (1, 0)


def test_a_report_finds_no_erased_message(store: Store, account: Account) -> None:
    add(store, account, NewMessage(NUMBER, "s", "2012-05-09 10:28:01", reported_as=7))
    store.erasure.erase(NUMBER, NOW)
    report = DeliveryReport((7,), Status.DELIVERED, "2012-05-09 10:29:00")
    assert store.delivery_reports.apply([report], 0, "2012-05-09 10:29:00").changed == 0


def test_an_import_under_way_does_not_bring_it_back(store: Store, account: Account) -> None:
    """An import that has read the lines before the erasure, and brings them after it."""
    other = store_at(store.url)
    add(other, account, NewMessage(OTHER, "s", "2012-05-09 10:28:00"))
    store.erasure.erase(NUMBER, NOW)
    late = [(9, NewMessage(NUMBER, "s", "2012-05-09 10:28:01", status=Status.REFUSED))]
    added = other.additions.add(account.id, late)
    assert (added.new, added.erased, added.refused) == (0, 1, 0)
    store.erasure.erase(OTHER, NOW)  # one more, while the other has looked before
    late = [(9, NewMessage(OTHER, "s", "2012-05-09 10:28:01"))]
    assert other.additions.add(account.id, late).erased == 1
    other.close()
