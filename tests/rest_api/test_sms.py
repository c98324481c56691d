"""The REST API: messages listed and read."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from boxis_gateway.app import create_app
from boxis_gateway.levels import Level
from boxis_gateway.model import Account, Customer, NewMessage, Prices, Status
from boxis_gateway.rest_api.auth import token_digest
from boxis_gateway.settings import Settings
from boxis_gateway.store import Store
from tests.support.example_account import NOW, USER_KEY

Ask = Callable[..., Any]


@pytest.fixture
def shop(store: Store) -> Customer:
    return store.customers.add("shop", NOW)


@pytest.fixture
def account(store: Store, shop: Customer) -> Account:
    return store.accounts.add("shop@example.com", USER_KEY, NOW, customer=shop.name)


@pytest.fixture
def rest(store: Store) -> FlaskClient:
    return create_app(store, Settings(), lambda: NOW).test_client()


def employee(store: Store, customer: Customer, level: Level) -> str:
    """A token of a new employee."""
    name = f"{level}-{customer.id}"
    found = store.employees.find(name) or store.employees.add(
        customer, name, name, level, None, NOW
    )
    if store.tokens.find(token_digest(name)) is None:
        store.tokens.add(found, token_digest(name), NOW)
    return name


@pytest.fixture
def ask(rest: FlaskClient, store: Store, shop: Customer) -> Ask:
    """GET with a token of that level, as JSON."""

    def get(path: str = "/sms", level: Level = Level.OWNER, **query: str) -> Any:
        token = employee(store, shop, level)
        return rest.get(path, query_string={"token": token} | query).json

    return get


def add(store: Store, account: Account, *messages: dict[str, Any]) -> None:
    usual = {
        "recipient": "+4581808888",
        "sender": "Voicemail",
        "sent_at": "2014-01-01 12:34:56.789",
        "text": "This is a test",
    }
    made = [NewMessage(**(usual | message)) for message in messages]
    first = store.database.execute_sql("SELECT count(*) FROM message").fetchone()[0]
    store.additions.add(account.id, list(enumerate(made, first)))


def test_the_documented_message_as_viewer_and_as_owner(
    store: Store, shop: Customer, account: Account, ask: Ask
) -> None:
    add(store, account, {"prices": Prices(price=750_000, whole_sale=650_000)})
    answer = ask(level=Level.VIEWER)
    (message,) = answer["messages"]
    assert len(message["_id"]) == 24
    assert json.dumps(answer) == json.dumps(
        {
            "offset": 0,
            "limit": 100,
            "total": 1,
            "messages": [
                {
                    "_id": message["_id"],
                    "customer": shop.id,
                    "type": "SMS",
                    "from": "Voicemail",
                    "to": ["+4581808888"],
                    "sent": "2014-01-01T12:34:56.789Z",
                    "price": 0.75,
                }
            ],
        }
    )
    (owners,) = ask()["messages"]
    assert owners["message"] == "This is a test"
    assert list(owners)[:4] == ["_id", "customer", "type", "message"]
    assert ask(f"/sms/{message['_id']}") == owners
    assert ask(f"/sms/{message['_id'].upper()}") == owners


def test_pages_are_cut_from_the_newest_on(store: Store, account: Account, ask: Ask) -> None:
    add(store, account, *({"sent_at": f"2014-01-{day:02} 00:00:00"} for day in range(1, 10)))
    answer = ask(offset="2", limit="3")
    assert (answer["offset"], answer["limit"], answer["total"]) == (2, 3, 9)
    assert [one["sent"][8:10] for one in answer["messages"]] == ["07", "06", "05"]
    assert ask(limit="0") == {"offset": 0, "limit": 0, "total": 9, "messages": []}
    assert ask(limit="5000")["limit"] == 1000
    assert ask(offset="9")["messages"] == []


@pytest.mark.parametrize(
    "query",
    [
        {"offset": "-1"},
        {"offset": "x"},
        {"limit": "1.5"},
        {"limit": ""},
        {"fromDate": "2014"},
        {"toDate": "2014-13"},
        {"sort": "OLDEST"},
        {"names": "maybe"},
    ],
)
def test_a_bad_value_is_named(ask: Ask, query: dict[str, str]) -> None:
    answer = ask(**query)
    assert (answer["code"], answer["message"]) == (422, *query)


def test_a_number_is_found_with_a_raw_plus(
    store: Store, account: Account, ask: Ask, rest: FlaskClient, shop: Customer
) -> None:
    add(store, account, {}, {"recipient": "+4581808889"})
    token = employee(store, shop, Level.VIEWER)
    for to in ("+4581808888", "%2B4581808888", "4581808888"):
        answer = rest.get(f"/sms?token={token}&to={to}").json
        assert [one["to"] for one in answer["messages"]] == [["+4581808888"]]
        assert answer["total"] == 1


def test_filters_combine(store: Store, account: Account, ask: Ask) -> None:
    add(
        store,
        account,
        {"text": "Żółw idzie", "sender": "Zoo", "sent_at": "2014-01-31 23:59:59"},
        {"text": "żółw leży", "sender": "ZOO", "sent_at": "2014-02-01 00:00:00"},
        {"text": "lew", "sender": "+4581808888", "sent_at": "2014-02-28 23:59:59"},
    )

    def texts(**query: str) -> list[str]:
        answer = ask(**query)
        assert answer["total"] == len(answer["messages"])
        return [one["message"] for one in answer["messages"]]

    assert texts(message="ŻÓŁW") == ["żółw leży", "Żółw idzie"]
    assert texts(message="żółw", fromDate="2014-02") == ["żółw leży"]
    assert texts(toDate="2014-01") == ["Żółw idzie"]
    assert texts(fromDate="2014-01-15", toDate="2014-02-01") == ["lew", "żółw leży", "Żółw idzie"]
    assert texts(**{"from": "zoo", "toDate": "2014-01"}) == ["Żółw idzie"]
    assert texts(**{"from": "4581808888"}) == ["lew"]
    assert texts(**{"from": "zo"}) == []
    assert len(texts(**{"from": "", "to": "", "message": ""})) == 3
    assert texts(to="+4581808888", message="lew") == ["lew"]


def test_pending_is_unsent_and_refused_missing(store: Store, account: Account, ask: Ask) -> None:
    add(
        store,
        account,
        {"sent_at": "2014-03-01 00:00:00", "status": Status.PENDING},
        {"sent_at": "2014-02-01 00:00:00"},
        {"sent_at": "2014-01-01 00:00:00", "status": Status.REFUSED},
    )
    sent = ["2014-02-01T00:00:00.000Z", None]
    assert [one["sent"] for one in ask()["messages"]] == sent[::-1]
    assert [one["sent"] for one in ask(sort="sent")["messages"]] == sent
    assert ask()["total"] == 2
    assert ask(to="+4581808888")["total"] == 2


def test_accounts_of_customer_one_list(
    store: Store, shop: Customer, account: Account, ask: Ask
) -> None:
    second = store.accounts.add("b@example.com", USER_KEY, NOW, customer=shop.name)
    other = store.accounts.add("other@example.com", USER_KEY, NOW)
    for one, day in ((account, 1), (second, 2), (account, 3), (second, 3), (other, 4)):
        add(store, one, {"sent_at": f"2014-01-{day:02} 00:00:00"})
    answer = ask()
    assert answer["total"] == 4
    ids = [one["_id"] for one in answer["messages"]]
    assert ids == sorted(ids, reverse=True)
    pages = [ask(offset=str(n), limit="1")["messages"][0]["_id"] for n in range(4)]
    assert pages == ids


@pytest.mark.parametrize("level", list(Level))
def test_hidden_texts_are_not_found(store: Store, account: Account, ask: Ask, level: Level) -> None:
    add(store, account, {"text": "secret"}, {"text": "other"})
    answer = ask(level=level, message="secret")
    if level in (Level.NO_LOGIN, Level.PERSONAL):
        assert answer["code"] in (401, 403)
        return
    reads = level not in (Level.VIEWER, Level.MANAGER)
    assert answer["total"] == reads
    assert [one.get("message") for one in answer["messages"]] == ["secret"] * reads
    assert ("message" in ask(level=level)["messages"][0]) == reads


def test_each_level_reaches_its_customers(store: Store, rest: FlaskClient) -> None:
    north = store.customers.add("north", NOW)
    sub = store.customers.add("sub", NOW, north)
    other = store.customers.add("other", NOW)
    ids = {}
    for customer in (north, sub, other):
        account = store.accounts.add(f"{customer.name}@b", USER_KEY, NOW, customer=customer.name)
        add(store, account, {"text": customer.name})

    def view(level: Level, customer: str) -> Any:
        token = employee(store, north, level)
        answer = rest.get(f"/sms?token={token}&customer={customer}").json
        if "code" in answer:
            return answer["code"], answer["message"]
        ids[customer] = answer["messages"][0]["_id"]
        return answer["messages"][0]["customer"], answer["messages"][0].get("message")

    own, denied, unknown = (north.id, "north"), (403, "access_denied"), (404, "bad_request")
    assert view(Level.OWNER, other.id) == own
    assert view(Level.RESELLER, "") == own
    assert view(Level.RESELLER, sub.id.upper()) == (sub.id, None)
    assert view(Level.RESELLER, other.id) == denied
    assert view(Level.RESELLER, "f" * 24) == unknown
    assert view(Level.RESELLER_ADMIN, other.id) == (other.id, None)
    assert view(Level.ADMIN, other.id) == (other.id, "other")
    assert view(Level.ADMIN, "x") == unknown
    assert view(Level.PERSONAL, "") == denied

    for level, status in (
        (Level.OWNER, 404),
        (Level.RESELLER, 404),
        (Level.ADMIN, 200),
        (Level.PERSONAL, 403),
    ):
        token = employee(store, north, level)
        assert rest.get(f"/sms/{ids[other.id]}?token={token}").status_code == status


@pytest.mark.parametrize("message_id", ["x", "0" * 24, "f" * 24, "1234567890abcdef1234567", "%00"])
def test_an_unknown_id_is_not_found(ask: Ask, account: Account, message_id: str) -> None:
    assert ask(f"/sms/{message_id}") == {
        "code": 404,
        "message": "id",
        "description": "Message not found",
    }


def test_a_recipient_is_found_at_any_time(store: Store, account: Account, ask: Ask) -> None:
    times = ("1970-01-01", "2013-12-31", "2014-01-01", "2014-01-30", "2031-02-28")
    add(store, account, *({"sent_at": f"{day} 00:00:00"} for day in times))
    add(store, account, *({"sent_at": f"{day} 00:00:00", "recipient": "7248"} for day in times))
    for to in ("+4581808888", "7248"):
        answer = ask(to=to)
        assert answer["total"] == len(answer["messages"]) == len(times)
        assert {one["to"][0] for one in answer["messages"]} == {to}


@pytest.mark.parametrize("sort", ["CREATED", "SENT", "INVOICED"])
def test_cursors_walk_without_gaps_or_repeats_while_messages_arrive(
    store: Store, shop: Customer, account: Account, rest: FlaskClient, sort: str
) -> None:
    second = store.accounts.add("b@example.com", USER_KEY, NOW, customer=shop.name)
    for number in range(40):
        status = Status.PENDING if number % 5 == 0 else Status.SENT
        time = f"2014-01-{number // 8 + 1:02} 00:00:00"
        prices = Prices(time) if number % 3 == 0 else None
        message = {"sent_at": time, "status": status, "prices": prices}
        add(store, (account, second)[number % 2], message)
    token = employee(store, shop, Level.OWNER)
    whole = rest.get(f"/sms?token={token}&sort={sort}").json
    expected = [one["_id"] for one in whole["messages"]]

    walked, link = [], f"/sms?sort={sort}&limit=7&names=false"
    for page in range(20):
        answer = rest.get(link, headers={"Authorization": f"Bearer {token}"})
        assert list(answer.json) == (["limit", "messages"] if page else list(whole))
        walked += [one["_id"] for one in answer.json["messages"]]
        add(store, account, {"sent_at": f"2030-01-{page + 1:02} 00:00:00"})
        if "Link" not in answer.headers:
            break
        link = answer.headers["Link"].removeprefix("<").removesuffix('>; rel="next"')
        assert token not in link
    assert [one for one in walked if one in expected] == expected
    assert len(expected) == 40
    assert len(set(walked)) == len(walked)


@pytest.mark.parametrize("cursor", ["x", "0" * 24, f"{'0' * 24}-2014", f"{'g' * 24}-"])
def test_a_cursor_of_another_make_is_named(ask: Ask, cursor: str) -> None:
    answer = ask(cursor=cursor)
    assert (answer["code"], answer["message"]) == (422, "cursor")


def test_an_unchanged_answer_is_not_sent_again(
    store: Store, account: Account, rest: FlaskClient, shop: Customer
) -> None:
    add(store, account, {})
    token = employee(store, shop, Level.OWNER)
    listed = rest.get(f"/sms?token={token}")
    one = f"/sms/{listed.json['messages'][0]['_id']}?token={token}"
    for path in (f"/sms?token={token}", one):
        tag = rest.get(path).headers["ETag"]
        again = rest.get(path, headers={"If-None-Match": tag})
        assert (again.status_code, again.data) == (304, b"")
        head = rest.head(path)
        assert (head.status_code, head.data, head.headers["ETag"]) == (200, b"", tag)
    add(store, account, {"text": "another"})
    old = {"If-None-Match": listed.headers["ETag"]}
    assert rest.get(f"/sms?token={token}", headers=old).json["total"] == 2


def test_documented_admin_answer(store: Store, shop: Customer, account: Account, ask: Ask) -> None:
    prices = Prices(price=750_000, whole_sale=650_000, cost=500_000)
    add(store, account, {"prices": prices})
    store.contacts.add(shop, [("Voicemail", "Anders And", ""), ("+4581808888", "Rip", "")])
    answer = ask(level=Level.ADMIN, names="true")
    message_id = answer["messages"][0]["_id"]
    assert json.dumps(answer) == json.dumps(
        {
            "offset": 0,
            "limit": 100,
            "total": 1,
            "messages": [
                {
                    "_id": message_id,
                    "customer": shop.id,
                    "type": "SMS",
                    "message": "This is a test",
                    "from": "Voicemail",
                    "to": ["+4581808888"],
                    "sent": "2014-01-01T12:34:56.789Z",
                    "fromName": "Anders And",
                    "toName": ["Rip"],
                    "cost": 0.5,
                    "price": 0.75,
                    "wholeSale": 0.65,
                }
            ],
        }
    )
    assert "toName" not in ask(level=Level.ADMIN)["messages"][0]


def test_names_are_of_customers(store: Store, shop: Customer, account: Account, ask: Ask) -> None:
    other = store.customers.add("other", NOW)
    store.contacts.add(other, [("+4581808888", "Somebody", "")])
    store.contacts.add(shop, [("+4581808880", "Rap", "ducks"), ("+4581808881", "Rup", "ducks")])
    group_id = store.database.execute_sql("SELECT id FROM contact_group").fetchone()[0]
    add(store, account, {}, {"recipient": "+4581808880"})
    store.database.execute_sql(
        "UPDATE submission SET group_id = ? WHERE recipients = '+4581808880'", (group_id,)
    )
    newest, oldest = ask(names="1")["messages"]
    assert (newest["toName"], newest["groupName"]) == (["Rap"], "ducks")
    assert not {"fromName", "toName", "groupName"} & set(oldest)


def test_months_without_messages_are_no_fault(store: Store, account: Account, ask: Ask) -> None:
    add(store, account, {})
    everything = {"fromDate": "1000-01", "toDate": "9999-12"}
    assert ask(**everything)["total"] == 1
    assert ask(fromDate="3000-01")["total"] == 0
    assert ask(toDate="1969-12")["total"] == 0


def test_prices_come_from_imported_columns(
    gateway: Callable[..., Any], store: Store, account: Account, ask: Ask, tmp_path: Path
) -> None:
    table = tmp_path / "sent.csv"
    table.write_text(
        "recipient,sender,date,price,wholeSale,cost,invoicedAt\n"
        "4581808888,boxis.net,2014-01-01 12:00:00Z,0.75,0.65,0.5,2014-02-01 00:00:00Z\n"
        "4581808888,boxis.net,2014-01-02 12:00:00Z,12,,0.000001,\n"
    )
    done = gateway("import", table, "--account", account.username)
    assert done.returncode == 0, done.stderr
    assert [one.get("price") for one in ask()["messages"]] == [12, 0.75]
    newest, oldest = ask(level=Level.ADMIN)["messages"]
    assert (oldest["price"], oldest["wholeSale"], oldest["cost"]) == (0.75, 0.65, 0.5)
    assert (newest["price"], "wholeSale" in newest, newest["cost"]) == (12, False, 0.000001)
    assert [one["_id"] for one in ask(sort="INVOICED")["messages"]] == [
        oldest["_id"],
        newest["_id"],
    ]


def test_any_place_in_a_list_may_be_asked_for(store: Store, account: Account, ask: Ask) -> None:
    add(store, account, {})
    for sort in ("CREATED", "SENT", "INVOICED"):
        for place in ("7" + "f" * 23, "8" + "0" * 23, "f" * 24):
            answer = ask(cursor=f"{place}-", sort=sort)
            assert list(ask(cursor=f"{place}-2014-01-01T00:00:00", sort=sort)) == list(answer)
            assert list(answer) == ["limit", "messages"]


def test_a_sender_that_is_a_number_is_shown_named_and_found_as_one(
    store: Store, shop: Customer, account: Account, ask: Ask
) -> None:
    add(store, account, {"sender": "48514151563"}, {"sender": "VOICEMAIL"})
    store.contacts.add(shop, [("+48514151563", "Me", ""), ("Voicemail", "Anders And", "")])
    named = {one["from"]: one.get("fromName") for one in ask(names="true")["messages"]}
    assert named == {"+48514151563": "Me", "VOICEMAIL": "Anders And"}
    for number in ("48514151563", "+48514151563"):
        assert [one["from"] for one in ask(**{"from": number})["messages"]] == ["+48514151563"]


def test_a_short_code_is_found_with_a_raw_plus(store: Store, account: Account, ask: Ask) -> None:
    add(store, account, {"recipient": "4711", "sender": "4712"})
    assert ask(to=" 4711")["total"] == ask(**{"from": " 4712"})["total"] == 1


def test_blanks_are_no_number_and_no_filter_that_is_ignored(ask: Ask) -> None:
    for name in ("to", "from"):
        assert ask(**{name: " "})["message"] == name


def test_a_different_etag_gets_the_whole_answer(ask: Ask, rest: FlaskClient, store: Store) -> None:
    assert ask()["total"] == 0
    answer = rest.get(
        "/sms", headers={"If-Match": '"x"', "Authorization": f"Bearer {store_token(store)}"}
    )
    assert (answer.status_code, answer.json["total"]) == (200, 0)


def store_token(store: Store) -> str:
    return str(Level.OWNER) + "-" + store.customers.get("shop").id


def test_a_query_may_have_raw_bytes(rest: FlaskClient, store: Store, shop: Customer) -> None:
    token = employee(store, shop, Level.OWNER)
    for octets in ("\xb1", "\xc5\x82"):
        query = {"QUERY_STRING": f"token={token}&message={octets}"}
        assert rest.get("/sms", environ_overrides=query).json["total"] == 0
