"""Erasure: nothing tells the number any more, all sums stay, and it does not come back."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st
from werkzeug.test import TestResponse

from boxis_gateway.levels import Level
from boxis_gateway.model import Account, NewMessage, Prices, Status, SubmissionFacts
from boxis_gateway.rest_api.auth import token_digest
from boxis_gateway.sms.dlr import DeliveryReport
from boxis_gateway.sms.mentions import mask_mentions, mentions
from boxis_gateway.sms.numbers import to_e164
from boxis_gateway.store import Criteria, ErasureCounts, Order, Store
from boxis_gateway.store.engines.schema_version import set_version
from boxis_gateway.store.privacy import erasure_scan
from boxis_gateway.store.tables import TABLES
from tests.store.privacy.test_retention import counted, fill, recounted, start
from tests.support.example_account import NOW, USER_KEY, USERNAME, signed
from tests.support.forked_commands import DIE_AT_COMMIT
from tests.support.importing import import_file
from tests.support.running_server import GATEWAY, RunningServer
from tests.support.stores import Stores
from tests.support.waiting import LIMIT_SECONDS

Gateway = Callable[..., subprocess.CompletedProcess[str]]

NUMBER, DIGITS = "+48514151563", "48514151563"
OTHER = "+4581808888"
SPELLINGS = (NUMBER, DIGITS, f"00{DIGITS}", "+48 514-151-563")


# Mentions in texts.


@pytest.mark.parametrize(
    "text",
    [
        "+48514151563",
        "0048514151563",
        "48514151563",
        "514151563",
        "0514151563",
        "+48 514 151 563",
        "(48) 514-151-563",
        "48.514.151.563",
        "0048 (0) 514/151/563",
        "+48 (514) 151 - 563",
        "514 151 563",
        "514–151–563",
        "x48514151563x",
    ],
)
def test_a_number_is_found_however_it_is_written(text: str) -> None:
    masked_text = mask_mentions(f"Call {text}, ok? 2012", NUMBER)
    assert masked_text == f"Call {re.sub('[0-9]', '×', text)}, ok? 2012"
    assert mask_mentions(masked_text, NUMBER) == masked_text


@pytest.mark.parametrize(
    "text", ["", "48514151564", "514151564", "1514151563", "5141515631", "51415156", "48 and 514"]
)
def test_other_numbers_are_left_alone(text: str) -> None:
    assert not mentions(text, NUMBER)
    assert mask_mentions(text, NUMBER) == text


@pytest.mark.parametrize(
    ("number", "written"),
    [
        ("+12125550123", "212-555-0123"),
        ("+442071838750", "+44 (0)20 7183 8750"),
        ("+442071838750", "020 7183 8750"),
        ("+4581808888", "81 80 88 88"),
        ("+353851234567", "085 123 4567"),
    ],
)
def test_numbers_of_other_countries_are_found_too(number: str, written: str) -> None:
    assert mask_mentions(written, number) == re.sub("[0-9]", "×", written)


def test_a_national_number_of_few_digits_may_be_anything() -> None:
    assert mentions("+35812345", "+35812345")
    assert not mentions("12345", "+35812345")


@given(st.from_regex(r"\+[1-9][0-9]{6,14}", fullmatch=True), st.text(), st.data())
def test_no_text_keeps_a_number(number: str, around: str, data: st.DataObject) -> None:
    gaps = st.text(st.sampled_from(" -.()/"), max_size=3)
    written = "".join(digit + data.draw(gaps) for digit in number[1:])
    text = mask_mentions(around + written + around, number)
    assert number[1:] not in re.sub(r"[\s\-.()/]", "", text)
    assert len(text) == len(around + written + around)


# A store without the number.

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
        before, would = sums(store), store.erasure.would_erase(NUMBER)
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
    page, _ = store.submissions.page([account.id], Criteria(), Order.CREATED, 0, 9)
    assert [(one.sender, one.recipients, one.text) for one in reversed(page)] == [
        ("boxis.net", f"{OTHER}\n0\n7248", None),
        ("boxis.net", "0", None),
        ("0", OTHER, None),
        ("boxis.net", OTHER, "about ×××-×××-×××"),
        ("boxis.net", OTHER, "of others"),
    ]
    assert texts(store).count(None) == 4


def test_phone_books_groups_and_sender_names_lose_the_number(
    store: Store, account: Account
) -> None:
    customer = store.customers.get(USERNAME)
    entries = [(DIGITS, "Anna", "Friends"), (OTHER, "Not 514 151 563", f"All {DIGITS}")]
    assert store.contacts.add(customer, entries) == 2
    store.accounts.set_sender_names(account, ["boxis.net", f"00{DIGITS}"])
    would = store.erasure.would_erase(NUMBER)
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


# Both APIs.


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

    def seen() -> tuple[list[dict[str, Any]], dict[str, Any]]:
        history = post_action(returntype="json").json["params"]["senders"]
        return list(history.values()), client.get("/sms?token=token").json

    history, listed = seen()
    store.erasure.erase(NUMBER, NOW)
    new_history, new_listed = seen()
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


# It does not come back.

HEADER = "recipient,sender,date,text,status,status_date\n"
LINES = (
    f"{DIGITS},boxis.net,2012-05-09 10:28:01,secret one,sent,\n"
    f"{OTHER},00{DIGITS},2012-05-09 10:28:02,secret two,sent,\n"
    f"{OTHER},boxis.net,2012-05-09 10:28:03,ask 514 151 563,sent,\n"
)


@pytest.mark.parametrize("dry_run", [True, False])
def test_the_same_file_again_adds_nothing(
    store: Store, account: Account, tmp_path: Path, dry_run: bool
) -> None:
    path, rejects = tmp_path / "m.csv", tmp_path / "rejects.csv"
    path.write_text(HEADER + LINES)
    assert import_file(store, account, path).added == 3
    store.erasure.erase(NUMBER, NOW)
    before = told(store)
    path.write_text(HEADER + LINES.replace("sent,", "delivered,2012-05-09 11:00:00"))
    again = Store(store.url)  # another process, which has asked for the erased numbers before
    assert import_file(again, account, path, dry_run=True).other
    summary = import_file(again, account, path, dry_run=dry_run, rejects_path=rejects)
    again.close()
    assert (summary.added, summary.known, summary.changed, summary.bad) == (0, 1, 1, 0)
    assert summary.other == {"message of a number that was erased": 2}
    assert not rejects.exists()
    assert not mentions(told(store), NUMBER)
    if dry_run:
        assert told(store) == before


def test_erased_messages_can_move_to_another_store(
    store: Store, account: Account, tmp_path: Path
) -> None:
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


def test_an_import_already_under_way_does_not_bring_the_number_back(
    store: Store, account: Account
) -> None:
    """An import that has read the lines before the erasure, and brings them after it."""
    other = Store(store.url)
    add(other, account, NewMessage(OTHER, "s", "2012-05-09 10:28:00"))
    store.erasure.erase(NUMBER, NOW)
    late = [(9, NewMessage(NUMBER, "s", "2012-05-09 10:28:01", status=Status.REFUSED))]
    added = other.additions.add(account.id, late)
    assert (added.new, added.erased, added.refused) == (0, 1, 0)
    store.erasure.erase(OTHER, NOW)  # one more, while the other has looked before
    late = [(9, NewMessage(OTHER, "s", "2012-05-09 10:28:01"))]
    assert other.additions.add(account.id, late).erased == 1
    other.close()


# The command line, and what is left in files.


def octets_beside(path: Path) -> bytes:
    """All that stands in the folder of a store, read by another process: one that closes a file of
    SQLite's loses all the locks that it has on it."""
    files = sorted(path.parent.iterdir())
    assert files
    return subprocess.run(["cat", *files], capture_output=True, check=True).stdout


