"""Leaving a provider: its API's answers, over a socket, become an equal history here."""

from __future__ import annotations

import json
import os
import re
import ssl
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from boxis_gateway.app import create_app
from boxis_gateway.errors import ImportFailed
from boxis_gateway.importers.boxis import client as boxis_client
from boxis_gateway.importers.reading import web
from boxis_gateway.importers.reading.lines import ReadOptions
from boxis_gateway.importers.telecomx import pages as telecomx_pages
from boxis_gateway.importing import AccountMap, Summary, run_import
from boxis_gateway.levels import Level
from boxis_gateway.passwords import hash_password
from boxis_gateway.rest_api.auth import token_digest
from boxis_gateway.settings import Settings
from boxis_gateway.store import ListQuery, Store
from boxis_gateway.zones import find_zone
from tests.support.example_account import NOW, USER_KEY, add_messages, signed
from tests.support.paths import IMPORTS, PROJECT
from tests.support.provider_servers import (
    Changing,
    Fault,
    Provider,
    cut,
    cut_chunked,
    cut_without_length,
    drop,
    proxy,
    raw,
    say,
    serving,
    status,
)
from tests.support.running_server import GATEWAY, RunningServer, Serve
from tests.support.stores import Stores

PLAIN, TOLD = "anna@example.com", "bob@example.com"  # without and with ids and status dates
ZONES = {PLAIN: "Europe/Warsaw", TOLD: "UTC"}
OPTIONS = {
    PLAIN: {"timezone": ZONES[PLAIN]},
    TOLD: {"timezone": ZONES[TOLD], "history_status_fields": "1", "history_key": "both"},
}
OWNER, PASSWORD, TOKEN = "owner@example.com", "a good password", "t" * 40
SINCE = "2012-04-30 00:00:00"
RANGES = [
    {},
    {"datefrom": "2012-05-09 10:00", "dateto": "2012-05-09 10:59"},
    {"datefrom": "2012-10-28 02:10:00", "dateto": "2012-10-28 02:50:00"},
    {"dateto": "2012-06-01 00:00"},
    {"datefrom": "2040-01-01 00:00"},
]
SUBMISSIONS = IMPORTS / "telecomx-pages.json"


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "FIRST_PAUSE", 0.001)
    monkeypatch.setattr(web, "LONGEST_PAUSE", 0.01)


