"""An envelope is the answer to any request."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from urllib.parse import urlencode

import pytest
from flask.testing import FlaskClient
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree
from werkzeug.test import TestResponse

from boxis_gateway.app import create_app
from boxis_gateway.form_api.actions import ACTIONS
from boxis_gateway.form_api.actions.get_history import get_history
from boxis_gateway.model import Account
from boxis_gateway.settings import Settings
from boxis_gateway.store import Row, RowStream, Store
from tests.support.example_account import NOW, USER_KEY, add_messages, signed

TIMESTAMP = int(NOW.timestamp())
NAMES = ["username", "timestamp", "authcode", "section", "action", "version", "returntype"]
VALUES = ["", "1.0", "sms", "getHistory", "json", "xml", str(TIMESTAMP), "anna@example.com"]


def envelope(body: bytes) -> dict[str, str]:
    """The fields of an answer in either format."""
    if body.startswith(b"{"):
        fields = json.loads(body)
        assert isinstance(fields["timestamp"], int)
        return {name: str(value) for name, value in fields.items()}
    assert body.startswith(b'<?xml version="1.0" encoding="UTF-8"?>\n<return>')
    return {str(child.tag): child.text or "" for child in etree.fromstring(body)}


odd_text = st.one_of(st.text(max_size=30), st.sampled_from(VALUES))
odd_form = st.dictionaries(
    st.one_of(
        st.sampled_from([*NAMES, "datefrom", "dateto", "encoding", "recipients[1]"]),
        st.text(max_size=10),
    ),
    odd_text,
    max_size=12,
)


@settings(max_examples=150)
@given(odd_form, st.booleans())
def test_no_form_gets_anything_but_an_envelope(
    client: FlaskClient, account: Account, form: dict[str, str], right: bool
) -> None:
    if right:
        code = signed(TIMESTAMP, {})
        form = {**form, **{name: code[name] for name in ("username", "timestamp", "authcode")}}
    data = {name.encode(errors="replace").decode(): value for name, value in form.items()}
    answer = client.post(
        "/", data={k: v.encode(errors="replace").decode() for k, v in data.items()}
    )
    assert answer.status_code == 200
    fields = envelope(answer.data)
    assert fields["result"] in ("0", "1")
    assert fields["timestamp"] == str(TIMESTAMP)


@given(
    st.binary(max_size=200),
    st.sampled_from(["application/x-www-form-urlencoded", "multipart/form-data; boundary=B", "?"]),
    st.sampled_from(["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW"]),
    st.binary(max_size=50).map(lambda octets: octets.decode("latin-1")),
)
def test_no_bytes_get_anything_but_an_envelope(
    client: FlaskClient, body: bytes, content_type: str, method: str, query: str
) -> None:
    answer = client.open(
        "/", method=method, data=body, content_type=content_type, query_string=query
    )
    assert answer.status_code == 200
    assert envelope(answer.data)["result"] == "0"


def test_head_is_get_without_the_body(client: FlaskClient) -> None:
    answer = client.head("/")
    assert (answer.status_code, answer.data) == (200, b"")
    assert int(answer.headers["Content-Length"]) == len(client.get("/").data)


@pytest.mark.parametrize("returntype", ["xml", "json"])
def test_a_bug_is_logged_with_its_request_and_answers_internal_error(
    returntype: str,
    post_action: Callable[..., TestResponse],
    account: Account,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def broken(*call: object) -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr("boxis_gateway.form_api.action.Action.run", broken)
    with caplog.at_level(logging.INFO):
        answer = post_action(returntype=returntype)
    fields = envelope(answer.data)
    assert (answer.status_code, fields["result"]) == (200, "0")
    assert fields["resulttxt"] == {"xml": "error: ", "json": "Error: "}[returntype] + (
        "internal error"
    )
    failed = next(record for record in caplog.records if record.exc_info)
    assert failed.getMessage().startswith("request=")
    assert "a bug" in caplog.text


@pytest.mark.sqlite_only("a file becomes a folder")
def test_an_unusable_store_is_not_answered_as_a_bug(
    post_action: Callable[..., TestResponse],
    account: Account,
    store: Store,
    caplog: pytest.LogCaptureFixture,
) -> None:
    store.close()
    store.path.rename(store.path.with_name("away"))
    store.path.mkdir()
    said = envelope(post_action(returntype="json").data)["resulttxt"]
    assert said == "Error: service is not available, try again later"
    assert "unable to open database file" in caplog.text
    assert "Traceback" not in caplog.text


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "multipart/form-data"])
def test_a_body_over_the_limit_is_refused_in_its_format(kind: str, store: Store) -> None:
    client = create_app(store, Settings(max_body_bytes=2000), clock=lambda: NOW).test_client()
    form = {"returntype": "json", "content": "x" * 2000}
    answer = client.post("/", data=form, content_type=kind)
    assert envelope(answer.data)["resulttxt"] == "Error: request is too large"


def test_secrets_never_reach_the_log(
    client: FlaskClient,
    store: Store,
    account: Account,
    caplog: pytest.LogCaptureFixture,
) -> None:
    add_messages(store, account, {"date": "2012-05-09 10:28:00", "text": "a private text"})
    form = signed(TIMESTAMP, {})
    with caplog.at_level(logging.DEBUG):
        client.post("/", data=form)
        client.get("/", query_string=form)
        client.post("/", data={**form, "authcode": "f" * 32})
        client.post("/", data={**form, "datefrom": "private"})
    assert caplog.records
    for secret in (form["authcode"], USER_KEY, "private", "f" * 32, "48514151563"):
        assert secret not in caplog.text


def test_a_short_answer_has_a_length_and_a_long_one_streams(
    post_action: Callable[..., TestResponse], store: Store, account: Account
) -> None:
    assert "Content-Length" in post_action().headers
    rows = [{"date": f"2012-05-09 10:{n // 60:02}:{n % 60:02}"} for n in range(3000)]
    add_messages(store, account, *rows)
    answer = post_action()
    assert "Content-Length" not in answer.headers
    assert len(etree.fromstring(answer.data).find("history")) == 3000


def test_a_fault_in_mid_answer_breaks_it_off(
    store: Store,
    account: Account,
    post_action: Callable[..., TestResponse],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def failing(*args: object, **options: object) -> RowStream[list[Row]]:
        def batches() -> Iterator[list[Row]]:
            yield [("boxis.net", "+48514151563", "2012-05-09 10:28:00", 1, 1000, "sent")]
            raise OSError("the disk is gone")

        return RowStream(batches(), is_long=True)

    monkeypatch.setattr(store.history, "read", failing)
    with pytest.raises(OSError, match="the disk is gone"):
        _ = post_action().data
    assert "aborted" in caplog.text


def test_an_answer_must_not_be_cached(client: FlaskClient) -> None:
    assert client.get("/").headers["Cache-Control"] == "no-store"


def test_the_table_of_actions_has_get_history() -> None:
    assert ACTIONS["sms", "getHistory"] is get_history


@pytest.mark.parametrize(
    "kind", ["Application/X-WWW-Form-Urlencoded", "Multipart/Form-Data; boundary=B"]
)
def test_content_types_ignore_case(kind: str, client: FlaskClient, account: Account) -> None:
    form = signed(TIMESTAMP, {"returntype": "json"})
    body = urlencode(form)
    if kind.startswith("M"):
        part = '--B\r\nContent-Disposition: form-data; name="{}"\r\n\r\n{}\r\n'
        body = "".join(part.format(*item) for item in form.items()) + "--B--\r\n"
    answer = client.post("/", data=body.encode(), content_type=kind)
    assert envelope(answer.data)["result"] == "1"


def test_a_bug_before_the_handler_is_an_internal_error_too(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*args: object) -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr("boxis_gateway.form_api.endpoint.receive", broken)
    answer = client.post("/")
    assert (answer.status_code, envelope(answer.data)["resulttxt"]) == (
        200,
        "error: internal error",
    )
    assert "a bug" in caplog.text


def test_a_target_without_a_path_is_the_root(client: FlaskClient) -> None:
    answer = client.post("http://localhost", environ_overrides={"PATH_INFO": ""})
    assert (answer.status_code, envelope(answer.data)["result"]) == (200, "0")


def test_an_account_with_a_missing_zone_is_an_internal_error(
    store: Store, account: Account, post_action: Callable[..., TestResponse]
) -> None:
    store.accounts.set_options(account, {"timezone": "Gone/Zone"})
    assert envelope(post_action().data)["resulttxt"] == "error: internal error"
