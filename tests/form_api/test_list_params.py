"""Lists as parameters of an action: how they are sent, what arrives, what is refused."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marshmallow import Schema

from boxis_gateway.app import create_app
from boxis_gateway.errors import InvalidRequest
from boxis_gateway.form_api.action import ActionCall, action, table
from boxis_gateway.form_api.form import CODECS, URLENCODED, read_form
from boxis_gateway.form_api.params import TextList, WireDate
from boxis_gateway.form_api.php_list import MAX_ITEMS
from boxis_gateway.form_api.results import Params, Success
from boxis_gateway.limiting import SharedCounters
from boxis_gateway.model import Account
from boxis_gateway.settings import Settings
from boxis_gateway.store import Store
from tests.support.example_account import signed

REFUSED = "'recipients' value is not valid"
MULTIPART = "multipart/form-data; boundary=B"


class SendParams(Schema):
    recipients = TextList("Numbers of the recipients.", example="48599131568")
    timesend = WireDate("Time of sending.", seconds_if_missing=0)
    tags = TextList("Labels.", required=False)


@action("sms", "send", params=SendParams)
def send(call: ActionCall) -> Success:
    """Answer with the recipients."""
    return Success(Params({"sent": " ".join(call.params["recipients"])}))


def params(body: str | bytes, query: str = "", content_type: str = URLENCODED) -> Mapping[str, Any]:
    """The parsed parameters of a request. Raises InvalidRequest."""
    octets = body if isinstance(body, bytes) else body.encode()
    form, problem = read_form(query.encode(), content_type, octets)
    assert problem is None
    raw = send.raw_params(form)
    hash(raw)  # as the cache of parsed parameters needs
    return send.load(raw)


def refusal(body: str | bytes) -> str:
    with pytest.raises(InvalidRequest) as refused:
        params(body)
    return str(refused.value)


EXCHANGES = {
    "recipients%5B1%5D=48599131568": ("48599131568",),
    "recipients[1]=1&recipients[2]=2": ("1", "2"),
    "recipients[7]=1&recipients[2]=2&recipients[first]=3": ("1", "2", "3"),
    "recipients[]=1&recipients[]=2&recipients[]=1": ("1", "2", "1"),
    "recipients[2]=1&recipients[]=2&recipients[3]=3": ("1", "2", "3"),
    "recipients[1]=1&recipients[2]=2&recipients[1]=3": ("3", "2"),
    "recipients[1]=&recipients[2]=2&recipients[]=": ("2",),
    'recipients=a:1:{i:0;s:11:"48599131568";}': ("48599131568",),
    'recipients=a:2:{i:5;s:1:"1";i:2;i:48599131568;}': ("1", "48599131568"),
    'recipients=a:2:{i:0;s:0:"";i:1;s:1:"2";}': ("2",),
    "recipients=48599131568": ("48599131568",),
    "recipients=1&recipients=2&recipients=1": ("1", "2", "1"),
    'recipients=1&recipients=a:2:{i:0;s:1:"2";i:1;s:1:"3";}': ("1", "2", "3"),
    "recipients=1,2; 3": ("1,2; 3",),
    'recipients[1]=1&recipients=2&recipients=a:1:{i:0;s:1:"3";}': ("1",),
    "recipients[1]=&recipients=2": ("2",),
    "recipients=a:&recipients=a:1&recipients=a:one:{": ("a:", "a:1", "a:one:{"),
    "recipients[1]=a:0:{": ("a:0:{",),
    "recipients[1]=1&recipient[2]=2&recipients[3=3&recipients]=4&xrecipients[5]=5": ("1",),
}
"""Forms that name recipients, before encoding -> the recipients that the action gets."""


@pytest.mark.parametrize("body", EXCHANGES)
def test_lists_arrive_in_order_of_appearance(body: str) -> None:
    assert params(body)["recipients"] == EXCHANGES[body]


@pytest.mark.parametrize(
    "body",
    [
        "",
        "recipients=",
        "recipients[]=&recipients[1]=",
        "recipients=a:0:{}",
        "recipients=a:1:{",
        'recipients=a:1:{i:0;s:12:"48599131568";}',
        'recipients=1&recipients=a:1:{i:0;s:1:"22";}',
        'recipients=a:1:{i:0;a:1:{i:0;s:1:"1";}}',
        "recipients=a:-1:{}",
        f"recipients=a:{MAX_ITEMS + 1}:{{}}",
        b"recipients[1]=1&recipients[2]=\xff",
        b'recipients=a:1:{i:0;s:1:"\xff";}',
        b"recipients=\x81&encoding=Windows-1252",
    ],
)
def test_a_list_that_is_malformed_or_missing_is_refused(body: str | bytes) -> None:
    assert refusal(body) == REFUSED


def test_the_first_failure_is_reported_in_the_order_of_the_schema() -> None:
    assert refusal("timesend=now&recipients=a:1:{") == REFUSED
    assert refusal("timesend=now&recipients=1") == "'timesend' is not valid"


def test_an_optional_list_may_be_missing_but_not_malformed() -> None:
    assert "tags" not in params("recipients=1&tags=")
    assert params("recipients=1&tags[a]=x&tags[b]=y")["tags"] == ("x", "y")
    assert refusal("recipients=1&tags=a:1:{") == "'tags' value is not valid"


def in_brackets(texts: Iterable[str], codec: str) -> bytes:
    return b"&".join(
        b"recipients%%5B%d%%5D=%b" % (n, quote_plus(text.encode(codec)).encode())
        for n, text in enumerate(texts, 1)
    )


def in_empty_brackets(texts: Iterable[str], codec: str) -> bytes:
    values = (quote_plus(text.encode(codec)).encode() for text in texts)
    return b"&".join(b"recipients[]=" + value for value in values)


def serialized(texts: Iterable[str], codec: str) -> bytes:
    octets = [text.encode(codec) for text in texts]
    items = (b'i:%d;s:%d:"%b";' % (n, len(text), text) for n, text in enumerate(octets))
    return b"recipients=" + quote_plus(b"a:%d:{%b}" % (len(octets), b"".join(items))).encode()


Write = Callable[[Iterable[str], str], bytes]
WAYS: tuple[Write, ...] = (in_brackets, in_empty_brackets, serialized)


@pytest.mark.parametrize("write", WAYS)
@pytest.mark.parametrize("encoding", CODECS)
@given(data=st.data())
def test_any_list_comes_through_in_any_encoding(
    write: Write, encoding: str, data: st.DataObject
) -> None:
    codec = CODECS[encoding]
    text = st.text(st.characters(codec=codec), min_size=1)
    texts = data.draw(st.lists(text, min_size=1))
    body = write(texts, codec) + b"&encoding=" + encoding.encode()
    assert params(body)["recipients"] == tuple(texts)


@given(st.binary(), st.integers(0), st.sampled_from(WAYS))
def test_no_octets_get_anything_but_a_list_or_the_refusal(
    octets: bytes, place: int, write: Write
) -> None:
    whole = write(["48599131568", "łódź"], "utf-8")
    place %= len(whole)
    form, _ = read_form(b"", URLENCODED, whole[:place] + octets + whole[place:])
    raw = send.raw_params(form)
    try:
        found = send.load(raw).get("recipients")
    except InvalidRequest as refused:
        found = str(refused)
    assert found in (REFUSED, "'timesend' is not valid", "'tags' value is not valid") or (
        isinstance(found, tuple) and all(found)
    )


@pytest.mark.parametrize("write", WAYS)
def test_a_list_has_a_largest_length(write: Write) -> None:
    most = ["48599131568"] * MAX_ITEMS
    assert params(write(most, "utf-8"))["recipients"] == tuple(most)
    assert refusal(write([*most, "1"], "utf-8")) == REFUSED
    assert refusal(b"&".join([b"recipients=1"] * (MAX_ITEMS + 1))) == REFUSED


@pytest.mark.parametrize(
    ("query", "body", "recipients"),
    [
        ("recipients[1]=1&recipients[2]=2", "", ("1", "2")),
        ("recipients[1]=1&recipients[2]=2", "recipients[1]=3", ("3",)),
        ("recipients[]=1", "recipients[]=1", ("1",)),
        ("recipients[1]=1", "recipients=2", ("2",)),
        ("recipients=1", "tags=2&tags=3", ("1",)),
    ],
)
def test_a_list_in_the_body_replaces_the_one_in_the_query(
    query: str, body: str, recipients: tuple[str, ...]
) -> None:
    assert params(body, query)["recipients"] == recipients


def test_a_list_in_a_multipart_body_is_whole() -> None:
    part = b'--B\r\nContent-Disposition: form-data; name="recipients[]"\r\n\r\n%b\r\n'
    body = part % b"1" + part % "ł".encode() + b"--B--\r\n"
    assert params(body, content_type=MULTIPART)["recipients"] == ("1", "ł")


def test_other_parameters_keep_their_last_value() -> None:
    found = params("timesend=now&recipients[]=1&timesend=2012-05-09 10:00&recipients[]=ł")
    assert found["timesend"].hour == 10
    assert found["recipients"] == ("1", "ł")


def test_a_client_sends_lists_and_repeats_none(store: Store, account: Account) -> None:
    counters = SharedCounters()  # no request before these is valid
    second = counters.created_at + 1
    now = datetime.fromtimestamp(second, UTC)
    settings = Settings(replay="enforce")
    app = create_app(store, settings, lambda: now, counters, actions=table([send]))
    form = signed(int(second), {"action": "send", "returntype": "json"})

    def ask(**lists: str | list[str]) -> Any:
        answer: Any = app.test_client().post("/", data=form | lists).json
        return answer["params"]["sent"] if "params" in answer else answer["resulttxt"]

    assert ask(**{"recipients[]": ["1", "2"]}) == "1 2"
    assert ask(**{"recipients[]": ["1", "3"]}) == "1 3"
    assert ask(**{"recipients[1]": "1", "recipients[2]": "2"}) == "Error: 'timestamp' is not valid"
    assert ask(recipients="a:1:{") == f"Error: {REFUSED}"
