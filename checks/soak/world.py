"""A store of some accounts, and the one right answer to each question that clients ask of it."""

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
PASSWORD = "soaked to the skin"
SENDERS = ("boxis.net", "48601234567", "INFO")
TIMESTAMP = re.compile(rb'<timestamp>\d+</timestamp>|"timestamp":\d+')
LINES_OF_AN_IMPORT = 2_000


@dataclass(frozen=True)
class Asker:
    """An account and its messages, the newest first: rows as both formats have them."""

    username: str
    user_key: str
    rows: Sequence[tuple[str, ...]]

    def body(self, returntype: str, begin: int = 0) -> bytes:
        """The whole answer, from that row on, but for its timestamp."""
        rows = self.rows[begin:]
        return _in_json(rows) if returntype == "json" else _in_xml(rows)


@dataclass(frozen=True)
class World:
    """What the clients know."""

    store: Store
    askers: Sequence[Asker]
    owner: str
    importing: Asker


def make_world(folder: Path) -> World:
    """A store in the folder. It takes some seconds."""
    store = Store(f"sqlite:///{folder / 'soak.db'}")
    store.create()
    store.migrate()
    askers = [_asker(store, f"soak{size}@example.com", size) for size in SIZES]
    importing = _asker(store, "importing@example.com", 0)
    owner = store.customers.get(askers[2].username)
    name = "owner@example.com"
    store.employees.add(owner, name, "Owner", Level.OWNER, hash_password(PASSWORD), FIRST)
    store.close()
    return World(store, askers, name, importing)


def write_lines(path: Path, round_: int) -> None:
    """A file to import: lines that no other round has."""
    with path.open("w", newline="") as out:
        table = csv.writer(out)
        table.writerow(("recipient", "sender", "date", "text"))
        for number in range(LINES_OF_AN_IMPORT):
            sent = FIRST + timedelta(days=-1 - round_, seconds=number)
            table.writerow((f"4860{number:07}", SENDERS[0], utc_text(sent), f"round {round_}"))


def _asker(store: Store, username: str, size: int) -> Asker:
    key = sha256(username.encode()).hexdigest()[:24]
    account = store.accounts.add(username, key, FIRST)
    messages = [_message(number) for number in range(size)]
    for first in range(0, size, 5_000):
        some = messages[first : first + 5_000]
        store.additions.add(account.id, [(first + n, one) for n, one in enumerate(some)])
    rows = [
        (one.sender, one.recipient[1:], one.sent_at, str(one.parts), str(one.parts), "sent")
        for one in reversed(messages)
    ]
    return Asker(username, key, rows)


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


FIELDS = ("sender", "reciptient", "date", "parts", "credit", "type")


def _in_xml(rows: Sequence[tuple[str, ...]]) -> bytes:
    listed = "".join(
        f"<sms{number}>{''.join(f'<{name}>{text}</{name}>' for name, text in _named(row))}"
        f"</sms{number}>"
        for number, row in enumerate(rows, 1)
    )
    history = f"<history>{listed}</history>" if rows else "<history/>"
    head = '<?xml version="1.0" encoding="UTF-8"?>\n<return><result>1</result>'
    return f"{head}<resulttxt>success</resulttxt>{history}</return>".encode()


def _in_json(rows: Sequence[tuple[str, ...]]) -> bytes:
    listed = ",".join(
        f'"sms{number}":{json.dumps(dict(_named(row)), separators=(",", ":"))}'
        for number, row in enumerate(rows, 1)
    )
    senders = f"{{{listed}}}" if rows else "[]"
    head = '{"result":"1","resulttxt":"success","params":'
    return f'{head}{{"senders":{senders}}}}}'.encode()


def _named(row: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    return zip(FIELDS, row, strict=True)


def without_timestamp(body: bytes) -> bytes:
    """The answer as `Asker.body` has it. Raises AssertionError if it has not one timestamp."""
    bare, found = TIMESTAMP.subn(b"", body)
    assert found == 1
    return bare.replace(b",}", b"}")
