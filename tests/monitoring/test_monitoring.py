"""Records of requests: log lines, metrics, health; both APIs, in process."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator

import pytest
from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families
from werkzeug.test import TestResponse

from boxis_gateway.app import create_app
from boxis_gateway.form_api import endpoint
from boxis_gateway.model import Account
from boxis_gateway.monitoring import RequestRecord
from boxis_gateway.monitoring.metrics import Metrics
from boxis_gateway.settings import Settings
from boxis_gateway.store import Store
from boxis_gateway.store.engines.row_stream import SHORT_ROWS
from tests.support.example_account import NOW, USER_KEY, USERNAME, add_messages, signed

Ask = Callable[..., TestResponse]
Figures = dict[tuple[str, frozenset[tuple[str, str]]], float]


@pytest.fixture
def client(store: Store) -> FlaskClient:
    """A client of both APIs and, on the same port, of monitoring."""
    settings = Settings(watch_port="same")
    return create_app(store, settings, lambda: NOW, metrics=Metrics()).test_client()


@pytest.fixture
def ask(client: FlaskClient) -> Ask:
    def ask(method: str = "POST", path: str = "/", **form: str) -> TestResponse:
        body = signed(int(NOW.timestamp()), form) if path == "/" else form
        return client.open(path, method=method, data=body)

    return ask


class Kept(logging.Handler):
    """Log handler that keeps the request records."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[RequestRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        if isinstance(record.msg, RequestRecord):
            self.records.append(record.msg)


@pytest.fixture
def told() -> Iterator[Callable[[], RequestRecord]]:
    """Record of the request that ended last."""
    kept, log = Kept(), logging.getLogger("boxis_gateway.requests")
    log.addHandler(kept)
    yield lambda: kept.records[-1]
    log.removeHandler(kept)


def figures(text: str) -> Figures:
    """Name and labels of each sample -> its value."""
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def figure(all_of_them: Figures, name: str, **labels: str) -> float:
    """The sum of the samples of that name that have these labels."""
    wanted = labels.items()
    return sum(
        value
        for (sample, has), value in all_of_them.items()
        if sample == f"boxis_gateway_{name}" and has >= wanted
    )


FORM_DOOR = [
    ({}, "sms.getHistory", "success", ""),
    ({"returntype": "json"}, "sms.getHistory", "success", ""),
    ({"action": "getMoney"}, "other", "invalid", "'action' is not valid"),
    ({"datefrom": "48514151563"}, "sms.getHistory", "invalid", "'datefrom' is not valid"),
    ({"username": "bob@example.com"}, "other", "refused", "account"),
    ({"authcode": "0" * 32}, "other", "refused", "authcode"),
    ({"timestamp": "1"}, "other", "clock", "window"),
]


@pytest.mark.parametrize(("form", "action", "outcome", "reason"), FORM_DOOR)
def test_the_form_api_records_how_a_request_ended(
    form: dict[str, str],
    action: str,
    outcome: str,
    reason: str,
    ask: Ask,
    account: Account,
    store: Store,
    told: Callable[[], RequestRecord],
) -> None:
    add_messages(store, account, {"date": "2012-05-09 10:00"}, {"date": "2012-05-09 10:01"})
    answer = ask(**form)
    seen = told()
    assert (seen.api, seen.action, seen.outcome, seen.reason) == ("form", action, outcome, reason)
    assert (seen.rows, seen.bytes) == (2 if outcome == "success" else 0, len(answer.data))
    assert seen.account == (0 if outcome == "refused" else account.id)
    assert seen.format == form.get("returntype", "xml")
    assert seen.address == ("127.0.0.1" if outcome == "refused" else "")
    assert 0 < seen.first_byte <= seen.seconds < 5
    assert "X-Request-Id" not in answer.headers


REST_DOOR = [
    ("GET", "/sms/48514151563", "GET /sms/{message_id}", "refused", "no_token"),
    ("GET", "/ping?token=48514151563", "GET /ping", "refused", "token"),
    ("GET", "/sms/export", "GET /sms/export", "refused", "no_token"),
    ("POST", "/auth/login", "POST /auth/login", "invalid", "username"),
    ("POST", "/ping", "POST /ping", "invalid", "method_not_allowed"),
    ("GET", "/sms/48514151563/nowhere", "other", "invalid", "not_found"),
    ("OPTIONS", "/sms", "OPTIONS /sms", "success", ""),
]


@pytest.mark.parametrize(("method", "path", "action", "outcome", "reason"), REST_DOOR)
def test_the_rest_api_records_resources_without_ids(
    method: str,
    path: str,
    action: str,
    outcome: str,
    reason: str,
    ask: Ask,
    told: Callable[[], RequestRecord],
) -> None:
    answer = ask(method, path)
    seen = told()
    assert (seen.api, seen.action, seen.outcome, seen.reason) == ("rest", action, outcome, reason)
    assert answer.headers["X-Request-Id"] == seen.id
    assert "48514151563" not in f"{seen} {seen.fields()}"


def test_the_log_tells_a_wrong_password_from_an_unknown_employee(
    ask: Ask, store: Store, told: Callable[[], RequestRecord]
) -> None:
    ask(path="/auth/login", username="nobody", password="x")
    assert (told().outcome, told().reason) == ("refused", "employee")


def test_the_address_of_nothing_is_no_label(ask: Ask, told: Callable[[], RequestRecord]) -> None:
    assert ask("GET", "/48514151563").status_code == 404
    assert (told().api, told().action, told().outcome) == ("form", "other", "invalid")


