"""Limits at both APIs: how often may be asked, how often in vain, from where, and again."""

from __future__ import annotations

import gc
import subprocess
import time
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from boxis_gateway import app as app_module
from boxis_gateway.app import create_app
from boxis_gateway.errors import ConfigurationError, LimitReached
from boxis_gateway.levels import Level
from boxis_gateway.limiting import SharedCounters, shared_counters
from boxis_gateway.limiting.memory_counters import MemoryCounters
from boxis_gateway.model import Account
from boxis_gateway.passwords import hash_password
from boxis_gateway.settings import Settings, parse_option
from boxis_gateway.store import Store
from tests.support.example_account import NOW, USER_KEY, USERNAME, add_messages, signed
from tests.support.waiting import LIMIT_SECONDS, until

SECOND = int(NOW.timestamp())
HERE, ELSEWHERE = "192.0.2.7", "198.51.100.9"
WRONG_CODE = {"authcode": "0" * 32}
REFUSED = "Error: 'authcode' is not valid"
PASSWORD = "correct horse"
PASSWORD_HASH = hash_password(PASSWORD)


class Apis:
    """The two APIs of a store, by client address, with a clock of the test."""

    def __init__(self, store: Store, **settings: Any) -> None:
        self.seconds = 0.0
        counters = {
            one.name: MemoryCounters(lambda: self.seconds)
            for one in fields(SharedCounters)
            if one.name != "created_at"
        }
        shared = SharedCounters(**counters, created_at=NOW.timestamp())
        self.client: FlaskClient = create_app(
            store, Settings(**settings), lambda: NOW, shared
        ).test_client()

    def form(self, address: str = HERE, *, forwarded: str = "", **form: str) -> str:
        """Result text of the form API."""
        headers = {"X-Forwarded-For": forwarded} if forwarded else {}
        answer = self.client.post(
            "/",
            data=signed(SECOND, {"returntype": "json", **form}),
            environ_base={"REMOTE_ADDR": address},
            headers=headers,
        )
        assert answer.status_code == 200
        return str(answer.json["resulttxt"])

    def log_in(self, password: str, address: str = HERE, username: str = USERNAME) -> Any:
        """The answer of the REST API."""
        return self.client.post(
            "/auth/login",
            json={"username": username, "password": password},
            environ_base={"REMOTE_ADDR": address},
        )

    def guess(self, times: int, address: str = HERE, **form: str) -> None:
        for _ in range(times):
            assert self.form(address, **{**WRONG_CODE, **form}) == REFUSED


MakeApis = Callable[..., Apis]


@pytest.fixture
def apis(store: Store, account: Account) -> MakeApis:
    customer = store.customers.get(USERNAME)
    store.employees.add(customer, USERNAME, "Anna", Level.OWNER, PASSWORD_HASH, NOW)
    return lambda **settings: Apis(store, **settings)


def test_nothing_is_limited_unless_set(apis: MakeApis) -> None:
    asked = apis()
    assert {asked.form() for _ in range(200)} == {"success"}


@pytest.mark.parametrize("rate", ["account_rate", "address_rate", "server_rate"])
def test_a_rate_holds_and_its_time_ends(apis: MakeApis, rate: str) -> None:
    asked = apis(**{rate: "3/minute"})
    assert [asked.form() for _ in range(3)] == ["success"] * 3
    asked.seconds += 20
    assert asked.form() == "Error: too many requests, try again in 40 seconds"
    asked.seconds += 40
    assert asked.form() == "success"


def test_each_of_several_rates_holds(apis: MakeApis) -> None:
    asked = apis(account_rate="2/second;3/minute")
    assert [asked.form() == "success" for _ in range(3)] == [True, True, False]
    asked.seconds += 1
    assert [asked.form() == "success" for _ in range(2)] == [True, False]
    asked.seconds += 1
    assert asked.form() == "Error: too many requests, try again in 58 seconds"


