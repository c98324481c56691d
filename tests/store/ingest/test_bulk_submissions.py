"""Messages of sources that know submissions: what the lists and the history make of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from boxis_gateway.model import Account, NewMessage, Prices, Status, SubmissionFacts
from boxis_gateway.sms.dlr import DeliveryReport
from boxis_gateway.store import Criteria, ListedSubmission, ListQuery, Store, wire_id
from boxis_gateway.store.ids import UPPER_HALF, first_id

T1, T2, T3 = (f"2014-01-31 23:59:{second}" for second in (57, 58, 59))
FACTS = SubmissionFacts("x-1", T1, T2, True, False, "0" * 24)
TO = ("+4581808888", "7248", "+48514151563", "007")

Add = Callable[..., tuple[int, int]]


def one(recipient: str, **facts: Any) -> NewMessage:
    """A message of the submission x-1."""
    usual: dict[str, Any] = {"sender": "shop", "sent_at": T2, "text": "t", "submission": FACTS}
    return NewMessage(recipient, **(usual | facts))


@pytest.fixture
def add(store: Store, account: Account) -> Add:
    """Add messages in one go; how many are new, and how many changed."""

    def add(*messages: NewMessage) -> tuple[int, int]:
        fingerprinted = [(hash(message[:3]), message) for message in messages]
        return tuple(store.additions.add(account.id, fingerprinted))

    return add


def listed(store: Store, account: Account, which: Criteria = Criteria()) -> list[ListedSubmission]:  # noqa: B008
    found, total = store.submissions.page(ListQuery([account.id], which))
    assert total == len(found)
    return found


def history(store: Store, account: Account) -> list[tuple[Any, ...]]:
    batches = store.history.read(account.id, with_status=True)
    return [row for rows in batches for row in rows]


def test_recipients_are_listed_as_one_submission(store: Store, account: Account, add: Add) -> None:
    prices = Prices(T3, 3, 2, 1)
    add(*(one(recipient, prices=prices) for recipient in TO))
    (found,) = listed(store, account)
    assert found == ListedSubmission(
        id=first_id(T1) + UPPER_HALF,
        account_id=account.id,
        text="t",
        sender="shop",
        recipients="\n".join(TO),
        sent_at=T2,
        invoiced_at=T3,
        price=3,
        whole_sale=2,
        cost=1,
        group_id="0" * 24,
        wire_id="x-1",
    )
    assert store.submissions.find("x-1") == [found]
    assert listed(store, account, Criteria(recipient="007")) == [found]
    assert [row[1] for row in history(store, account)] == list(TO[::-1])


def test_a_refused_recipient_is_on_no_list(store: Store, account: Account, add: Add) -> None:
    refused = {"status": Status.REFUSED}
    add(one(TO[0]), one(TO[1], **refused), one(TO[2], submission=FACTS._replace(wire_id="x-2")))
    add(one(TO[3], submission=FACTS._replace(wire_id="none"), **refused))
    assert [found.recipients for found in listed(store, account)] == [TO[2], TO[0]]
    assert listed(store, account, Criteria(recipient=TO[1])) == []
    assert store.submissions.find("none") == []
    assert len(history(store, account)) == 2
    add(one("7249", submission=FACTS._replace(wire_id="none")))  # it was not refused as a whole
    assert [found.wire_id for found in listed(store, account)] == ["none", "x-2", "x-1"]


def test_a_later_recipient_is_listed_by_time(store: Store, account: Account, add: Add) -> None:
    add(one(TO[0], sent_at=T3), one(TO[1], sent_at=T2))
    assert listed(store, account)[0].recipients.split("\n") == [TO[1], TO[0]]
    add(one(TO[2], sent_at=T1), one(TO[3], sent_at=T3))
    (found,) = listed(store, account)
    assert found.recipients.split("\n") == [TO[2], TO[1], TO[0], TO[3]]
    assert found.sent_at == T1


def test_a_submission_has_the_first_time(store: Store, account: Account, add: Add) -> None:
    pending = {"status": Status.PENDING}
    add(one(TO[0], sent_at=T3, wire_id="a", **pending), one(TO[1], wire_id="b", **pending))
    assert listed(store, account)[0].sent_at is None
    again = {"status": Status.PENDING, "status_changed_at": T3}
    assert add(one(TO[0], sent_at=T3, wire_id="a", **again))[:2] == (0, 1)
    assert listed(store, account)[0].sent_at is None
    for name, sent_at in (("a", T3), ("b", T2)):
        assert add(one(TO[0], sent_at=sent_at, wire_id=name))[:2] == (0, 1)
        assert listed(store, account)[0].sent_at == sent_at


def test_each_text_of_an_id_is_a_submission(store: Store, account: Account, add: Add) -> None:
    add(*(one(recipient, text=f"dear {recipient}") for recipient in TO))
    assert [found.text for found in listed(store, account)] == [f"dear {to}" for to in TO[::-1]]
    assert {found.wire_id for found in listed(store, account)} == {"x-1"}
    add(one("7249", text=f"dear {TO[0]}"))
    assert listed(store, account, Criteria(recipient="7249"))[0].recipients == f"{TO[0]}\n7249"


def test_reports_find_messages_of_submissions(store: Store, account: Account, add: Add) -> None:
    store.delivery_reports.apply([DeliveryReport((7,), Status.DELIVERED, T3)], account.id, T3)
    add(one(TO[0], reported_as=7), one(TO[1], reported_as=8, status=Status.PENDING))
    store.delivery_reports.apply([DeliveryReport((8,), Status.REFUSED, T3)], account.id, T3)
    sql = "SELECT recipient, status FROM message ORDER BY id"
    found = store.database.execute_sql(sql).fetchall()
    assert found == [(TO[0], "delivered"), (TO[1], "refused")]
    assert [each.recipients for each in listed(store, account)] == [TO[0]]


def test_an_exported_id_comes_back(store: Store, account: Account, add: Add) -> None:
    number = first_id(T1) + UPPER_HALF + 7
    facts = SubmissionFacts(wire_id(number, account.id), T1)
    add(one(TO[0], submission=facts, exported_id=first_id(T2) + UPPER_HALF + 9))
    (found,) = listed(store, account)
    assert (found.id, found.wire_id) == (number, None)
    (row,) = history(store, account)
    assert row[6:8] == (first_id(T2) + UPPER_HALF + 9, None)


def test_a_taken_id_is_only_shown_to_clients(store: Store, account: Account, add: Add) -> None:
    facts = SubmissionFacts(wire_id(first_id(T1), account.id), T1)
    mine = one(TO[0], sent_at=T1, submission=facts, exported_id=first_id(T1))
    add(NewMessage(TO[1], "other", T1))  # which has both ids
    assert add(mine)[:2] == (1, 0)
    assert [found.sender for found in listed(store, account)] == ["shop", "other"]
    assert {found.wire_id for found in listed(store, account)} == {None, facts.wire_id}
    assert [row[7] for row in history(store, account)] == [str(first_id(T1)), None]
    assert add(mine)[:2] == (0, 0)


def test_an_id_of_a_plain_message_is_not_reused(store: Store, account: Account, add: Add) -> None:
    """The next plain message of that time counts from the submissions that have a message then."""
    facts = SubmissionFacts(wire_id(first_id(T1), account.id), T1)
    add(one(TO[0], sent_at=T2, submission=facts))
    add(NewMessage(TO[1], "plain", T1), NewMessage(TO[2], "plain", T2))
    ids = {found.sender: found.id for found in listed(store, account)[::-1]}
    assert ids["shop"] == first_id(T1) + UPPER_HALF
    assert ids["plain"] == first_id(T2)
    assert {found.wire_id for found in listed(store, account)} == {None, facts.wire_id}


def test_an_exported_plain_id_is_not_used(store: Store, account: Account, add: Add) -> None:
    add(one(TO[0], exported_id=first_id(T2)))
    assert add(NewMessage(TO[1], "plain", T2))[0] == 1
    rows = [(row[0], row[6], row[7]) for row in history(store, account)]
    upper = first_id(T2) + UPPER_HALF
    assert rows == [("shop", upper, str(first_id(T2))), ("plain", first_id(T2), None)]
