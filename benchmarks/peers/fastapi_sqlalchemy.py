"""The usual FastAPI: SQLAlchemy's models, a session a request from a pool, ElementTree or JSON.

BENCHMARK_STORE=PATH uvicorn benchmarks.peers.fastapi_sqlalchemy:app
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import time
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import Depends, FastAPI, Form, Response
from fastapi.responses import JSONResponse
from sqlalchemy import ForeignKey, create_engine, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, sessionmaker

STORE = os.environ["BENCHMARK_STORE"]
THREADS = 40  # in which FastAPI runs plain functions
engine = create_engine(f"sqlite:///file:{STORE}?mode=ro&uri=true", pool_size=THREADS)
new_session = sessionmaker(engine)
app = FastAPI()


class Base(DeclarativeBase):
    pass


class Account(Base):
    __tablename__ = "account"
    id: Mapped[int] = mapped_column(primary_key=True)
    username_folded: Mapped[str]
    plain_key: Mapped[str]
    enabled: Mapped[bool]
    options: Mapped[str]


class Message(Base):
    __tablename__ = "message"
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"), primary_key=True)
    sent_at: Mapped[str] = mapped_column(primary_key=True)
    id: Mapped[int] = mapped_column(primary_key=True)
    sender: Mapped[str]
    recipient: Mapped[str]
    parts: Mapped[int]
    credit_thousandths: Mapped[int]
    kind: Mapped[str]
    status: Mapped[str]


class Problem(Exception):
    """An error whose text goes into resulttxt."""


def session() -> Iterator[Session]:
    with new_session() as opened:
        yield opened


@app.post("/")
def endpoint(
    db: Annotated[Session, Depends(session)],
    username: Annotated[str, Form()] = "",
    timestamp: Annotated[str, Form()] = "",
    authcode: Annotated[str, Form()] = "",
    section: Annotated[str, Form()] = "sms",
    action: Annotated[str, Form()] = "",
    returntype: Annotated[str, Form()] = "xml",
    datefrom: Annotated[str, Form()] = "",
    dateto: Annotated[str, Form()] = "",
) -> Response:
    try:
        account = authenticate(db, username, timestamp, authcode)
        if (section, action) != ("sms", "getHistory"):
            raise Problem("'action' is not valid")
        rows = history(db, account, datefrom, dateto)
        return json_answer(rows) if returntype == "json" else xml_answer(rows)
    except Problem as problem:
        return failure(str(problem), returntype)


def authenticate(db: Session, username: str, timestamp: str, code: str) -> Account:
    account = db.scalar(select(Account).where(Account.username_folded == username.casefold()))
    if account is None or not account.enabled:
        raise Problem("'authcode' is not valid")
    expected = hashlib.md5((timestamp + account.plain_key).encode()).hexdigest()
    if not hmac.compare_digest(expected, code.lower()):
        raise Problem("'authcode' is not valid")
    if not timestamp.isdigit() or abs(int(timestamp) - time.time()) > 300:
        raise Problem("'timestamp' is not valid")
    return account


def history(db: Session, account: Account, first: str, last: str) -> Iterator[dict[str, str]]:
    """The rows of the answer, newest first."""
    zone = ZoneInfo(json.loads(account.options).get("timezone", "UTC"))
    query = select(Message).where(Message.account_id == account.id, Message.status != "refused")
    if first:
        query = query.where(Message.sent_at >= in_utc("datefrom", first, zone))
    if last:
        query = query.where(Message.sent_at <= in_utc("dateto", last, zone) + ".999")
    for message in db.scalars(query.order_by(Message.sent_at.desc(), Message.id.desc())):
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
    root = ET.Element("return")
    ET.SubElement(root, "result").text = "1"
    ET.SubElement(root, "resulttxt").text = "success"
    listed = ET.SubElement(root, "history")
    for number, row in enumerate(rows, 1):
        element = ET.SubElement(listed, f"sms{number}")
        for name, value in row.items():
            ET.SubElement(element, name).text = value
    return xml_response(root)


def xml_response(root: ET.Element) -> Response:
    ET.SubElement(root, "timestamp").text = str(int(time.time()))
    text = ET.tostring(root, encoding="UTF-8", xml_declaration=True)
    return Response(text, media_type="text/xml; charset=UTF-8")


def json_answer(rows: Iterator[dict[str, str]]) -> Response:
    listed: Any = {f"sms{number}": row for number, row in enumerate(rows, 1)} or []
    answer = {"result": "1", "resulttxt": "success", "params": {"senders": listed}}
    return JSONResponse({**answer, "timestamp": int(time.time())})


def failure(description: str, returntype: str) -> Response:
    if returntype == "json":
        answer = {"result": "0", "resulttxt": f"Error: {description}"}
        return JSONResponse({**answer, "timestamp": int(time.time())})
    root = ET.Element("return")
    ET.SubElement(root, "result").text = "0"
    ET.SubElement(root, "resulttxt").text = f"error: {description}"
    return xml_response(root)