def test_rates_are_per_account_and_per_address(apis: MakeApis, store: Store) -> None:
    store.accounts.add("ben@example.com", USER_KEY, NOW, options={"account_rate": "off"})
    asked = apis(account_rate="1/minute")
    assert asked.form() == "success"
    assert asked.form() != "success"
    assert {asked.form(username="ben@example.com") for _ in range(5)} == {"success"}
    asked = apis(address_rate="1/minute")
    assert asked.form(HERE) == asked.form(ELSEWHERE) == "success"
    assert asked.form(HERE) != "success"


def test_wrong_codes_use_up_no_rate_of_the_account(apis: MakeApis) -> None:
    asked = apis(account_rate="1/minute")
    asked.guess(3)
    assert asked.form() == "success"


def test_the_rest_api_sends_retry_after(apis: MakeApis) -> None:
    asked = apis(account_rate="2/minute")
    token = asked.log_in(PASSWORD).json["token"]
    answers = [asked.client.get(f"/ping?token={token}") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert answers[-1].headers["Retry-After"] == "60"
    assert answers[-1].json == {
        "code": 429,
        "message": "too_many_requests",
        "description": "Too many requests, try again in 60 seconds",
    }


def test_the_lockout_doubles_with_each_guess(apis: MakeApis) -> None:
    asked = apis()
    asked.guess(5)
    for seconds in (1, 2, 4, 8):
        expected = f"Error: too many requests, try again in {seconds} seconds"
        assert asked.form() == asked.form(**WRONG_CODE) == expected  # right or wrong
        asked.seconds += seconds
        asked.guess(1)
    asked.seconds += 16
    assert asked.form() == "success"
    asked.guess(5)  # counted from nothing again


def test_a_lockout_has_a_longest_time(apis: MakeApis) -> None:
    asked = apis(longest_lockout_seconds=10)
    for _ in range(20):
        asked.form(**WRONG_CODE)
        asked.seconds += 10
    assert asked.form() == "success"


def test_the_lockout_can_be_switched_off(apis: MakeApis) -> None:
    asked = apis(longest_lockout_seconds=0)
    asked.guess(50)
    assert asked.form() == "success"


def test_a_lockout_holds_for_one_address(apis: MakeApis) -> None:
    asked = apis()
    asked.guess(5, ELSEWHERE)
    assert "too many" in asked.form(ELSEWHERE)
    assert asked.form(HERE) == "success"


def test_an_unknown_user_is_locked_out_too(apis: MakeApis) -> None:
    asked = apis()
    asked.guess(5, username="nobody@example.com")
    assert "try again in 1 seconds" in asked.form(username="Nobody@example.com")


def test_a_new_key_unlocks(apis: MakeApis, store: Store, account: Account) -> None:
    asked = apis()
    asked.guess(5)
    store.accounts.set_user_key(account, "another-key")
    assert asked.form() == REFUSED  # the old key
    form = signed(SECOND, {"returntype": "json"}, user_key="another-key")
    assert asked.form(authcode=form["authcode"]) == "success"


def test_guessing_names_locks_out_unknown_clients_only(apis: MakeApis) -> None:
    asked = apis()
    assert asked.form() == "success"
    for number in range(30):
        asked.guess(1, username=f"user{number}@example.com")
    assert "too many" in asked.form(username="one-more@example.com", **WRONG_CODE)
    assert asked.form() == "success"  # it was right from there before
    assert asked.form(ELSEWHERE, username="one-more@example.com", **WRONG_CODE) == REFUSED


def test_a_locked_out_address_gets_one_answer_for_every_wrong_code(apis: MakeApis) -> None:
    asked = apis()
    assert asked.form() == "success"
    assert asked.log_in(PASSWORD).status_code == 200
    for number in range(30):
        asked.guess(1, username=f"user{number}@example.com")
        asked.log_in("wrong", username=f"user{number}@example.com")
    for _ in range(7):  # also while the name itself is locked out
        known = asked.form(**WRONG_CODE)
        assert known == asked.form(username="one-more@example.com", **WRONG_CODE)
        assert "too many requests" in known
        refused = [asked.log_in("wrong", username=name) for name in (USERNAME, "nobody@x.pl")]
        assert {answer.status_code for answer in refused} == {429}
        assert refused[0].data == refused[1].data


def test_a_name_of_any_length_is_answered_alike_and_not_kept(apis: MakeApis) -> None:
    asked = apis()
    asked.form(**WRONG_CODE)
    tracemalloc.start()
    try:
        for number in range(20):
            name = f"{number}{'ż' * 80_000}"
            assert asked.form(f"192.0.2.{number}", username=name, **WRONG_CODE) == REFUSED
            assert asked.log_in(name, username=name).status_code == 422
            assert asked.log_in(name).status_code == 422
        gc.collect()
        assert tracemalloc.get_traced_memory()[0] < 500_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "body",
    [
        b"a=1&" * 20_000,
        b"a=" + b"x" * 524_289,
        b"x" * 4_097 + b"=1",
        b"{" + b",".join(b'"%d":1' % number for number in range(20_001)) + b"}",
        b'{"a":"' + b"x" * 524_289 + b'"}',
        b'{"a":' + b"[" * 100_000,
    ],
)
def test_forms_of_the_rest_api_have_the_limits_of_the_form_api(body: bytes, apis: MakeApis) -> None:
    kind = "application/json" if body[:1] == b"{" else "application/x-www-form-urlencoded"
    answer = apis().client.post("/auth/login", data=body, content_type=kind)
    assert (answer.status_code, answer.json["message"]) == (422, "body")