@pytest.fixture(scope="module")
def empty(stores: Stores, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """AccountMap, an employee and no messages: what the provider begins with, and so do we."""
    path = tmp_path_factory.mktemp("leaving") / "empty.db"
    store = stores.make(path)
    for username in (PLAIN, TOLD):
        options = OPTIONS[username]
        store.accounts.add(username, USER_KEY, NOW, options=options)
    customer = store.customers.get(PLAIN)
    admin = store.employees.add(customer, OWNER, "O", Level.ADMIN, hash_password(PASSWORD), NOW)
    store.tokens.add(admin, token_digest(TOKEN), NOW)
    store.close()
    return path


@pytest.fixture(scope="module")
def served(stores: Stores, empty: Path) -> Iterator[Provider]:
    path = empty.with_name("provider.db")
    store = stores.copy(empty, path)
    fill(store)
    server = RunningServer(store, "--log-level", "warning")  # nobody reads what it writes
    provider = Provider(store, "")
    with proxy(provider, server.url) as url:
        provider.url = url
        yield provider
    server.stop()
    store.close()


@pytest.fixture
def provider(served: Provider) -> Provider:
    served.faults, served.always, served.asked = [], None, []
    return served


@pytest.fixture
def ours(stores: Stores, empty: Path, tmp_path: Path) -> Iterator[Store]:
    store = stores.copy(empty, tmp_path / "ours.db")
    yield store
    store.close()


def fill(store: Store) -> None:
    """Messages around the ends of minutes, hours, days and months, many in one second, equal ones,
    in both passes of a repeated hour, and to be sent in future."""
    moments = ["2012-05-31 23:59:59", "2012-06-01 00:00:00", "2012-05-09 10:59:59", *EDGES]
    rows = [
        {"date": f"{moment}{part}Z", "sender": sender, "recipient": f"4851{n:07}"}
        for moment in moments
        for part in ("", ".500")
        for n, sender in enumerate(["boxis.net", "boxis.net", "+48514151563", "Żółć <&> \"'"] * 3)
    ]
    rows += [{"date": "2012-05-09 11:00:00Z", "recipient": "48514151563"}] * 7  # equal ones
    rows += [{"date": f"2012-10-28 0{n // 60}:{n % 60:02}:30Z"} for n in range(0, 180, 7)]
    rows += [{"date": f"2012-10-28 0{h}:30:{s:02}Z"} for h in (0, 1) for s in (10, 50)]
    rows += [
        {"date": "2012-05-10 08:00:00Z", "credit": "1.5", "parts": "3", "recipient": "12345"},
        {"date": "2041-05-10 08:00:00Z", "type": "scheduled", "status": "pending"},
        {"date": "2012-05-10 09:00:00Z", "type": "scheduled", "status": "delivered"}
        | {"status_date": "2012-05-10 09:00:07Z"},
        {"date": "2012-05-10 09:00:00Z", "status": "refused"},
    ]
    for username in (PLAIN, TOLD):
        add_messages(store, store.accounts.get(username), *rows)


EDGES = [
    "2012-05-02 23:59:59",  # windows end at any midnight
    "2012-05-03 00:00:00",
    "2012-05-03 00:00:01",
    "2012-05-02 22:00:00",
    "2012-05-02 21:59:59",
]


def leave(
    store: Store,
    url: str,
    format_name: str = "boxis",
    username: str = PLAIN,
    since: str | None = SINCE,
    **options: Any,
) -> Summary:
    given = {"username": username, "secret": USER_KEY, "since": since} | options
    accounts = AccountMap(store, store.accounts.get(username), {})
    zone = find_zone(ZONES[username])
    return run_import(url, accounts, ReadOptions(zone, **given), format_name=format_name)


def answers(store: Store, username: str) -> list[bytes]:
    """Answer of the form API."""
    client = create_app(store, Settings(), clock=lambda: NOW).test_client()
    now = int(NOW.timestamp())
    forms = [{**one, "returntype": kind} for one in RANGES for kind in ("xml", "json")]
    return [client.post("/", data=signed(now, form, username)).data for form in forms]


def counts(summary: Summary) -> tuple[int, int, int]:
    return summary.added, summary.known, summary.bad


def narrow(monkeypatch: pytest.MonkeyPatch, most: int = 4_500) -> None:
    """Windows that end within hours or minutes, where there is more than so many octets."""
    for name, octets in {"FEW": most // 4, "MANY": most // 2, "MOST": most}.items():
        monkeypatch.setattr(boxis_client, f"{name}_OCTETS", octets)


@pytest.mark.parametrize(("returntype", "username"), [("xml", TOLD), ("json", PLAIN)])
def test_both_servers_answer_the_same_bytes_afterwards(
    returntype: str, username: str, provider: Provider, ours: Store, monkeypatch: Any
) -> None:
    narrow(monkeypatch)
    summary = leave(ours, f"{provider.url}?returntype={returntype}", username=username)
    assert len(provider.asked) > 50
    assert answers(ours, username) == answers(provider.store, username)
    assert counts(summary) == (summary.read, 0, 0)
    again = leave(ours, provider.url, username=username, since="2012-05-01 00:00:00")
    assert counts(again) == (0, summary.read, 0)


def test_the_key_is_in_no_request(provider: Provider, ours: Store) -> None:
    leave(ours, provider.url)
    assert provider.asked
    assert not [one for one in provider.asked if USER_KEY in one]


def test_a_saved_answer_is_the_same(provider: Provider, ours: Store, tmp_path: Path) -> None:
    summaries = []
    for kind in ("xml", "json"):
        form = signed(int(NOW.timestamp()), {"returntype": kind}, PLAIN)
        client = create_app(provider.store, Settings(), clock=lambda: NOW).test_client()
        (tmp_path / f"answer.{kind}").write_bytes(client.post("/", data=form).data)
        accounts = AccountMap(ours, ours.accounts.get(PLAIN), {})
        options = ReadOptions(find_zone(ZONES[PLAIN]))
        summaries.append(run_import(tmp_path / f"answer.{kind}", accounts, options))
    assert answers(ours, PLAIN) == answers(provider.store, PLAIN)
    assert counts(summaries[1]) == (0, summaries[0].added, 0)


class Rough(BaseHTTPRequestHandler):
    """A server that keeps fractions of seconds, and shows them cut off or rounded."""

    instants: list[datetime]
    rounded = False
    asked = 0

    def do_POST(self) -> None:
        form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        first, last = (datetime.fromisoformat(form[name][0]) for name in ("datefrom", "dateto"))
        found = sorted((one for one in type(self).instants if first <= one <= last), reverse=True)
        half = timedelta(seconds=0.5 if type(self).rounded else 0)
        shown = [str((one + half).replace(microsecond=0)) for one in found]
        rows = {f"sms{n}": {"sender": "s", "date": one} for n, one in enumerate(shown, 1)}
        type(self).asked += 1
        self.send_response(200)
        self.end_headers()
        body = {"result": "1", "params": {"history": rows or []}, "timestamp": 1}
        self.wfile.write(json.dumps(body).encode())

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def rough() -> Iterator[str]:
    with serving(Rough) as url:
        yield url


around_edges = st.builds(
    lambda edge, rest: datetime(2012, 5, 31) + timedelta(hours=edge, seconds=rest / 4),
    st.integers(0, 60),
    st.integers(-5, 5),
)


@settings(max_examples=15)
@given(instants=st.lists(around_edges, max_size=60), rounded=st.booleans())
def test_windows_lose_and_double_none(instants: list[datetime], rounded: bool, rough: str) -> None:
    Rough.instants, Rough.rounded = instants, rounded
    half = timedelta(seconds=0.5 if rounded else 0)
    options = ReadOptions(find_zone("UTC"), None, username="u", secret="k", since=SINCE)
    with pytest.MonkeyPatch.context() as patched:
        narrow(patched, 600)
        windows = boxis_client.whole_history(rough, options)
        found = [row.date for window in windows for row in window]
    assert sorted(found) == sorted(str((one + half).replace(microsecond=0)) for one in instants)


def test_windows_are_whole_hours_as_long_as_they_can_be() -> None:
    """A window that ends within a repeated hour may not tell its two passes apart."""
    width = timedelta(days=366)
    widths = [width := boxis_client._half(width) for _ in range(25)]
    assert widths[-1] == timedelta(minutes=1)
    hours = [one for one in widths if one >= timedelta(hours=1)]
    assert len(hours) > 10
    assert not any(one % timedelta(hours=1) for one in hours)


# What may go wrong on the way.


PASSING = {
    "cut": cut,
    "cut without length": cut_without_length,
    "cut chunked": cut_chunked,
    "dropped": drop,
    "500": status(500),
    "429": status(429, Retry_After="0"),
    "503": status(503, Retry_After="Wed, 21 Oct 2026 07:28:00 GMT"),
}
INTERNAL = b"<return><result>0</result><resulttxt>error: internal error</resulttxt></return>"


@pytest.mark.parametrize("returntype", ["xml", "json"])
def test_a_temporary_failure_is_retried(returntype: str, provider: Provider, ours: Store) -> None:
    """Half an answer is never taken for a whole one; nothing is lost or doubled."""
    faults = [*PASSING.values(), say(INTERNAL)]
    good = [None] * 3  # and one that succeeds between them, which resets the backoff
    provider.faults = [one for fault in faults for one in (fault, fault, *good)]
    summary = leave(ours, f"{provider.url}?returntype={returntype}")
    assert not provider.faults
    assert counts(summary) == (summary.read, 0, 0)
    assert answers(ours, PLAIN) == answers(provider.store, PLAIN)


@pytest.mark.parametrize("fault", [cut, drop])
def test_an_import_that_is_interrupted_goes_on_where_it_was(
    fault: Fault, provider: Provider, ours: Store, monkeypatch: Any
) -> None:
    narrow(monkeypatch)
    provider.faults, provider.always = [None] * 50, fault
    with pytest.raises(ImportFailed, match=r"after 8 tries. Messages until (\S+ \S+) are"):
        leave(ours, provider.url)
    rows = ours.database.execute_sql("SELECT count(*) FROM message").fetchone()[0]
    assert rows
    provider.always = None
    summary = leave(ours, provider.url)
    assert summary.known == rows
    assert summary.added > 0
    assert answers(ours, PLAIN) == answers(provider.store, PLAIN)


REFUSED = {
    "did not answer with an envelope": say(b"<html><body>Maintenance</body></html>"),
    "with an envelope": say(b'{"status":"ok"}'),
    "an envelope of": say(b"<feed><result>1</result></feed>"),
    "HTTP status 404": say(b"<html>Not found</html>", 404),
    "does not answer in HTTP": raw(b"SSH-2.0-OpenSSH_9\r\n"),
    "refuses: 'authcode' is not valid": say(
        b"<return><result>0</result><resulttxt>error: 'authcode' is not valid</resulttxt></return>"
    ),
    "refuses: 'datefrom' is not valid": say(
        b'{"result":"0","resulttxt":"Error: \'datefrom\' is not valid","timestamp":1}'
    ),
    "redirects to another": status(302, Location="http://127.0.0.1:1/?token=secret"),
}


@pytest.mark.parametrize("text", REFUSED)
def test_a_permanent_failure_is_one_line(text: str, provider: Provider, ours: Store) -> None:
    provider.always = REFUSED[text]
    with pytest.raises(ImportFailed, match=text) as failed:
        leave(ours, provider.url + "?password=secret")
    assert len(provider.asked) == 1
    for secret in ("secret", USER_KEY, "\n"):
        assert secret not in str(failed.value)


def test_wrong_clock_corrected(
    provider: Provider, ours: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = boxis_client._seconds_now
    monkeypatch.setattr(boxis_client, "_seconds_now", lambda: real() - 80_000)
    assert leave(ours, provider.url).added
    stamps = [parse_qs(one.split(" ")[1])["timestamp"][0] for one in provider.asked]
    assert int(stamps[1]) - int(stamps[0]) >= 80_000
    assert all(int(stamp) >= int(stamps[1]) for stamp in stamps[2:])
    never = b"<return><result>0</result><timestamperror>1</timestamperror>"
    provider.asked = []
    provider.always = say(never + b"<timestamp>%d</timestamp></return>" % real())
    with pytest.raises(ImportFailed, match="refuses"):
        leave(ours, provider.url)
    assert len(provider.asked) == 2
    provider.asked, provider.always = [], say(never + b"<timestamp>5</timestamp></return>")
    with pytest.raises(ImportFailed, match="differs from ours by more than a day"):
        leave(ours, provider.url)
    assert len(provider.asked) == 1


@pytest.mark.parametrize(
    ("url", "options", "text"),
    [
        ("http://127.0.0.1:1/", {}, r"cannot be reached \(Connection refused\), after 8 tries"),
        ("http://127.0.0.1:1/", {"secret": None}, "--source-user"),
        ("http://anna:geheim@127.0.0.1:1/", {}, "holds a user name"),
        ("http:///x", {}, "address is not valid"),
        ("http://127.0.0.1:99999/", {}, "address is not valid"),
        ("http://a b/", {}, "address|reached"),
    ],
)
def test_unreachable_urls_fail(url: str, options: dict[str, Any], text: str, ours: Store) -> None:
    for name in ("boxis", "telecomx"):
        with pytest.raises(ImportFailed, match=text) as failed:
            leave(ours, url, name, **options)
        assert "geheim" not in str(failed.value)


def test_an_untrusted_certificate_is_refused(
    ours: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    about = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"]
    files = ["-keyout", "key.pem", "-out", "cert.pem"]
    subprocess.run(
        ["openssl", *words, *about, *files], cwd=tmp_path, check=True, capture_output=True
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    Rough.instants = []
    with serving(Rough, context) as url:
        with pytest.raises(ImportFailed, match="a certificate that cannot be verified"):
            leave(ours, url)
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "cert.pem"))
        assert leave(ours, url).read == 0


def test_an_address_needs_a_format(ours: Store) -> None:
    with pytest.raises(ImportFailed, match="boxis or telecomx"):
        leave(ours, "http://127.0.0.1:1/", None)  # type: ignore[arg-type]


# The REST API.


def submissions(store: Store, **query: str) -> list[Any]:
    """The list of the REST API, page by page."""
    client = create_app(store, Settings(), clock=lambda: NOW).test_client()
    found, link = [], "/sms?" + urlencode({"limit": "400", **query})
    while link:
        answer = client.get(link, headers={"Authorization": f"Bearer {TOKEN}"})
        assert answer.status_code == 200
        found += answer.json["messages"]
        link = answer.headers.get("Link", "")[1:].partition(">")[0]
    return found


@pytest.fixture(scope="module")
def rest(served: Provider) -> Provider:
    """The provider has submissions of another system, too, and prices."""
    accounts = AccountMap(served.store, served.store.accounts.get(PLAIN), {})
    run_import(SUBMISSIONS, accounts, ReadOptions(find_zone("UTC")))
    served.store.database.execute_sql(
        "UPDATE submission SET price = id % 7 * 1250, whole_sale = 650000, cost = 1 "
        "WHERE id % 3 <> 0"
    )
    return served


def leave_rest(store: Store, url: str, **options: Any) -> Summary:
    """Into the account of the customer that has all of them."""
    given = {"username": OWNER, "secret": PASSWORD} | options
    accounts = AccountMap(store, store.accounts.get(PLAIN), {})
    return run_import(url, accounts, ReadOptions(find_zone("UTC"), **given), format_name="telecomx")


@pytest.mark.parametrize("links", ["", "?nolinks=1"])
def test_both_servers_list_the_same_objects_afterwards(
    links: str, rest: Provider, provider: Provider, ours: Store, monkeypatch: Any
) -> None:
    monkeypatch.setattr(telecomx_pages, "MOST", 60)
    provider.faults = [None, *(f for fault in PASSING.values() for f in (fault, None))]
    summary = leave_rest(ours, provider.url + links)
    assert not summary.bad
    expected = submissions(provider.store)
    assert len(expected) > 150
    assert submissions(ours) == expected
    assert submissions(ours, sort="SENT") == submissions(provider.store, sort="SENT")
    for query in ({"fromDate": "2012-06", "toDate": "2012-10"}, {"to": "+4581808888"}):
        assert submissions(ours, **query) == submissions(provider.store, **query)
    assert counts(leave_rest(ours, provider.url + links)) == (0, summary.added, 0)
    assert submissions(ours) == expected
    assert not [one for one in provider.asked if "token=" in one.split(" ")[0]]


def test_an_account_of_another_id_gets_the_same_objects(rest: Provider, ours: Store) -> None:
    """The ids are those of an account 1, and keep their order in an account 2."""
    rest.faults, rest.always = [], None
    accounts = AccountMap(ours, ours.accounts.get(TOLD), {})
    options = ReadOptions(find_zone("UTC"), secret=TOKEN)
    summary = run_import(rest.url, accounts, options, format_name="telecomx")
    customer = {"customer": ours.customers.get(TOLD).id}
    expected = [one | customer for one in submissions(rest.store)]
    assert submissions(ours, **customer) == expected
    assert summary.other == {}


def only_in_query(handler: Any, body: bytes) -> None:
    """A server that knows tokens as they are documented."""
    shown = "token=" in handler.path or handler.path.startswith("/auth")
    say(body if shown else b'{"code":401,"message":"credentials_invalid"}', 200 if shown else 401)(
        handler, body
    )


def test_tokens_are_in_queries_if_they_must(
    rest: Provider, provider: Provider, ours: Store
) -> None:
    provider.always = only_in_query
    assert leave_rest(ours, provider.url).added
    shown = ["token=" in one.split(" ")[0] for one in provider.asked]
    assert shown[:3] == [False, False, True]  # login, in the header, in the query
    assert not [one for one in provider.asked if PASSWORD in one.split(" ")[0]]


def test_an_expired_token_is_renewed(
    rest: Provider, provider: Provider, ours: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(telecomx_pages, "MOST", 50)
    over = say(b'{"code":401,"message":"expired","description":"x"}', 401)
    provider.faults = [None, None, None, over, None, None, over]
    leave_rest(ours, provider.url)
    assert submissions(ours) == submissions(provider.store)
    assert [one.startswith("/auth/login") for one in provider.asked].count(True) == 3


NOT_ANSWERED = {
    "HTTP status 403, access_denied": say(b'{"code":403,"message":"access_denied"}', 403),
    "HTTP status 404\\)": say(b"<html>Not found: secret</html>", 404),
    "as the TelecomX API does": say(b"<html>hello</html>"),
    "as the TelecomX API": say(b'{"token":"x","ok":true}'),
    "redirects to another": status(301, Location="http://127.0.0.1:1/"),
}


@pytest.mark.parametrize("text", NOT_ANSWERED)
def test_a_malformed_list_is_one_line(text: str, provider: Provider, ours: Store) -> None:
    provider.always = NOT_ANSWERED[text]
    with pytest.raises(ImportFailed, match=text) as failed:
        leave_rest(ours, provider.url + "?x=secret")
    for secret in (PASSWORD, "secret", "\n"):
        assert secret not in str(failed.value)


def test_a_wrong_password_is_one_line(provider: Provider, ours: Store) -> None:
    with pytest.raises(ImportFailed, match="401, credentials_invalid") as failed:
        leave_rest(ours, provider.url, secret="wrong password")
    assert "wrong password" not in str(failed.value)
    assert len(provider.asked) == 1
    with pytest.raises(ImportFailed, match="401, credentials_invalid"):
        leave_rest(ours, provider.url, username=None, secret="wrong token")


@pytest.fixture(scope="module")
def changing() -> Iterator[str]:
    with serving(Changing) as url:
        yield url


@settings(max_examples=15)
@given(
    count=st.integers(0, 60),
    limit=st.integers(2, 12),
    changes=st.lists(st.tuples(st.integers(0, 30), st.integers(0, 15)), max_size=8),
)
def test_pages_that_shift_lose_and_double_nothing(
    count: int, limit: int, changes: list[tuple[int, int]], changing: str
) -> None:
    Changing.listed = [f"old {n}" for n in range(count)]
    Changing.changes = list(changes)
    options = ReadOptions(find_zone("UTC"), secret="t")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(telecomx_pages, "MOST", limit)
        found = [one["_id"] for one in telecomx_pages.all_messages(changing, options)]
    assert len(found) == len(set(found))
    stayed = [one for one in Changing.listed if one.startswith("old")]
    assert [one for one in found if one in stayed] == stayed


def test_a_list_that_ends_too_soon_is_reported(changing: str) -> None:
    """A server may count more than it shows."""
    Changing.listed, Changing.changes = [f"old {n}" for n in range(25)], []
    options = ReadOptions(find_zone("UTC"), secret="t")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(telecomx_pages, "MOST", 10)
        patched.setattr(Changing, "shown", 15)
        with pytest.raises(ImportFailed, match="than it lists: none from offset 15 on"):
            list(telecomx_pages.all_messages(changing, options))


# The command line.


def test_the_commands_of_the_document_work(
    rest: Provider, ours: Store, serve: Serve, tmp_path: Path
) -> None:
    """docs/importing-from-a-provider.md, with the addresses of these servers."""
    rest.faults, rest.always = [], None
    document = (PROJECT / "docs/importing-from-a-provider.md").read_text()
    add, *blocks = re.findall(r"^```sh\n(.*?)^```$", document, re.DOTALL | re.MULTILINE)
    assert add.startswith("boxis-gateway account add")
    blocks[1] = blocks[1].replace("--account anna@", "--account bob@")  # from one of the two
    program = "set -e\n" + "\n".join(blocks).replace("cut -d: -f1", "cut -d: -f3 | tr -d /")
    told = {
        "https://api.boxis.net/": rest.url,
        "https://api.telecomx.dk/": rest.url,
        "http://127.0.0.1:8080/": serve(ours).url,
        "test -s history-https && diff history-https history-http": "diff history-*",
    }
    for there, here in told.items():
        program = program.replace(there, here)
    done = subprocess.run(
        ["bash"],
        input=program,
        cwd=tmp_path,
        env={
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
            "BOXIS_GATEWAY_DATABASE_URL": ours.url,
            "OLD_USER_KEY": USER_KEY,
            "OLD_PASSWORD": PASSWORD,
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "\nsame\n" in done.stdout
    answered = list(tmp_path.glob("history-*"))
    assert all("<sms50>" in one.read_text() for one in answered)
    total = len(submissions(rest.store, fromDate="2012-05", toDate="2012-05"))
    assert f'"total":{total},' in done.stdout


def test_saved_pages_go_to_the_accounts_of_their_customers(ours: Store, tmp_path: Path) -> None:
    words = ["import", str(SUBMISSIONS), "--account-field", "customer", "--account", TOLD]
    done = subprocess.run(
        [*GATEWAY, *words, "--map", f"52f4fd7734697b28ccaf77ec={PLAIN}", "--rejects", "r.csv"],
        cwd=tmp_path,
        env={**os.environ, "BOXIS_GATEWAY_DATABASE_URL": ours.url},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "telecomx" in done.stdout
    found = [
        len(ours.submissions.page(ListQuery([ours.accounts.get(name).id], limit=99))[0])
        for name in (PLAIN, TOLD)
    ]
    assert found == [4, 4]
    since = [*GATEWAY, *words, "--since", "2012-01-01"]
    refused = subprocess.run(since, capture_output=True, text=True, check=False)
    assert "--since is for a URL" in refused.stderr
