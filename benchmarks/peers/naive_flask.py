"""The usual Flask: peewee's models, a connection a request, a tree of lxml or json.dumps.

    BOXIS_GATEWAY_DATABASE_URL=… python -m benchmarks.peers.naive_flask

It runs on the project's own server, so that only the application differs.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from flask import Flask, Response, request
from lxml import etree
from peewee import (
    BooleanField,
    CharField,
    CompositeKey,
    ForeignKeyField,
    IntegerField,
    Model,
    SqliteDatabase,
    TextField,
)

from benchmarks.peers.own_server import serve
from boxis_gateway.settings import load_settings
from boxis_gateway.store.engines.sqlite.database import sqlite_path

database = SqliteDatabase(None)


class Account(Model):
    username = TextField()
    username_folded = TextField(unique=True)
    plain_key = TextField()
    enabled = BooleanField()
    options = TextField()

    class Meta:
        database = database
        table_name = "account"


class Message(Model):
    account = ForeignKeyField(Account)
    sent_at = CharField()
    id = IntegerField()
    sender = TextField()
    recipient = TextField()
    parts = IntegerField()
    credit_thousandths = IntegerField()
    kind = CharField()
    status = CharField()

    class Meta:
        database = database
        table_name = "message"
        primary_key = CompositeKey("account", "sent_at", "id")


class Problem(Exception):
    """An error whose text goes into resulttxt."""


def make_app() -> Flask:
    path = sqlite_path(load_settings().database_url).resolve()
    database.init(f"file:{path}?mode=ro", uri=True)
    app = Flask(__name__)
    app.add_url_rule("/", view_func=endpoint, methods=["POST"])
    app.before_request(connect)
    app.teardown_request(disconnect)
    return app


def connect() -> None:
    database.connect()


def disconnect(error: BaseException | None) -> None:
    database.close()


def endpoint() -> Response:
    is_json = request.form.get("returntype") == "json"
    try:
        account = authenticate()
        if (request.form.get("section"), request.form.get("action")) != ("sms", "getHistory"):
            raise Problem("'action' is not valid")
        rows = history(account)
        return json_answer(rows) if is_json else xml_answer(rows)
    except Problem as problem:
        return json_failure(problem) if is_json else xml_failure(problem)


def authenticate() -> Account:
    form = request.form
    timestamp, code = form.get("timestamp", ""), form.get("authcode", "")
    account = Account.get_or_none(Account.username_folded == form.get("username", "").casefold())
    if account is None or not account.enabled:
        raise Problem("'authcode' is not valid")
    expected = hashlib.md5((timestamp + account.plain_key).encode()).hexdigest()
    if not hmac.compare_digest(expected, code.lower()):
        raise Problem("'authcode' is not valid")
    if not timestamp.isdigit() or abs(int(timestamp) - time.time()) > 300:
        raise Problem("'timestamp' is not valid")
    return account


def history(account: Account) -> Iterator[dict[str, str]]:
    """The rows of the answer, newest first."""
    zone = ZoneInfo(json.loads(account.options).get("timezone", "UTC"))
    query = Message.select().where(Message.account == account, Message.status != "refused")
    if first := request.form.get("datefrom"):
        query = query.where(Message.sent_at >= in_utc("datefrom", first, zone))
    if last := request.form.get("dateto"):
        query = query.where(Message.sent_at <= in_utc("dateto", last, zone) + ".999")
    for message in query.order_by(Message.sent_at.desc(), Message.id.desc()):
        sent_at = datetime.fromisoformat(message.sent_at).replace(tzinfo=UTC)
        yield {
            "sender": digits(message.sender),
            "reciptient": digits(message.recipient),
            "date": sent_at.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S"),
            "parts": str(message.parts),
            "credit": f"{message.credit_thousandths / 1000:g}",
            "type": message.kind,
        }


def in_utc(name: str, date: str, zone: ZoneInfo) -> str:
    try:
        local = datetime.fromisoformat(date)
    except ValueError:
        raise Problem(f"'{name}' is not valid") from None
    return local.replace(tzinfo=zone).astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


def digits(address: str) -> str:
    return address[1:] if address.startswith("+") and address[1:].isdigit() else address


def xml_answer(rows: Iterator[dict[str, str]]) -> Response:
    root = etree.Element("return")
    etree.SubElement(root, "result").text = "1"
    etree.SubElement(root, "resulttxt").text = "success"
    listed = etree.SubElement(root, "history")
    for number, row in enumerate(rows, 1):
        element = etree.SubElement(listed, f"sms{number}")
        for name, value in row.items():
            etree.SubElement(element, name).text = value
    return xml_response(root)


def xml_failure(problem: Problem) -> Response:
    root = etree.Element("return")
    etree.SubElement(root, "result").text = "0"
    etree.SubElement(root, "resulttxt").text = f"error: {problem}"
    return xml_response(root)


def xml_response(root: etree._Element) -> Response:
    etree.SubElement(root, "timestamp").text = str(int(time.time()))
    text = etree.tostring(root, xml_declaration=True, encoding="UTF-8")
    return Response(text, content_type="text/xml; charset=UTF-8")


def json_answer(rows: Iterator[dict[str, str]]) -> Response:
    listed: Any = {f"sms{number}": row for number, row in enumerate(rows, 1)} or []
    return json_response({"result": "1", "resulttxt": "success", "params": {"senders": listed}})


def json_failure(problem: Problem) -> Response:
    return json_response({"result": "0", "resulttxt": f"Error: {problem}"})


def json_response(answer: dict[str, object]) -> Response:
    answer["timestamp"] = int(time.time())
    return Response(json.dumps(answer), content_type="application/json")


if __name__ == "__main__":
    serve(load_settings(), make_app)