def holds(content: bytes, *secrets: str) -> list[str]:
    return [
        secret
        for secret in secrets
        if any(secret.encode(code) in content for code in ("utf-8", "utf-16-le", "utf-16-be"))
    ]


def big_csv(path: Path, count: int, first: int = 0) -> Path:
    lines = (
        f"{DIGITS if n % 50 == 0 else 45_000_000_000 + n},"
        f"{'boxis.net' if n % 70 else NUMBER},"
        f"{time.strftime('%F %T', time.gmtime(1_336_000_000 + n // 3))},"
        f"{'secret' if n % 50 == 0 else 'other'} {n}{' 514-151-563' if n % 90 == 1 else ''}\n"
        for n in range(first, first + count)
    )
    path.parent.mkdir(exist_ok=True)
    path.write_text("recipient,sender,date,text\n" + "".join(lines))
    return path


@pytest.mark.sqlite_only("octets of a file")
def test_no_octet_is_left_beside_a_server_and_an_import(
    stores: Stores, tmp_path: Path, serve: Callable[..., RunningServer]
) -> None:
    (tmp_path / "home").mkdir()
    store = stores.make(tmp_path / "home/store.db")
    account = store.accounts.add(USERNAME, USER_KEY, NOW)
    import_file(store, account, big_csv(tmp_path / "files/m.csv", 12_000))
    new = big_csv(tmp_path / "files/new.csv", 12_000, first=12_000)
    before = sums(store)
    # What was changed and removed before leaves traces too.
    store.database.execute_sql("UPDATE submission SET text = 'short' WHERE text = 'secret 100'")
    secrets = (DIGITS, "514-151-563", "secret 50", "secret 11950", "secret 100")
    assert holds(octets_beside(store.path), *secrets) == list(secrets)
    server = serve(store)
    rejects = tmp_path / "home/rejects.csv"
    words = ("import", str(new), "--account", USERNAME, "--timezone", "UTC")
    processes = [
        start(store, "erase", "--number", NUMBER),
        start(store, *words, "--rejects", str(rejects)),
    ]
    failed: list[Exception] = []
    done = threading.Event()

    def write() -> None:
        other = Store(store.url, lock_seconds=LIMIT_SECONDS)
        while not done.wait(0.01):
            try:
                set_version(other.database)
            except Exception as problem:
                failed.append(problem)
        other.close()

    writer = threading.Thread(target=write)
    writer.start()
    form = {"datefrom": "2012-05-03 00:00:00"}
    while any(process.poll() is None for process in processes):
        answer = requests.post(server.url, data=signed(int(time.time()), form), timeout=60)
        assert "<reciptient>" in answer.text
    done.set()
    writer.join()
    said = [process.communicate() for process in processes]
    assert [process.returncode for process in processes] == [0, 0], said
    assert failed == []
    assert f"{NUMBER}: " in said[0][0]
    content = octets_beside(store.path)  # with the server still there
    others = [secret for secret in secrets if secret != "514-151-563"]
    assert holds(content, *others, "secret 12000") == []
    old = store.database.execute_sql("SELECT count(*) FROM message WHERE fingerprint IS NULL")
    assert old.fetchone()[0] >= 12_000 // 50
    assert before[0][0][:4] == sums(store)[0][0][:4]
    assert counted(store) == recounted(store)
    _, errors = server.stop()
    assert "locked" not in errors
    assert holds(errors.encode(), *secrets) == []
    store.close()


