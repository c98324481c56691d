"""Expected answers of the form API, and the content of an answer in any format."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import UTC, datetime
from hashlib import md5
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from lxml import etree

from tests.model.nouns import Account, Message

Pairs = list[tuple[str, Any]]


class Said(NamedTuple):
    """An answer. `lists` are pairs of a key and rows; a row is pairs of a name and a text."""

    result: str
    words: str
    clock: bool
    lists: Pairs
    timestamp: int


def right_code(timestamp: str, key: str) -> str:
    """The authcode that is right."""
    return md5((timestamp + key).encode(), usedforsecurity=False).hexdigest()


def expected(
    accounts: list[Account], form: dict[str, str], now: datetime, window: int = 300
) -> Said:
    """The answer to a form."""
    seconds = int(now.timestamp())
    account = _who(accounts, form)
    problem, clock = _problem(account, form, seconds, window)
    if problem:
        return Said("0", problem, clock, [], seconds)
    assert account
    rows = _rows(account, form)
    key = account.options.get("history_key", "senders")
    keys = ["senders", "history"] if key == "both" else [key]
    keys = keys if form.get("returntype") == "json" else ["history"]
    return Said("1", "success", False, [(one, rows) for one in keys], seconds)


def _who(accounts: list[Account], form: dict[str, str]) -> Account | None:
    for account in accounts:
        if account.username.lower() == form.get("username", "").lower():
            right = right_code(form.get("timestamp", ""), account.key)
            return account if account.enabled and form.get("authcode", "") == right else None
    return None


def _problem(
    account: Account | None, form: dict[str, str], seconds: int, window: int
) -> tuple[str, bool]:
    if account is None:
        return "'authcode' is not valid", False
    if not form["timestamp"].isdigit():
        return "'timestamp' is not valid", False
    window = int(account.options.get("timestamp_window_seconds", window))
    if abs(int(form["timestamp"]) - seconds) > window:
        return "'timestamp' is not valid", True
    for name, good, default in (
        ("version", "1.0", "1.0"),
        ("section", "sms", "sms"),
        ("action", "getHistory", ""),
    ):
        if (form.get(name) or default) != good:
            return f"'{name}' is not valid", False
    for name in ("datefrom", "dateto"):
        if form.get(name) and _date(form[name]) is None:
            return f"'{name}' is not valid", False
    return "", False


def _date(words: str) -> datetime | None:
    for shape in ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M"):
        with suppress(ValueError):
            date = datetime.strptime(words, shape)
            return date if date.strftime(shape) == words else None  # each digit is there
    return None


def _rows(account: Account, form: dict[str, str]) -> list[Pairs]:
    zone = ZoneInfo(account.options.get("timezone", "UTC"))
    shown = [one for one in account.newest_first if one.taken and _is_between(one, form, zone)]
    with_status = account.options.get("history_status_fields") == "yes"
    return [_row(one, zone, with_status) for one in shown]


def _is_between(message: Message, form: dict[str, str], zone: ZoneInfo) -> bool:
    """Bounds by the wall clock of the zone; a time that it shows twice takes in both."""
    sent = message.line.sent.replace(microsecond=0)
    local = sent.astimezone(zone).replace(tzinfo=None)
    first, last = (_date(form.get(name, "")) for name in ("datefrom", "dateto"))
    if last and len(form["dateto"]) == len("yyyy-mm-dd hh:mm"):
        last = last.replace(second=59)
    late_enough = not first or local >= first or sent >= _instant(first, zone, 0)
    return late_enough and (not last or local <= last or sent <= _instant(last, zone, 1))


def _instant(local: datetime, zone: ZoneInfo, fold: int) -> datetime:
    return local.replace(tzinfo=zone, fold=fold).astimezone(UTC)


def _row(message: Message, zone: ZoneInfo, with_status: bool) -> Pairs:
    line = message.line

    def local(moment: datetime) -> str:
        return moment.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S")

    row = {
        "sms_id": message.shown_id,
        "sender": _address(message.sender),
        "reciptient": _address(message.recipient),
        "date": local(line.sent),
        "status_date": local(message.changed or line.sent),
        "parts": str(line.parts),
        "credit": line.credit,
        "type": line.kind,
    }
    hidden = () if with_status else ("sms_id", "status_date")
    return [(name, text) for name, text in row.items() if name not in hidden]


def _address(address: str) -> str:
    return address[1:] if address[:1] == "+" and address[1:].isdigit() else address


def said(body: bytes, returntype: str) -> Said:
    """Content of an answer."""
    return _said_in_json(body) if returntype == "json" else _said_in_xml(body)


def _said_in_json(body: bytes) -> Said:
    names, values = zip(*json.loads(body, object_pairs_hook=list), strict=True)
    told = dict(zip(names, values, strict=True))
    lists = [(key, _members(rows)) for key, rows in told.get("params", [])]
    clock = told.get("timestamperror") == "1"
    _require_order(names, clock, "params" if told["result"] == "1" else None)
    words = told["resulttxt"].removeprefix("Error: ")
    return Said(told["result"], words, clock, lists, told["timestamp"])


def _said_in_xml(body: bytes) -> Said:
    root = etree.fromstring(body)
    assert root.tag == "return"
    told = {one.tag: one for one in root}
    clock = "timestamperror" in told
    lists = [("history", _members(_pairs(told["history"])))] if "history" in told else []
    _require_order([one.tag for one in root], clock, "history" if lists else None)
    words = (told["resulttxt"].text or "").removeprefix("error: ")
    return Said(told["result"].text or "", words, clock, lists, int(told["timestamp"].text or "0"))


def _pairs(element: etree._Element) -> Pairs:
    return [(str(one.tag), _pairs(one) if len(one) else one.text or "") for one in element]


def _members(rows: Pairs) -> list[Any]:
    """The rows of `sms1`, `sms2` and so on, without a gap."""
    assert [name for name, _ in rows] == [f"sms{number}" for number in range(1, len(rows) + 1)]
    return [row for _, row in rows]


def _require_order(names: Any, clock: bool, payload: str | None) -> None:
    """The order that is documented (protocol page, section 4)."""
    wanted = ["result", "resulttxt", payload, "timestamperror" if clock else None, "timestamp"]
    assert list(names) == [name for name in wanted if name]
