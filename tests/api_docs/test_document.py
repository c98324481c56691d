"""The OpenAPI document: whole, true of every answer, and shown without a network."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from dataclasses import fields
from itertools import count
from typing import Any

import pytest
import requests
import schemathesis
from flask.testing import FlaskClient
from hypothesis import given, settings
from lxml import etree
from marshmallow import Schema
from openapi_spec_validator import OpenAPIV31SpecValidator
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from boxis_gateway.api_docs import form_api
from boxis_gateway.api_docs.document import document
from boxis_gateway.api_docs.form_api import COMMON
from boxis_gateway.form_api.action import ActionCall, ListOf, action, table
from boxis_gateway.form_api.actions import ACTIONS
from boxis_gateway.form_api.endpoint import PATHS
from boxis_gateway.form_api.form import read_form
from boxis_gateway.form_api.params import TextList
from boxis_gateway.form_api.request import ApiRequest
from boxis_gateway.form_api.results import Success
from boxis_gateway.levels import Level
from boxis_gateway.model import NewMessage, Prices, Status
from boxis_gateway.rest_api.auth import token_digest
from boxis_gateway.rest_api.properties import json_writer, number
from boxis_gateway.rest_api.resources import RESOURCES
from boxis_gateway.store import Store
from boxis_gateway.zones import utc_now
from tests.support.example_account import USER_KEY, USERNAME, signed
from tests.support.running_server import RunningServer
from tests.support.stores import Stores

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
LEVELS = (Level.ADMIN, Level.RESELLER, Level.VIEWER, Level.PERSONAL)


class World:
    """A server with a customer's messages and employees."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.numbers = count()
        shop = store.customers.add("shop", utc_now())
        account = store.accounts.add(USERNAME, USER_KEY, utc_now(), customer=shop.name)
        rows = [
            ("2014-01-01 12:34:56.789", "This is a test", Status.SENT, Prices(None, 750_000, 1, 2)),
            ("2014-01-02 12:34:56", 'Zażółć <&"\r\n\x01', Status.PENDING, None),
            ("2014-01-03 12:34:56", None, Status.DELIVERED, None),
        ]
        messages = [
            NewMessage("+4581808888", "Voice", at, text, status=status, prices=prices)
            for at, text, status, prices in rows
        ]
        store.additions.add(account.id, list(enumerate(messages)))
        store.contacts.add(shop, [("+4581808888", "Rip", "Nephews")])
        self.employees = {
            level: store.employees.add(shop, f"{level}@example.com", "", level, None, utc_now())
            for level in LEVELS
        }
        self.server = RunningServer(store, "--log-level", "warning")  # nobody reads on

    def token(self, level: Level) -> str:
        """A new one."""
        token = f"{level}-{next(self.numbers)}"
        self.store.tokens.add(self.employees[level], token_digest(token), utc_now())
        return token

    def parts(self) -> dict[str, str]:
        """Ids that there are, for the places of addresses."""
        accounts = self.store.submissions.accounts_of(self.employees[Level.ADMIN].customer_id)
        message = self.store.database.execute_sql("SELECT id FROM submission").fetchone()[0]
        return {
            "employee_id": self.employees[Level.VIEWER].id,
            "message_id": f"{message:016x}{accounts[0]:08x}",
        }