@pytest.mark.sqlite_only("octets of a file")
def test_a_killed_erase_is_finished_by_the_next(
    stores: Stores, tmp_path: Path, gateway: Gateway
) -> None:
    store = stores.make(tmp_path / "store.db")
    account = store.accounts.add(USERNAME, USER_KEY, NOW)
    messages = [
        NewMessage(NUMBER, "boxis.net", f"2012-05-09 {n // 3600:02}:{n // 60 % 60:02}:{n % 60:02}",
                   f"secret {n}")
        for n in range(8_000)
    ]  # fmt: skip
    store.additions.add(account.id, list(enumerate(messages)))
    before, erased = sums(store), [0]
    nobodies = "SELECT count(*) FROM message WHERE recipient = '0'"
    for _ in range(2):
        process = start(store, "erase", "--number", DIGITS, **{DIE_AT_COMMIT: "6"})
        process.communicate()
        assert process.returncode == -signal.SIGKILL
        erased.append(store.database.execute_sql(nobodies).fetchone()[0])
        assert sums(store) == before
        assert counted(store) == recounted(store)
        store.close()
    assert 0 < erased[1] < erased[2] < len(messages)
    assert gateway("erase", "--number", DIGITS).returncode == 0
    assert sums(store) == before
    store.close()
    assert holds(octets_beside(store.path), DIGITS, "secret 7") == []
    assert "nothing found" in gateway("erase", "--number", DIGITS).stdout


