"""Lists of submissions: the same as a loop over all of them would find."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from boxis_gateway.errors import StoreError
from boxis_gateway.model import Account, NewMessage, Prices, Status
from boxis_gateway.store import Criteria, ListedSubmission, ListQuery, Order, Store, position_after
from boxis_gateway.store.messages import list_pages as lists
from boxis_gateway.store.messages.listing_sql import FOLDED_INTO
from tests.support.engines import examples, statements
from tests.support.example_account import NOW, USER_KEY
from tests.support.stores import Stores

SENDERS = ("boxis.net", "BOXIS.net", "+48514151563", "48514151563", "Żółw")
MONTHS = ("2013-12", "2014-01", "2014-02")
RECIPIENTS = ("+4581808888", "7248")
FOLDABLE = (*"aAkKsSfFiIbB %_!", "ß", "ſ", "\u212a", "İ", "ﬁ", "ż", "Ż", "ς", "Σ", "🎂")
TEXTS = st.text(st.sampled_from(FOLDABLE), min_size=1, max_size=6)
MESSAGES = st.lists(
    st.tuples(
        st.integers(0, 1),
        st.builds(
            lambda **given: NewMessage(**given),  # the other fields are as by default
            recipient=st.sampled_from(RECIPIENTS),
            sender=st.sampled_from(SENDERS),
            sent_at=st.builds(
                "{}-{:02} 12:00:0{}{}".format,
                st.sampled_from(MONTHS),
                st.sampled_from((1, 9, 10, 28)),
                st.integers(0, 1),
                st.sampled_from(("", ".250")),
            ),
            text=st.none() | TEXTS,
            status=st.sampled_from((Status.SENT, Status.PENDING, Status.REFUSED)),
            prices=st.none()
            | st.sampled_from(("2014-03-01 00:00:00", "2014-04-01 00:00:00")).map(Prices),
        ),
    ),
    min_size=3,
    max_size=20,
)
FILTERS = st.builds(
    Criteria,
    first_month=st.sampled_from(("", "", "0001-01", *MONTHS)),
    last_month=st.sampled_from(("", "", "9999-12", *MONTHS)),
    recipient=st.sampled_from((None, None, None, None, *RECIPIENTS)),
    sender=st.sampled_from((None, None, None, None, "BOXIS.NET", "+48514151563", "ŻÓŁW", "no")),
    text=st.none() | st.none() | st.none() | TEXTS,
)


@dataclass
class Shop:
    """A store with two accounts, emptied for each example."""

    store: Store
    accounts: list[Account]

    def fill(self, messages: Sequence[tuple[int, NewMessage]]) -> None:
        for table in ("submission", "message", "submission_count"):
            self.store.database.execute_sql(f"DELETE FROM {table}")
        with self.store.database.atomic():
            for number, (which, message) in enumerate(messages):
                self.store.additions.add(self.accounts[which].id, [(number, message)])

    def all(self) -> list[tuple[str, ListedSubmission]]:
        """Each with its month."""
        columns = ", ".join(ListedSubmission._fields)
        rows = self.store.database.execute_sql(
            f"SELECT substr(created_at, 1, 7), {columns} FROM submission "
            "WHERE recipients IS NOT NULL"
        )
        return [(month, ListedSubmission(*row)) for month, *row in rows]

    @property
    def ids(self) -> list[int]:
        return [account.id for account in self.accounts]


@pytest.fixture(scope="module")
def shop(stores: Stores, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    store = stores.make(Path(tmp_path_factory.mktemp("shop")) / "store.db")
    names = ("a@example.com", "b@example.com")
    yield Shop(store, [store.accounts.add(name, USER_KEY, NOW, customer="shop") for name in names])
    store.close()


def expected(shop: Shop, which: Criteria, order: Order) -> list[ListedSubmission]:
    """The list, by a loop."""

    def holds(month: str, one: ListedSubmission) -> bool:
        return (
            (which.first_month or "0") <= month <= (which.last_month or "9999-12")
            and (which.recipient is None or one.recipients == which.recipient)
            and (which.sender is None or plain(one.sender) == plain(which.sender))
            and (which.text is None or which.text.casefold() in (one.text or "").casefold())
        )

    def plain(sender: str) -> str:
        return sender.removeprefix("+").casefold()

    def place(one: ListedSubmission) -> tuple[str, int, int]:
        time = {Order.SENT: one.sent_at, Order.INVOICED: one.invoiced_at}.get(order)
        return time or "", one.id, one.account_id

    found = (one for month, one in shop.all() if holds(month, one))
    return sorted(found, key=place, reverse=True)


@given(MESSAGES, FILTERS, st.sampled_from(Order), st.integers(0, 8), st.integers(0, 12))
@pytest.mark.parametrize("scans_per_query", [200, 1])
@settings(
    max_examples=examples(80),
)
def test_a_page_is_a_part_of_the_whole_list(
    shop: Shop,
    monkeypatch: pytest.MonkeyPatch,
    scans_per_query: int,
    messages: list[tuple[int, NewMessage]],
    which: Criteria,
    order: Order,
    offset: int,
    limit: int,
) -> None:
    monkeypatch.setattr(lists, "SCANS_PER_QUERY", scans_per_query)
    shop.fill(messages)
    whole = expected(shop, which, order)
    query = ListQuery(shop.ids, which, order, limit, offset)
    page, total = shop.store.submissions.page(query)
    assert (page, total) == (whole[offset : offset + limit], len(whole))
    walked: list[ListedSubmission] = page[:1] if (offset, limit > 0) == (0, True) else whole[:1]
    while walked and (
        more := shop.store.submissions.page(
            query._replace(limit=max(1, limit), offset=0, after=position_after(walked[-1], order))
        ).submissions
    ):
        walked += more
    assert walked == whole


@given(st.lists(TEXTS, min_size=1, max_size=8), TEXTS)
def test_a_text_is_found_whatever_its_case(shop: Shop, texts: list[str], searched: str) -> None:
    shop.fill(
        [
            (0, NewMessage("7248", "s", f"2012-05-09 12:00:{second:02}", text))
            for second, text in enumerate(texts)
        ]
    )
    found, _ = shop.store.submissions.page(ListQuery(shop.ids, Criteria(text=searched)))
    assert [one.text for one in reversed(found)] == [
        text for text in texts if searched.casefold() in text.casefold()
    ]


def test_a_long_text_is_searched_for_too(shop: Shop) -> None:
    long = "Code " * 20_000
    shop.fill(
        [
            (0, NewMessage("7248", "s", f"2012-05-09 12:00:{second:02}", text))
            for second, text in enumerate((long, long + "ż", long[1:]))
        ]
    )
    which = Criteria(text=long.upper())
    assert shop.store.submissions.page(ListQuery(shop.ids, which, limit=1))[1] == 2


def test_letters_that_fold_into_ascii_are_known() -> None:
    others = map(chr, (*range(128, 0xD800), *range(0xE000, 0x110000)))
    assert {part for one in others for part in one.casefold() if part < "\x80"} == FOLDED_INTO


def test_a_total_is_no_walk(shop: Shop) -> None:
    shop.fill([(0, NewMessage("7248", "s", "2012-05-09 12:00:00", "text"))])
    with statements(shop.store) as ran:
        which = Criteria("2012-01", "2012-12", sender="S")
        assert shop.store.submissions.page(ListQuery(shop.ids, which, limit=1))[1] == 1
    assert not any("count(*)" in sql for sql in ran)


@pytest.mark.parametrize("order", Order)
def test_a_customer_may_have_many_accounts(store: Store, order: Order) -> None:
    with store.database.atomic():
        for number in range(501):
            name = f"{number}@example.com"
            account = store.accounts.add(name, USER_KEY, NOW, customer="many")
            message = NewMessage("7248", "s", f"2012-05-{number % 28 + 1:02} 12:00:00", "text")
            store.additions.add(account.id, [(number, message)])
    ids = store.submissions.accounts_of(store.customers.get("many").id)
    for which in (Criteria(), Criteria(sender="s", recipient="7248", text="text")):
        page, total = store.submissions.page(ListQuery(ids, which, order, 20, 490))
        assert (len(page), total) == (11, 501)


@pytest.mark.sqlite_only("the version stands in a pragma")
def test_an_import_stops_after_a_migration(store: Store, account: Account) -> None:
    store.database.execute_sql("PRAGMA user_version = 9999")
    with pytest.raises(StoreError, match="Run this again"):
        store.additions.add(account.id, [(1, NewMessage("7248", "s", "2012-05-09 12:00:00"))])
    with pytest.raises(StoreError, match="boxis-gateway migrate"):
        store.require_current()
    store.migrate()
    store.require_current()