@pytest.fixture(scope="module")
def world(stores: Stores, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    store = stores.make(tmp_path_factory.mktemp("api") / "store.db")
    world = World(store)
    yield world
    world.server.stop()
    store.close()


@schemathesis.deserializer("text/xml")
def from_xml(context: Any, response: Any) -> Any:
    """An envelope in XML as the object that the document describes."""

    def value(element: Any) -> Any:
        if element.tag == "timestamp":
            return int(element.text)
        if len(element) or element.tag == "history":
            return {child.tag: value(child) for child in element}
        return element.text or ""

    return value(etree.fromstring(response.content))


@schemathesis.openapi.from_dict(document()).parametrize()
@settings(max_examples=8)
def test_every_answer_is_as_described(case: schemathesis.Case, world: World) -> None:

    def ask(**how: Any) -> None:
        answer = case.call(base_url=world.server.url, timeout=60, **how)
        case.validate_response(answer, checks=CHECKS)

    ask()
    if case.path in PATHS:
        form = signed(int(time.time()), {"returntype": ("json", "xml")[next(world.numbers) % 2]})
        for given in (case.query, case.body):
            if isinstance(given, dict):
                given.update(form)
        ask()
        return
    for level in LEVELS:
        ask(headers={"Authorization": f"Bearer {world.token(level)}"})
        known = {name: part for name, part in world.parts().items() if name in case.path_parameters}
        case.path_parameters.update(known)


def test_the_document_is_openapi_3_1_and_lacks_nothing() -> None:
    written = document()
    OpenAPIV31SpecValidator(written).validate()
    described = {
        (method, re.sub(r"{(\w+)}", r"<\1>", path))
        for path, methods in written["paths"].items()
        for method in methods
    }
    assert described >= {(one.method.lower(), one.path) for one in RESOURCES}
    for one in ACTIONS.values():
        assert {"Form", "JSON", "XML"} <= {
            name.removeprefix(one.name) for name in written["components"]["schemas"]
        }
    assert set(COMMON) == {field.name for field in fields(ApiRequest)} | {"returntype", "encoding"}
    assert ": null" not in json.dumps(written)  # which is no schema; "null" is one of the types


class SendParams(Schema):
    recipients = TextList("Numbers.", pattern="^[0-9]+$")
    tags = TextList("Labels.", required=False)


@action("sms", "getHistory", params=SendParams, answers=ListOf("id", None, "sent", ("sent",)))
def send(call: ActionCall) -> Success:
    """Stand in for an action with lists; its name is one that the document has."""
    return Success(call.params)


def test_a_list_parameter_is_described_as_it_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(form_api, "ACTIONS", table([send]))
    written = document()
    OpenAPIV31SpecValidator(written).validate()
    form = written["components"]["schemas"]["getHistoryForm"]
    assert {"recipients[]"} == set(form["required"]) - set(form_api.REQUIRED)
    assert {"recipients[]", "tags[]"} == set(form["properties"]) - set(COMMON)
    in_query = {field["name"]: field for field in written["paths"]["/"]["get"]["parameters"]}
    assert in_query["tags[]"]["schema"]["type"] == "array"
    post = schemathesis.openapi.from_dict(written)["/"]["POST"]

    @given(post.as_strategy(generation_mode=GenerationMode.POSITIVE))
    @settings(max_examples=50)
    def check(case: schemathesis.Case) -> None:
        case.body["encoding"] = "UTF-8"  # which requests writes
        request = requests.Request(
            **case.as_transport_kwargs(base_url="http://localhost")
        ).prepare()
        body = request.body.encode() if isinstance(request.body, str) else request.body or b""
        read, problem = read_form(b"", request.headers["Content-Type"], body)
        assert problem is None
        lists = send.load(send.raw_params(read))
        assert lists == {
            name.removesuffix("[]"): tuple(case.body[name])
            for name in ("recipients[]", "tags[]")
            if case.body.get(name)
        }

    check()


def test_the_document_is_served_with_a_tag(client: FlaskClient, world: World) -> None:
    served = requests.get(f"{world.server.url}openapi.json", timeout=60)
    assert served.json() == document()
    assert served.headers["Date"].count(",") == 1  # one date
    answer = client.get("/openapi.json")
    assert answer.json == document()
    again = client.get("/openapi.json", headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")


def test_the_page_needs_nothing_from_elsewhere(client: FlaskClient) -> None:
    assert client.get("/docs").headers["Location"] == "/docs/"
    page = client.get("/docs/")
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert "https:" not in page.text
    assets = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert len(assets) >= 4
    for asset in assets:
        assert asset.startswith("/docs/")
        assert client.get(asset, buffered=True).status_code == 200
    assert '"/openapi.json"' in page.text


def test_a_property_without_a_schema_is_a_fault() -> None:
    write = json_writer(Schema.from_dict({"code": number("")})())
    assert write({"code": 1}) == {"code": 1}
    with pytest.raises(KeyError, match="lacks"):
        write({"code": 1, "other": 2})