def test_wrong_passwords_are_locked_out_too(apis: MakeApis, store: Store) -> None:
    asked = apis()
    assert {asked.log_in("wrong").status_code for _ in range(5)} == {401}
    locked = asked.log_in(PASSWORD)
    assert (locked.status_code, locked.headers["Retry-After"]) == (429, "1")
    assert asked.log_in(PASSWORD, ELSEWHERE).status_code == 200
    assert asked.form() == "success"  # the other API
    store.employees.set_password_hash(store.employees.get(USERNAME), hash_password("new password"))
    assert asked.log_in("new password").status_code == 200


def test_accounts_may_be_bound_to_networks(apis: MakeApis, store: Store, account: Account) -> None:
    store.accounts.set_options(account, {"networks": "192.0.2.0/24, 2001:db8::/32"})
    asked = apis()
    assert asked.form(HERE) == asked.form("2001:db8::1") == "success"
    assert asked.form("") == REFUSED
    assert [asked.form(ELSEWHERE) for _ in range(5)] == [REFUSED] * 5
    assert "too many requests" in asked.form(ELSEWHERE)  # as for a wrong code


def test_trusted_proxies_name_the_client(apis: MakeApis, store: Store, account: Account) -> None:
    store.accounts.set_options(account, {"networks": HERE})
    asked = apis(trusted_proxies="127.0.0.1")
    assert asked.form("127.0.0.1", forwarded=HERE) == "success"
    assert asked.form("127.0.0.1", forwarded=f"{HERE}, {ELSEWHERE}") == REFUSED
    assert asked.form(ELSEWHERE, forwarded=HERE) == REFUSED
    assert apis().form("127.0.0.1", forwarded=HERE) == REFUSED  # none is trusted


@pytest.mark.parametrize(("replay", "second"), [("off", True), ("warn", True), ("enforce", False)])
def test_a_replayed_request(
    apis: MakeApis,
    store: Store,
    account: Account,
    caplog: pytest.LogCaptureFixture,
    replay: str,
    second: bool,
) -> None:
    store.accounts.set_options(account, {"replay": replay})
    asked = apis()
    assert asked.form() == "success"
    assert (asked.form() == "success") is second
    assert ("repeated a request" in caplog.text) is (replay == "warn")
    assert asked.form(datefrom="2012-05-09 10:00") == "success"  # is another one
    assert asked.form(timestamp=str(SECOND + 1)) == "success"
    again = asked.form(timestamp=str(SECOND + 1), surplus="x", returntype="json")
    assert (again == "success") is second


def test_replays_look_like_wrong_clocks(apis: MakeApis, store: Store, account: Account) -> None:
    """Documented clients then sign anew, with the server's time."""
    store.accounts.set_options(account, {"replay": "enforce"})
    asked = apis()
    form = signed(SECOND, {"returntype": "json"})
    answers = [asked.client.post("/", data=form).json for _ in range(2)]
    assert answers[1] == {
        "result": "0",
        "resulttxt": "Error: 'timestamp' is not valid",
        "timestamperror": "1",
        "timestamp": SECOND,
    }


