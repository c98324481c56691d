"""The REST API: who is let in, and what a token opens."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient

from boxis_gateway.app import create_app
from boxis_gateway.levels import Level, State
from boxis_gateway.model import Employee
from boxis_gateway.passwords import hash_password
from boxis_gateway.rest_api.auth import token_digest
from boxis_gateway.settings import Settings
from boxis_gateway.store import Store, Write
from tests.support.engines import statements
from tests.support.example_account import NOW
from tests.support.stores import store_at
from tests.support.waiting import LIMIT_SECONDS

LogIn = Callable[..., Any]
PASSWORD = "correct horse"
PASSWORD_HASH = hash_password(PASSWORD)
LOGIN_FAILURE = {
    "code": 401,
    "message": "credentials_invalid",
    "description": "Authorization required, please login",
}


class Clock:
    """A clock that tests set."""

    now = NOW

    def __call__(self) -> datetime:
        return self.now

    def goes_on(self, **time: float) -> None:
        self.now += timedelta(**time)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def anna(store: Store) -> Employee:
    customer = store.customers.add("Anna's shop", NOW)
    return store.employees.add(
        customer, "Anna@example.com", "Anna", Level.OWNER, PASSWORD_HASH, NOW
    )


@pytest.fixture
def rest(store: Store, anna: Employee, clock: Clock) -> FlaskClient:
    return create_app(store, Settings(), clock).test_client()


@pytest.fixture
def log_in(rest: FlaskClient) -> Callable[..., Any]:
    def ask(**fields: object) -> Any:
        form = {"username": "anna@example.com", "password": PASSWORD} | fields
        return rest.post("/auth/login", json=form).json

    return ask


def test_a_login_answers_as_documented(log_in: LogIn, anna: Employee) -> None:
    answer = log_in()
    assert list(answer) == ["token", "expiresInMinutes", "employee", "customer", "accessLevel"]
    assert answer["expiresInMinutes"] == 15
    assert answer["employee"] == anna.id
    assert answer["customer"] == anna.customer_id
    assert answer["accessLevel"] == "OWNER"


@pytest.mark.parametrize("how", ["query", "form", "json"])
def test_a_login_comes_by_query_form_or_json(rest: FlaskClient, how: str) -> None:
    fields = {"username": "anna@example.com", "password": PASSWORD}
    if how == "query":
        answer = rest.get("/auth/login", query_string=fields)
    else:
        answer = rest.post("/auth/login", **{"json" if how == "json" else "data": fields})
    assert answer.status_code == 200
    assert answer.json["token"]


@pytest.mark.parametrize(
    "fields",
    [
        {"password": "wrong"},
        {"password": "\ud800"},
        {"username": "\ud800"},
        {"username": "nobody@example.com"},
        {"username": "nobody@example.com", "password": "wrong"},
    ],
)
def test_a_failed_login_gives_no_reason(log_in: LogIn, fields: dict[str, str]) -> None:
    assert log_in(**fields) == LOGIN_FAILURE


@pytest.mark.parametrize("state", [State.DISABLED, State.DELETED])
def test_a_disabled_employee_loses_access_at_once(
    rest: FlaskClient, log_in: LogIn, store: Store, anna: Employee, state: State
) -> None:
    token = log_in()["token"]
    store.employees.set_state(anna, state)
    assert rest.get("/ping", query_string={"token": token}).json == LOGIN_FAILURE
    assert log_in() == LOGIN_FAILURE


def test_the_level_that_cannot_log_in_cannot(log_in: LogIn, store: Store, anna: Employee) -> None:
    store.employees.set_level(anna, Level.NO_LOGIN)
    assert log_in() == LOGIN_FAILURE


def test_a_missing_password_is_named(rest: FlaskClient) -> None:
    answer = rest.post("/auth/login", json={"username": "anna@example.com"})
    assert answer.status_code == 404
    assert answer.json == {
        "code": 404,
        "message": "password",
        "description": "Password is missing",
    }


@pytest.mark.parametrize("body", [b"{", b"[]", b"\xff", b'"a"', b"[" * 100_000])
def test_a_body_that_is_no_object_is_named(rest: FlaskClient, body: bytes) -> None:
    answer = rest.post("/auth/login", data=body, content_type="application/json")
    assert (answer.status_code, answer.json["message"]) == (422, "body")


@pytest.mark.parametrize("content_type", ["application/json", "application/x-www-form-urlencoded"])
def test_a_body_that_is_too_long_is_not_read(rest: FlaskClient, content_type: str) -> None:
    answer = rest.post("/auth/login", data=b"a" * 2_000_000, content_type=content_type)
    assert answer.json == {
        "code": 413,
        "message": "bad request",
        "description": "Unspecified error",
    }
    assert answer.status_code == 413


@pytest.mark.parametrize("place", ["query", "bearer", "cookie"])
def test_a_token_has_three_places(rest: FlaskClient, log_in: LogIn, place: str) -> None:
    token = log_in(cookie=place == "cookie")["token"]
    if place == "query":
        answer = rest.get("/ping", query_string={"token": token})
    elif place == "bearer":
        answer = rest.get("/ping", headers={"Authorization": f"Bearer {token}"})
    else:
        answer = rest.get("/ping", base_url="https://localhost")
    assert answer.json == {"success": True}


@pytest.mark.parametrize("is_secure", [True, False])
def test_a_cookie_is_secure_unless_told_otherwise(
    store: Store, anna: Employee, clock: Clock, is_secure: bool
) -> None:
    settings = Settings() if is_secure else Settings(secure_cookies=False)
    form = {"username": "anna@example.com", "password": PASSWORD, "cookie": "1"}
    answer = create_app(store, settings, clock).test_client().post("/auth/login", json=form)
    words = answer.headers["Set-Cookie"].split("; ")
    assert ("Secure" in words) == is_secure
    assert {"HttpOnly", "SameSite=Lax"} <= set(words)


@pytest.mark.parametrize(
    ("headers", "ends"),
    [
        ({}, True),  # no browser
        ({"Sec-Fetch-Site": "same-origin"}, True),
        ({"Sec-Fetch-Site": "none"}, True),
        ({"Origin": "https://localhost"}, True),
        ({"Referer": "https://localhost/page"}, True),
        ({"Sec-Fetch-Site": "cross-site"}, False),
        ({"Sec-Fetch-Site": "same-site", "Referer": "https://localhost/"}, False),
        ({"Origin": "https://evil.example"}, False),
        ({"Origin": "null"}, False),
        ({"Referer": "https://evil.example/localhost"}, False),
        ({"Referer": "https://["}, False),
    ],
)
def test_a_cookie_logs_out_only_from_its_own_origin(
    rest: FlaskClient, log_in: LogIn, headers: dict[str, str], ends: bool
) -> None:
    token = log_in(cookie=True)["token"]
    answer = rest.get("/auth/logout", headers=headers, base_url="https://localhost")
    assert answer.status_code == (200 if ends else 403)
    assert (rest.get(f"/ping?token={token}").status_code == 401) == ends


def test_a_token_that_is_sent_logs_out_from_anywhere(rest: FlaskClient, log_in: LogIn) -> None:
    token = log_in()["token"]
    answer = rest.get(f"/auth/logout?token={token}", headers={"Origin": "https://evil.example"})
    assert answer.json == {"success": True}


def test_no_cookie_is_set_unless_asked_for(rest: FlaskClient, log_in: LogIn) -> None:
    log_in()
    assert rest.get("/ping").json == LOGIN_FAILURE


def finish_writes(rest: FlaskClient) -> None:
    """Wait until the writer thread has done what was submitted before."""
    rest.application.writer.submit(Write(bool)).result()  # type: ignore[attr-defined]


def test_a_token_expires_and_use_restarts_its_time(
    rest: FlaskClient, log_in: LogIn, clock: Clock
) -> None:
    token = {"token": log_in()["token"]}
    for _ in range(3):
        clock.goes_on(minutes=15)
        assert rest.get("/ping", query_string=token).status_code == 200
        finish_writes(rest)  # no request waits for its renewal
    clock.goes_on(minutes=16)
    answer = rest.get("/ping", query_string=token)
    assert answer.status_code == 401
    assert answer.json == {
        "code": 401,
        "message": "expired",
        "description": "Session has expired, please login",
    }
    assert rest.get("/ping", query_string={"token": "unknown"}).json == LOGIN_FAILURE


def test_renewal_can_be_switched_off(store: Store, anna: Employee, clock: Clock) -> None:
    settings = Settings(token_minutes=5, token_renewal=False)
    rest = create_app(store, settings, clock).test_client()
    answer = rest.post("/auth/login", json={"username": anna.username, "password": PASSWORD}).json
    assert answer["expiresInMinutes"] == 5
    for minutes, status in ((3, 200), (3, 401)):
        clock.goes_on(minutes=minutes)
        assert rest.get(f"/ping?token={answer['token']}").status_code == status


def test_a_token_that_persists_lasts_until_logout(
    rest: FlaskClient, log_in: LogIn, clock: Clock
) -> None:
    answer = log_in(persist="true")
    assert answer["expiresInMinutes"] == -1
    clock.goes_on(days=400)
    token = {"token": answer["token"]}
    assert rest.get("/ping", query_string=token).status_code == 200
    assert rest.get("/auth/logout", query_string=token).json == {"success": True}
    assert rest.get("/ping", query_string=token).json == LOGIN_FAILURE


def test_logout_ends_all_tokens_of_the_user(rest: FlaskClient, log_in: LogIn) -> None:
    first, second = log_in()["token"], log_in()["token"]
    assert rest.get(f"/auth/logout?token={first}").json == {"success": True}
    assert rest.get(f"/ping?token={second}").json == LOGIN_FAILURE


def test_tokens_validate_as_documented(rest: FlaskClient, log_in: LogIn, anna: Employee) -> None:
    token = log_in()["token"]
    known = {
        "success": True,
        "employee": anna.id,
        "customer": anna.customer_id,
        "accessLevel": "OWNER",
    }

    def validate(**query: str) -> Any:
        return rest.get("/auth/validateToken", query_string={"token": token} | query)

    assert validate().json == known
    assert validate(extend="true").json == known | {"name": "Anna", "customerName": "Anna's shop"}
    assert validate(ip="127.0.0.1").json == known
    assert validate(ip="192.0.2.1").json == {"success": False}
    assert validate(token="unknown").json == {"success": False}
    assert (validate(simple="1").status_code, validate(simple="1").data) == (200, b"")
    assert validate(simple="true", ip="192.0.2.1").status_code == 403
    assert validate(simple="maybe").json["message"] == "simple"


def test_validation_is_no_use(rest: FlaskClient, log_in: LogIn, clock: Clock) -> None:
    token = log_in()["token"]
    clock.goes_on(minutes=14)
    assert rest.get(f"/auth/validateToken?token={token}").json["success"]
    clock.goes_on(minutes=2)
    assert rest.get(f"/auth/validateToken?token={token}").json == {"success": False}


def test_a_new_level_counts_from_the_next_request_on(
    rest: FlaskClient, log_in: LogIn, store: Store, anna: Employee
) -> None:
    token = log_in()["token"]
    store.employees.set_level(anna, Level.VIEWER)
    assert rest.get(f"/auth/validateToken?token={token}").json["accessLevel"] == "VIEWER"


@pytest.mark.sqlite_only("octets of a file")
def test_tokens_and_passwords_are_kept_as_digests(log_in: LogIn, store: Store) -> None:
    token = log_in()["token"]
    assert store.tokens.find(token_digest(token)) is not None
    store.database.execute_sql("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    content = store.path.read_bytes()
    assert token.encode() not in content
    assert PASSWORD.encode() not in content


def test_neither_tokens_nor_passwords_are_logged(
    rest: FlaskClient, log_in: LogIn, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    token = log_in()["token"]
    log_in(password="wrong-secret")
    rest.get(f"/ping?token={token}")
    rest.get(f"/sms/x?token={token}")
    assert caplog.text.count("request=") == 4
    for secret in (token, PASSWORD, "wrong-secret"):
        assert secret not in caplog.text


@pytest.mark.parametrize(
    ("method", "path", "status", "message"),
    [
        ("GET", "/auth/nothing", 404, "not_found"),
        ("POST", "/ping", 405, "method_not_allowed"),
        ("DELETE", "/auth/login", 405, "method_not_allowed"),
        ("GET", "/ping", 401, "credentials_invalid"),
        ("GET", "/sms/", 404, "bad_request"),
        ("GET", "/auth", 404, "not_found"),
        ("GET", "/auth/", 404, "not_found"),
        ("GET", "/ping/", 404, "not_found"),
        ("GET", "/employee", 404, "not_found"),
        ("GET", "/auth//login", 404, "not_found"),
        ("PROPFIND", "/sms", 405, "method_not_allowed"),
        ("FOO", "/auth/login", 405, "method_not_allowed"),
    ],
)
def test_every_address_and_method_fails_with_one_body(
    rest: FlaskClient, method: str, path: str, status: int, message: str
) -> None:
    answer = rest.open(path, method=method)
    assert answer.status_code == answer.json["code"] == status
    assert answer.json["message"] == message
    assert list(answer.json) == ["code", "message", "description"]


def test_options_and_head_are_answered(rest: FlaskClient, log_in: LogIn) -> None:
    options = rest.options("/auth/login")
    assert options.status_code == 204
    assert options.headers["Allow"] == "GET, OPTIONS, POST"
    token = log_in()["token"]
    assert rest.head(f"/auth/logout?token={token}").status_code == 405  # it would act
    head = rest.head(f"/ping?token={token}")
    assert (head.status_code, head.data) == (200, b"")
    assert rest.options("/ping").headers["Allow"] == "GET, HEAD, OPTIONS"


def test_a_fault_is_answered_without_its_cause(
    rest: FlaskClient, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store.tokens, "find", lambda _: 1 / 0)
    answer = rest.get("/ping?token=x")
    assert answer.status_code == 500
    assert answer.json == {
        "code": 500,
        "message": "internal_error",
        "description": "Internal server error",
    }


@pytest.mark.parametrize("depth", [1, 500, *range(850, 1000, 5), 100_000])
def test_nested_values_are_invalid_however_deep(rest: FlaskClient, depth: int) -> None:
    nested = "[" * depth + "]" * depth
    for field in ("cookie", "username", "unknown"):
        body = f'{{"username":"a","password":"b","{field}":{nested}}}'
        answer = rest.post("/auth/login", data=body, content_type="application/json")
        assert answer.status_code in (401, 422)


def test_other_addresses_are_the_form_api_s(rest: FlaskClient) -> None:
    assert b"address is not valid" in rest.get("/elsewhere").data
    answer = rest.get("/", environ_overrides={"PATH_INFO": "//ping"})
    assert b"address is not valid" in answer.data


def test_unknown_names_run_equal_queries(rest: FlaskClient, store: Store, anna: Employee) -> None:
    ran = {}
    for name in ("anna@example.com", "nobody@example.com"):
        with statements(store) as ran[name]:
            rest.post("/auth/login", json={"username": name, "password": "wrong"})
    assert ran["anna@example.com"] == ran["nobody@example.com"] != []


def test_a_token_is_valid_during_another_write(store: Store, anna: Employee, clock: Clock) -> None:
    """The renewal is tried without a wait, which here would be twice the limit."""
    expires_at = NOW + timedelta(minutes=5)
    store.tokens.add(anna, token_digest("token"), NOW, expires_at=expires_at)
    patient = store_at(store.url, lock_seconds=2 * LIMIT_SECONDS)
    rest = create_app(patient, Settings(), clock).test_client()
    with store.database.atomic():
        began = time.monotonic()
        assert rest.get("/ping?token=token").json == {"success": True}
        assert time.monotonic() - began < LIMIT_SECONDS
    patient.close()


def test_a_login_that_meets_a_new_password_opens_nothing(store: Store, anna: Employee) -> None:
    store.employees.set_password_hash(anna, "another")
    assert not store.tokens.add(anna, token_digest("token"), NOW)
    assert store.tokens.find(token_digest("token")) is None