@pytest.mark.sqlite_only("octets of a file")
def test_erase_waits_for_readers_of_an_older_state(
    stores: Stores, tmp_path: Path, gateway: Gateway
) -> None:
    store = stores.make(tmp_path / "store.db")
    account = store.accounts.add(USERNAME, USER_KEY, NOW)
    import_file(store, account, big_csv(tmp_path / "files/m.csv", 1_000))
    (tmp_path / "files/m.csv").unlink()
    (tmp_path / "files").rmdir()
    history = store.history.read(account.id, with_status=False)
    next(history)
    said = gateway("erase", "--number", NUMBER, "--wait", "0")
    assert said.returncode == 1
    assert said.stderr.count("\n") == 1
    assert "Run the same command again" in said.stderr
    assert NUMBER not in said.stderr
    assert "without the number" in said.stdout
    history.close()  # type: ignore[attr-defined]
    assert gateway("erase", "--number", NUMBER, "--wait", "0").returncode == 0
    assert holds(octets_beside(store.path), DIGITS, "secret 50") == []
    store.close()


def test_the_command_takes_numbers_as_people_write_them(
    stores: Stores, tmp_path: Path, gateway: Gateway
) -> None:
    store = stores.make(tmp_path / "store.db")
    account = store.accounts.add(f"{DIGITS}@example.com", USER_KEY, NOW)
    add(store, account, NewMessage(NUMBER, "s", "2012-05-09 10:28:01", "secret"))
    store.close()
    words = ("erase", "--number", "0048 514-151-563", "--number", "7248")
    assert gateway(*words, "--dry-run").stdout == (
        f"{NUMBER}: 1 messages would be without the number, 1 texts would be removed, 0 other "
        "texts would be masked, 0 entries of phone books, groups and sender names would be "
        "removed.\n"
        f"Not changed, since it is a log-in name: account {DIGITS}@example.com\n"
        f"Not changed, since it is a log-in name: customer {DIGITS}@example.com\n"
        "7248: nothing found.\n"
    )
    assert store.database.execute_sql("SELECT count(*) FROM erased_number").fetchone() == (0,)
    store.close()
    done = subprocess.run(
        [*GATEWAY, "erase", "--number", "-"],
        env={**os.environ, "BOXIS_GATEWAY_DATABASE_URL": store.url},
        input=f"{DIGITS}\n7248\n",
        capture_output=True,
        text=True,
        check=True,
    )
    assert "1 messages without the number, 1 texts removed" in done.stdout
    assert "7248: nothing found." in done.stdout
    assert store.database.execute_sql("SELECT count(*) FROM erased_number").fetchone() == (2,)
    store.close()
    for number in ("Anna", "0"):
        said = gateway("erase", "--number", number)
        assert (said.returncode, said.stderr.count("\n")) == (1, 1)


def test_a_phone_book_counts_its_erased_contacts(
    stores: Stores, tmp_path: Path, gateway: Gateway
) -> None:
    store = stores.make(tmp_path / "store.db")
    store.customers.add("shop", NOW)
    store.close()
    gateway("erase", "--number", NUMBER)
    path = tmp_path / "book.csv"
    path.write_text(f"number,name\n{DIGITS},Anna\n{OTHER},Bob\n")
    said = gateway("contacts", "import", path, "--customer", "shop").stdout
    assert said == "1 contacts of shop imported.\n1 skipped: their numbers are erased.\n"