def test_requests_before_start_are_refused(apis: MakeApis, store: Store, account: Account) -> None:
    store.accounts.set_options(account, {"replay": "enforce"})
    asked = apis()
    assert asked.form(timestamp=str(SECOND - 1)) == "Error: 'timestamp' is not valid"


def test_replays_are_refused_while_valid(apis: MakeApis, store: Store, account: Account) -> None:
    store.accounts.set_options(account, {"replay": "enforce", "timestamp_window_seconds": "60"})
    asked = apis()
    ahead = str(SECOND + 60)
    assert asked.form(timestamp=ahead) == "success"
    asked.seconds += 120  # SECOND + 120 is the last that it is good at
    assert asked.form(timestamp=ahead) != "success"


def test_accounts_have_a_stream_limit(apis: MakeApis, store: Store, account: Account) -> None:
    add_messages(store, account, *({"date": "2012-05-09 10:20:00"} for _ in range(1000)))
    other = store.accounts.add("ben@example.com", USER_KEY, NOW)
    add_messages(store, other, *({"date": "2012-05-09 10:20:00"} for _ in range(1000)))
    asked = apis(max_streams=2)

    def begin(username: str = USERNAME) -> Any:
        return asked.client.post("/", data=signed(SECOND, {}, username), buffered=False)

    first, second, third = begin(), begin(), begin()
    assert b"too many requests, try again in 1 seconds" in third.data
    assert begin("ben@example.com").data.endswith(b"</return>")
    first.close()
    assert begin().data.endswith(b"</return>")
    assert second.data.endswith(b"</return>")


@pytest.mark.parametrize("limit", ["max_streams", "max_process_streams"])
def test_exports_are_streams_too(
    apis: MakeApis, store: Store, account: Account, limit: str
) -> None:
    add_messages(store, account, *({"date": "2012-05-09 10:20:00"} for _ in range(1000)))
    asked = apis(**{limit: 2})
    token = asked.log_in(PASSWORD).json["token"]

    def begin() -> Any:
        return asked.client.get(f"/sms/export?token={token}", buffered=False)

    first, second, third = begin(), begin(), begin()
    assert (third.status_code, third.headers["Retry-After"]) == (429, "1")
    history = asked.client.post("/", data=signed(SECOND, {}), buffered=False)
    assert (b"too many requests" in history.data) == (limit == "max_process_streams")
    first.close()
    assert begin().data.count(b"\n") == 1001
    assert second.data.count(b"\n") == 1001
    assert asked.form(datefrom="2012-05-10 00:00") == "success"  # a short answer needs no slot


def test_streams_leave_half_of_the_connections(apis: MakeApis) -> None:
    streams = apis(max_connections=10).client.application.form_api._services.limiter.streams
    held = [streams.acquire(user, 1) for user in range(5)]
    with pytest.raises(LimitReached):
        streams.acquire(5, 1)
    held[0]()
    streams.acquire(5, 1)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("account_rate", "often"),
        ("account_rate", ""),
        ("networks", "192.0.2.1/24"),
        ("networks", " "),
        ("networks", "here"),
        ("replay", "perhaps"),
    ],
)
def test_an_invalid_limit_is_reported(
    gateway: Callable[..., Any], store: Store, account: Account, name: str, value: str
) -> None:
    done = gateway("serve", "--" + name.replace("_", "-"), value)
    assert done.returncode == 1
    assert f"--{name.replace('_', '-')} is not valid" in done.stderr
    assert done.stderr.count("\n") == 1


def test_an_invalid_counters_url_is_reported_without_its_password() -> None:
    with pytest.raises(ConfigurationError) as failure:
        parse_option("counters", "mysql://user:p4ssw0rd@host/", "X")
    assert "p4ssw0rd" not in str(failure.value)