def test_a_bug_is_logged_by_its_class_without_its_message(
    ask: Ask,
    told: Callable[[], RequestRecord],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(endpoint, "authenticate", lambda *_: {}["the text"])
    assert b"internal error" in ask().data
    assert (told().outcome, told().reason) == ("failed", "KeyError")
    assert "the text" not in f"{told()} {told().fields()}"


def test_readable_and_json_lines_say_the_same(ask: Ask, told: Callable[[], RequestRecord]) -> None:
    ask(action="getMoney")
    seen = told()
    fields = seen.fields()
    assert json.loads(json.dumps(fields)) == fields
    for name, value in fields.items():
        shown = f'"{value}"' if " " in str(value) else value
        words = f" {name}={shown:.6f}" if isinstance(value, float) else f" {name}={shown}"
        assert words in f" {seen}"


@pytest.fixture
def long_history(store: Store, account: Account) -> None:
    """A history that is streamed."""
    dates = (f"2012-05-09 10:{n // 60:02}:{n % 60:02}" for n in range(SHORT_ROWS + 1))
    add_messages(store, account, *({"date": date} for date in dates))


@pytest.mark.usefixtures("long_history")
def test_a_stream_is_recorded_at_its_end(
    client: FlaskClient, told: Callable[[], RequestRecord]
) -> None:
    answer = client.open("/", method="POST", data=signed(int(NOW.timestamp()), {}), buffered=False)
    under_way = figures(client.get("/metrics").text)
    assert figure(under_way, "streams_in_progress") == 1
    assert figure(under_way, "requests_total") == 0
    assert len(answer.data) == told().bytes
    done = figures(client.get("/metrics").text)
    assert figure(done, "streams_in_progress") == 0
    assert figure(done, "first_byte_seconds_count", action="sms.getHistory") == 1
    assert figure(done, "requests_total", outcome="success") == 1


@pytest.mark.usefixtures("long_history")
def test_a_client_that_leaves_in_mid_answer_has_vanished(
    client: FlaskClient, told: Callable[[], RequestRecord]
) -> None:
    answer = client.open("/", method="POST", data=signed(int(NOW.timestamp()), {}), buffered=False)
    answer.close()
    assert told().outcome == "disconnected"
    assert figure(figures(client.get("/metrics").text), "streams_in_progress") == 0


def test_metrics_count_by_api_action_outcome_and_format(
    ask: Ask, client: FlaskClient, account: Account, store: Store
) -> None:
    add_messages(store, account, {"date": "2012-05-09 10:00"})
    size = len(ask().data) + len(ask().data)
    ask(returntype="json", authcode="0" * 32)
    ask("GET", "/ping")
    found = figures(client.get("/metrics").text)
    history = {"api": "form", "action": "sms.getHistory"}
    assert figure(found, "requests_total", **history, outcome="success", format="xml") == 2
    assert figure(found, "requests_total", outcome="refused", format="json") == 2
    assert figure(found, "requests_total") == 4
    assert figure(found, "request_seconds_count", **history) == 2
    assert figure(found, "request_seconds_bucket", **history, le="+Inf") == 2
    assert figure(found, "rows_total", **history) == 2
    assert figure(found, "bytes_total", **history) == size
    assert figure(found, "auth_failures_total", api="form", reason="authcode") == 1
    assert figure(found, "auth_failures_total", api="rest", reason="no_token") == 1
    assert figure(found, "store_ready") == 1
    size = store.path.stat().st_size if store.file else store.health.sizes().file
    assert figure(found, "store_file_bytes") == size
    assert figure(found, "store_connections", state="open") >= 1


def test_labels_have_nothing_of_clients(ask: Ask, client: FlaskClient, account: Account) -> None:
    sent = "48514151563"
    for name in ("username", "section", "action", "returntype", "datefrom", "version"):
        ask(**{name: sent})
    ask(sent)
    for path in (f"/{sent}", f"/sms/{sent}", f"/sms?to={sent}", f"/ping?token={sent}"):
        ask("GET", path)
    text = client.get("/metrics").text
    for secret in (sent, USERNAME, USER_KEY, "127.0.0.1"):
        assert secret not in text


@pytest.mark.parametrize(
    ("method", "path", "status", "said"),
    [
        ("GET", "/healthz", 200, "ok\n"),
        ("GET", "/readyz", 200, "ok\n"),
        ("HEAD", "/readyz", 200, ""),
        ("POST", "/healthz", 405, "only GET\n"),
    ],
)
def test_health_is_a_word(
    method: str, path: str, status: int, said: str, client: FlaskClient
) -> None:
    answer = client.open(path, method=method)
    assert (answer.status_code, answer.text) == (status, said)
    assert answer.headers["Cache-Control"] == "no-store"


def test_without_metrics_there_is_only_health(store: Store) -> None:
    client = create_app(store, Settings(watch_port="same"), lambda: NOW).test_client()
    assert client.get("/metrics").status_code == 404
    assert client.get("/healthz").status_code == 200


@pytest.mark.sqlite_only("the version stands in a pragma")
def test_a_store_of_another_version_is_not_ready(client: FlaskClient, store: Store) -> None:
    store.database.execute_sql("PRAGMA user_version = 1")
    answer = client.get("/readyz")
    assert (answer.status_code, answer.text) == (503, "outdated\n")
    assert figure(figures(client.get("/metrics").text), "store_ready") == 0
