"""A store of some accounts, and the one right answer to each request of the clients."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

from boxis_gateway.levels import Level
from boxis_gateway.model import NewMessage
from boxis_gateway.passwords import hash_password
from boxis_gateway.store import Store
from boxis_gateway.zones import utc_text

SIZES = (0, 7, 90, 1_500, 20_000)
FIRST = datetime(2026, 1, 1, tzinfo=UTC)
STEP = timedelta(seconds=61)
OWNER, PASSWORD = "owner@example.com", "soaked to the skin"
SENDERS = ("boxis.net", "48601234567", "INFO")
FIELDS = ("sender", "reciptient", "date", "parts", "credit", "type")
TIMESTAMP = re.compile(rb'<timestamp>\d+</timestamp>|"timestamp":\d+')
LINES_OF_AN_IMPORT = 2_000
WireRow = tuple[str, ...]
"""The texts of FIELDS."""


@dataclass(frozen=True)
class HistoryAccount:
    """An account and the rows of its history, the newest first."""

    username: str
    user_key: str
    rows: Sequence[WireRow]

    def body(self, returntype: str) -> bytes:
        """The whole answer without its timestamp."""
        return _as_json(self.rows) if returntype == "json" else _as_xml(self.rows)

    def newest(self, count: int) -> HistoryAccount:
        """The account with its newest rows alone."""
        return HistoryAccount(self.username, self.user_key, self.rows[:count])


@dataclass(frozen=True)
class Accounts:
    """The store's URL, its accounts by size, and one into which clients import. The owner is an
    employee of the third."""

    url: str
    histories: Sequence[HistoryAccount]
    importing: HistoryAccount


def make_accounts(folder: Path) -> Accounts:
    """Make a store in the folder; it takes some seconds."""
    store = Store(f"sqlite:///{folder / 'soak.db'}")
    store.create()
    store.migrate()
    histories = [_account(store, f"soak{size}@example.com", size) for size in SIZES]
    importing = _account(store, "importing@example.com", 0)
    customer = store.customers.get(histories[2].username)
    store.employees.add(customer, OWNER, "Owner", Level.OWNER, hash_password(PASSWORD), FIRST)
    store.close()
    return Accounts(store.url, histories, importing)


def write_lines(path: Path, import_number: int) -> None:
    """Write a file to import, with lines that no other has."""
    with path.open("w", newline="") as out:
        table = csv.writer(out)
        table.writerow(("recipient", "sender", "date", "text"))
        for number in range(LINES_OF_AN_IMPORT):
            sent_at = utc_text(FIRST + timedelta(days=-1 - import_number, seconds=number))
            table.writerow((f"4860{number:07}", SENDERS[0], sent_at, f"import {import_number}"))


def _account(store: Store, username: str, size: int) -> HistoryAccount:
    key = sha256(username.encode()).hexdigest()[:24]
    account = store.accounts.add(username, key, FIRST)
    messages = list(enumerate(_message(number) for number in range(size)))
    for first in range(0, size, 5_000):
        store.additions.add(account.id, messages[first : first + 5_000])
    return HistoryAccount(username, key, [wire_row(message) for _, message in reversed(messages)])


def wire_row(message: NewMessage) -> WireRow:
    """A message of one credit a part, as both formats show it."""
    parts = str(message.parts)
    return message.sender, message.recipient[1:], message.sent_at, parts, parts, "sent"


def _message(number: int) -> NewMessage:
    parts = number % 3 + 1
    return NewMessage(
        f"+4851{number:07}",
        SENDERS[number % len(SENDERS)],
        utc_text(FIRST + number * STEP),
        f"text {number}",
        parts=parts,
        credit_thousandths=parts * 1000,
    )


def _as_xml(rows: Sequence[WireRow]) -> bytes:
    items = "".join(
        f"<sms{number}>{''.join(f'<{name}>{text}</{name}>' for name, text in _named(row))}"
        f"</sms{number}>"
        for number, row in enumerate(rows, 1)
    )
    history = f"<history>{items}</history>" if rows else "<history/>"
    head = '<?xml version="1.0" encoding="UTF-8"?>\n<return><result>1</result>'
    return f"{head}<resulttxt>success</resulttxt>{history}</return>".encode()


def _as_json(rows: Sequence[WireRow]) -> bytes:
    items = ",".join(
        f'"sms{number}":{json.dumps(dict(_named(row)), separators=(",", ":"))}'
        for number, row in enumerate(rows, 1)
    )
    senders = f"{{{items}}}" if rows else "[]"
    head = '{"result":"1","resulttxt":"success","params":'
    return f'{head}{{"senders":{senders}}}}}'.encode()


def _named(row: WireRow) -> Iterator[tuple[str, str]]:
    return zip(FIELDS, row, strict=True)


def without_timestamp(body: bytes) -> bytes:
    """The answer as `HistoryAccount.body` has it. Raises AssertionError unless it has exactly one
    timestamp."""
    rest, count = TIMESTAMP.subn(b"", body)
    assert count == 1
    return rest.replace(b",}", b"}")
