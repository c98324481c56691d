"""Exported rows, imported into an empty store, are answered as before by both APIs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from hypothesis import given, settings
from hypothesis import strategies as st

from boxis_gateway.app import create_app
from boxis_gateway.exporters import EXPORTERS
from boxis_gateway.importers.reading.lines import ReadOptions
from boxis_gateway.importing import AccountMap, Summary, run_import
from boxis_gateway.levels import Level
from boxis_gateway.model import Kind, NewMessage, Prices, Status, SubmissionFacts
from boxis_gateway.rest_api.auth import token_digest
from boxis_gateway.settings import Settings
from boxis_gateway.store import Criteria, wire_id
from boxis_gateway.store.ids import first_id
from boxis_gateway.zones import find_zone
from tests.support.engines import examples
from tests.support.example_account import NOW, USER_KEY, signed
from tests.support.stores import Stores

USERNAMES = ("anna@example.com", "bob", "=carol")
FORMATS = ("csv", "jsonl")
TIMES = ("2014-01-31 23:59:59", "2014-01-31 23:59:59.500", "2014-02-01 00:00:00")
RECIPIENTS = ("+4581808888", "+48514151563", "7248", "007")


class World:
    """A store of two customers with three accounts, and the APIs over it."""

    def __init__(
        self, stores: Stores, folder: Path, usernames: tuple[str, ...] = USERNAMES
    ) -> None:
        self.store = stores.make(folder / "store.db")
        stores.disable_fsync(self.store)
        add_customer = self.store.database.execute_sql
        for number, name in enumerate(("shop", "other")):
            add_customer(
                "INSERT INTO customer (id, name, created_at) VALUES (?, ?, '2014-01-01 00:00:00')",
                (f"{number:024}", name),
            )
        for username in usernames:
            customer = "other" if username == USERNAMES[2] else "shop"
            options = {"history_status_fields": "yes"} if username == "bob" else {}
            self.store.accounts.add(username, USER_KEY, NOW, customer=customer, options=options)
        self.accounts = {name: self.store.accounts.get(name).id for name in usernames}
        admin = self.store.employees.add(
            self.store.customers.get("shop"), "admin", "admin", Level.ADMIN, None, NOW
        )
        self.store.tokens.add(admin, token_digest("token"), NOW)
        self.client: FlaskClient = create_app(self.store, Settings(), lambda: NOW).test_client()

    def empty(self) -> None:
        for table in ("message", "submission", "submission_count"):
            self.store.database.execute_sql(f"DELETE FROM {table}")

    def export(self, name: str) -> bytes:
        exports = self.store.exports
        return b"".join(EXPORTERS[name].encode(exports.rows(exports.accounts(), Criteria())))

    def take(self, path: Path) -> Summary:
        accounts = AccountMap(self.store, None, {}, by_field=True)
        options = ReadOptions(find_zone("UTC"), "account")
        return run_import(path, accounts, options, format_name=path.suffix[1:])

    def answers(self) -> dict[str, bytes]:
        """Answers of both APIs, by request."""
        given = {}
        for username in sorted(self.accounts):
            for returntype in ("xml", "json"):
                form = signed(int(NOW.timestamp()), {"returntype": returntype}, username)
                given[f"{username} {returntype}"] = self.client.post("/", data=form).data
        for customer in (f"{number:024}" for number in range(2)):
            for sort in ("CREATED", "SENT", "INVOICED"):
                query = {"customer": customer, "sort": sort, "names": "1"}
                listed = self.rest("/sms", **query)
                given[f"{customer} {sort}"] = listed
                for one in json.loads(listed)["messages"] if sort == "CREATED" else ():
                    given[one["_id"]] = self.rest(f"/sms/{one['_id']}")
        return given

    def rest(self, path: str, **query: str) -> bytes:
        return self.client.get(path, query_string={"token": "token", **query}).data


@dataclass
class Worlds:
    """A store that is filled, and one that is to be its like."""

    folder: Path
    first: World
    second: World
    numbers: Iterator[int] = field(default_factory=count)

    def carry(self, name: str) -> Summary:
        """Export from one store and import into the other."""
        path = self.folder / f"{next(self.numbers)}.{name}"
        path.write_bytes(self.first.export(name))
        return self.second.take(path)


@pytest.fixture(scope="module")
def made(stores: Stores, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[World]]:
    """Three stores; the third had its accounts in another order."""
    names = (USERNAMES, USERNAMES, USERNAMES[::-1])
    worlds = [World(stores, tmp_path_factory.mktemp("store"), usernames) for usernames in names]
    yield worlds
    for world in worlds:
        world.store.close()


@pytest.fixture
def worlds(made: list[World], tmp_path: Path) -> Worlds:
    return Worlds(tmp_path, made[0], made[1])


@pytest.fixture
def elsewhere(made: list[World], tmp_path: Path) -> Worlds:
    return Worlds(tmp_path, made[0], made[2])


WEIRD = (
    *("", "=1+1", "'=1+1", "''", " +48", "\t=x", "\r", "\r\n", "\n", "x\ry", 'a"b', '"', "a;b,c"),
    *("123456789012345678", "007", "1e5", "12:30", "-", "@", "\x00", "a\x00b", "\ufeff=1", "＝1"),
    *("🎂", "Zażółć", "\u2028", " ", "null", "\\", "\n" * 120, 'q"\n' * 60, "\x85", "\x1f=1"),
)
TEXTS = st.none() | st.sampled_from(WEIRD) | st.text(st.characters(exclude_categories=("Cs",)))
PRICES = st.none() | st.builds(
    Prices,
    st.sampled_from((None, "2014-03-01 00:00:00", "2014-03-02 12:00:00.001")),
    *[st.none() | st.integers(0, 10**15 - 1)] * 3,
)
NUMBERS = ("5", "17", "900719925474099312", "123456789012345678901234")
LIKE_OURS = st.builds(  # as a provider that counts nanoseconds would give
    lambda at, n: str(first_id(at) + n),
    st.sampled_from(TIMES),
    st.sampled_from((250_000, 250_100, 750_000, 750_100)),
)
SMS_IDS = st.none() | st.sampled_from((*NUMBERS, "abc", "f-1", "007", "=x")) | LIKE_OURS
SENDERS = st.sampled_from(("boxis.net", "+48514151563", "48514151563", "Żółw", "=SUM(A1)", "'x"))
FOREIGN = st.sampled_from(("jasmin-1", "53c3c1f0e4b0a1b2c3d4e5f6", "42", "1e10", "x"))
STATUSES = st.sampled_from(Status)


Loads = list[tuple[str, list[NewMessage]]]
ONE = st.builds(
    lambda **given: NewMessage(**given),  # the other fields are as by default
    recipient=st.sampled_from(RECIPIENTS),
    sender=SENDERS,
    sent_at=st.sampled_from(TIMES),
    text=TEXTS,
    parts=st.integers(1, 255),
    credit_thousandths=st.integers(0, 999_999_999),
    kind=st.sampled_from(Kind),
    status=STATUSES,
    status_changed_at=st.sampled_from((None, "2014-05-01 00:00:00.009")),
    wire_id=SMS_IDS,
    prices=PRICES,
)
GROUP_IDS = st.sampled_from((None, "0123456789abcdef01234567", "007"))


@st.composite
def submissions(draw: st.DrawFn) -> NewMessage:
    """A message of the submission, for what all of its messages have in common."""
    created_at = draw(st.sampled_from(TIMES))
    number = first_id(created_at) + 500_000 * draw(st.integers(0, 1)) + draw(st.integers(0, 3))
    facts = SubmissionFacts(
        draw(FOREIGN | st.builds(wire_id, st.just(number), st.integers(1, 3))),
        created_at,
        draw(st.sampled_from((None, *TIMES))),
        draw(st.booleans()),
        draw(st.booleans()),
        draw(GROUP_IDS),
    )
    return draw(ONE)._replace(submission=facts)


def looks(one: NewMessage) -> tuple[object, ...]:
    """An id may be given to several texts, but not twice to the same."""
    assert one.submission
    return one.submission.wire_id, one.submission.created_at, one.sender, one.text


@st.composite
def loads(draw: st.DrawFn) -> Loads:
    """Imports into a store, one after the other: messages of an account each."""
    pool = draw(st.lists(submissions(), unique_by=looks, max_size=3))
    members = st.builds(
        lambda one, other: one._replace(
            recipient=other.recipient,
            sent_at=other.sent_at,
            status=other.status,
            wire_id=other.wire_id,
        ),
        st.sampled_from(pool) if pool else st.nothing(),
        ONE,
    )
    load = st.lists(ONE | members if pool else ONE, min_size=1, max_size=6)
    return draw(st.lists(st.tuples(st.sampled_from(USERNAMES), load), max_size=4))


def fill(world: World, loads: Loads) -> None:
    world.empty()
    numbers = count()
    for username, messages in loads:
        fingerprinted = [(next(numbers), one) for one in messages]
        world.store.additions.add(world.accounts[username], fingerprinted)


QUICK = settings(max_examples=examples(20))


def differing(one: World, other: World) -> list[str]:
    """Answers of the APIs of two stores that differ."""
    expected, found = one.answers(), other.answers()
    return [what for what in expected | found if found.get(what) != expected.get(what)]


def counts(world: World) -> list[tuple[object, ...]]:
    """The table of counts, for what there is."""
    sql = "SELECT * FROM submission_count WHERE listed > 0 ORDER BY 1, 2, 3, 4"
    return list(world.store.database.execute_sql(sql))


@pytest.mark.parametrize("name", FORMATS)
@QUICK
@given(loads=loads())
def test_both_apis_answer_the_same_afterwards(name: str, worlds: Worlds, loads: Loads) -> None:
    fill(worlds.first, loads)
    worlds.second.empty()
    summary = worlds.carry(name)
    assert (summary.bad, summary.known) == (0, 0)
    assert differing(worlds.first, worlds.second) == []
    assert counts(worlds.first) == counts(worlds.second)
    assert worlds.second.export(name) == worlds.first.export(name)


@pytest.mark.parametrize("name", FORMATS)
@QUICK
@given(loads=loads())
def test_rows_that_come_back_are_duplicates(name: str, worlds: Worlds, loads: Loads) -> None:
    fill(worlds.first, loads)
    worlds.second = worlds.first
    before = worlds.first.answers(), counts(worlds.first)
    summary = worlds.carry(name)
    assert (summary.added, summary.bad, summary.changed) == (0, 0, 0)
    assert (worlds.first.answers(), counts(worlds.first)) == before


@QUICK
@given(loads=loads())
def test_accounts_may_have_other_numbers_there(elsewhere: Worlds, loads: Loads) -> None:
    fill(elsewhere.first, [(USERNAMES[0], messages) for _, messages in loads])
    elsewhere.second.empty()
    elsewhere.carry("jsonl")
    assert elsewhere.first.accounts != elsewhere.second.accounts
    assert differing(elsewhere.first, elsewhere.second) == []


def test_two_stores_may_come_into_one(worlds: Worlds) -> None:
    """Two stores that gave the same ids, since each had messages at the same time."""
    first, second, lists = worlds.first, worlds.second, (("7248",), RECIPIENTS)
    for world, text in ((first, "one"), (second, "two")):
        facts = SubmissionFacts(wire_id(first_id(TIMES[0]) + 500_000, 1), TIMES[0])
        fill(world, [("bob", [NewMessage("7248", text, TIMES[0], text)])])
        fingerprinted = [
            (n, NewMessage(recipient, text, TIMES[0], text, submission=facts))
            for n, recipient in enumerate(RECIPIENTS)
        ]
        world.store.additions.add(world.accounts[USERNAMES[0]], fingerprinted)
    for _ in range(2):
        assert worlds.carry("csv").bad == 0
        listed = json.loads(second.rest("/sms", customer=f"{0:024}"))["messages"]
        found = sorted((one["message"], tuple(one["to"])) for one in listed)
        assert found == sorted((text, to) for text in ("one", "two") for to in lists)


def test_ids_of_an_import_do_not_meet_those_that_came_back(worlds: Worlds) -> None:
    """Recipients of one submission at other times than its creation, and plain messages then."""
    world = worlds.first
    facts = [SubmissionFacts(name, TIMES[0]) for name in ("a", "b")]
    waiting = [NewMessage("7248", "s", TIMES[2], submission=one) for one in facts]
    again = NewMessage("7248", "s", TIMES[0], submission=SubmissionFacts("c", TIMES[0]))
    plain = [NewMessage("7248", "s", time) for time in (TIMES[2], TIMES[0], TIMES[2])]
    fill(world, [("bob", [*waiting, plain[0]]), ("bob", [again]), ("bob", plain[1:])])
    for time in TIMES[::2]:
        ids = world.store.database.execute_sql(
            "SELECT id FROM submission WHERE created_at = ? AND wire_id IS NULL", (time,)
        )
        assert all(0 <= id - first_id(time) < 500_000 for (id,) in ids)