def test_a_lost_counters_server_locks_nobody_out(
    store: Store, account: Account, caplog: pytest.LogCaptureFixture
) -> None:
    counters = shared_counters("redis://:hidden@127.0.0.1:1/0")
    settings = Settings(address_rate="2/minute")
    client = create_app(store, settings, lambda: NOW, counters).test_client()
    form = signed(SECOND, {"returntype": "json"})
    results = [client.post("/", data=form).json["result"] for _ in range(3)]
    assert results == ["1", "1", "0"]  # counted here meanwhile
    assert "does not answer" in caplog.text
    assert "hidden" not in caplog.text


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[str]:
    """A real server, on a socket of its own."""
    place = tmp_path / "redis.sock"
    words = ["redis-server", "--port", "0", "--unixsocket", str(place), "--save", ""]
    process = subprocess.Popen(words, cwd=tmp_path, stdout=subprocess.DEVNULL)
    until(place.exists)
    yield f"redis+unix://{place}"
    process.terminate()
    process.wait(LIMIT_SECONDS)


def test_several_machines_count_on_redis(store: Store, account: Account, redis: str) -> None:
    settings = Settings(address_rate="4/minute", replay="enforce")
    one, two = (
        create_app(store, settings, lambda: NOW, shared_counters(redis)).test_client()
        for _ in range(2)
    )

    def ask(at: FlaskClient, **form: str) -> Any:
        return at.post("/", data=signed(SECOND, {"returntype": "json", **form})).json["resulttxt"]

    assert ask(one) == "success"
    assert ask(two) == "Error: 'timestamp' is not valid"  # came before
    assert ask(two, **WRONG_CODE) == ask(one, **WRONG_CODE) == REFUSED
    assert "too many requests" in ask(one)
    counters = shared_counters(redis)
    assert counters.requests.get_expiry("LIMITER/address/127.0.0.1/4/1/minute") <= time.time() + 60
    keys = counters.requests._server.storage.keys("*")  # type: ignore[attr-defined]
    assert keys
    assert not any(word in str(keys) for word in (USERNAME, USER_KEY, str(SECOND)))


def test_guesses_are_counted_on_redis(store: Store, account: Account, redis: str) -> None:
    clients = [
        create_app(store, Settings(), lambda: NOW, shared_counters(redis)).test_client()
        for _ in range(2)
    ]
    form = signed(SECOND, {"returntype": "json", **WRONG_CODE})
    said = [clients[n % 2].post("/", data=form).json["resulttxt"] for n in range(9)]
    assert said[:5] == [REFUSED] * 5
    assert "too many requests" in "".join(said)  # here alone none was wrong as often
    form = signed(SECOND, {"returntype": "json"})
    until(lambda: clients[0].post("/", data=form).json["result"] == "1")


def test_untrusted_proxies_warn_once(apis: MakeApis, caplog: pytest.LogCaptureFixture) -> None:
    app_module._warn_of_untrusted_proxy.cache_clear()
    asked = apis()
    for _ in range(3):
        asked.form("127.0.0.1", forwarded=HERE)
    assert caplog.text.count("TRUSTED_PROXIES") == 1
    assert HERE not in caplog.text


@pytest.mark.parametrize(
    ("origin", "method", "allowed"),
    [
        ("https://app.example.com", "GET", True),
        ("https://app.example.com", "OPTIONS", True),
        ("https://app.example.com.evil.example", "GET", False),
        ("null", "GET", False),
        ("", "GET", False),
    ],
)
def test_pages_of_other_origins_read_the_rest_api_if_they_are_set(
    apis: MakeApis, origin: str, method: str, allowed: bool
) -> None:
    headers = {"Origin": origin} if origin else {}
    asked = apis(cors_origins="https://app.example.com http://127.0.0.1:3000").client
    answer = asked.open("/ping", method=method, headers=headers)
    assert answer.headers.get("Access-Control-Allow-Origin") == (origin if allowed else None)
    assert answer.headers["Vary"] == "Origin"
    if allowed and method == "OPTIONS":
        assert answer.headers["Access-Control-Allow-Methods"] == "GET, HEAD, OPTIONS"
        assert "Authorization" in answer.headers["Access-Control-Allow-Headers"]
    assert "Access-Control-Allow-Credentials" not in answer.headers
    assert "Access-Control-Allow-Origin" not in apis().client.get("/ping", headers=headers).headers
