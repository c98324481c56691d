"""Well-behaved clients: their answers have to be right, byte for byte."""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from boxis_gateway.authcode import authcode_of
from checks.soak.accounts import (
    LINES_OF_AN_IMPORT,
    OWNER,
    PASSWORD,
    Accounts,
    HistoryAccount,
    without_timestamp,
    write_lines,
)

ANSWER_SECONDS = 60
SLOW_ANSWER_SECONDS = 660
REQUESTS_OF_A_CONNECTION = 20
PAUSE = (0.005, 0.1)  # seconds between two requests
LIMITED = b"too many requests"


@dataclass
class Soak:
    """State shared by the clients. `counted` has (kind of client, outcome); `wrong` a line for each
    answer that was wrong or missing; `imported` is the number of imports."""

    accounts: Accounts
    port: int
    ends: float
    folder: Path
    counted: Counter[tuple[str, str]] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    imported: int = 0

    @property
    def is_on(self) -> bool:
        return time.monotonic() < self.ends

    def count(self, client: str, outcome: str) -> None:
        """Count an answer."""
        self.counted[client, outcome] += 1

    def require(self, kind: str, right: bool, problem: str) -> None:
        """Count an answer, and note the problem if it is not right."""
        self.count(kind, "success" if right else "WRONG")
        if not right:
            self.wrong.append(f"{kind}: {problem[:300]}")

    @asynccontextmanager
    async def connection(self, address: str) -> AsyncIterator[Connection]:
        """A connection from that local address; limits are by address."""
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", self.port, local_addr=(address, 0)
        )
        try:
            yield Connection(reader, writer)
        finally:
            writer.close()


@dataclass
class Answer:
    """An HTTP answer."""

    status: int
    body: bytes


@dataclass
class Connection:
    """HTTP/1.1 by hand."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def answer(self, pause: float = 0) -> Answer:
        """The next answer, read in pieces with pauses. Raises EOFError, OSError, TimeoutError."""
        async with asyncio.timeout(SLOW_ANSWER_SECONDS if pause else ANSWER_SECONDS):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            headers = dict(line.lower().split(": ", 1) for line in head[1:] if line)
            body = b""
            if "content-length" in headers:
                body = await self.reader.readexactly(int(headers["content-length"]))
            elif headers.get("transfer-encoding") == "chunked":
                body = b"".join([piece async for piece in self._chunks(pause)])
            return Answer(int(head[0].split()[1]), body)

    async def _chunks(self, pause: float) -> AsyncIterator[bytes]:
        while size := int(await self.reader.readline(), 16):
            yield (await self.reader.readexactly(size + 2))[:-2]
            await asyncio.sleep(pause)
        await self.reader.readexactly(2)


def post(form: Mapping[str, str]) -> bytes:
    """A request to the form API."""
    body = urlencode(form).encode()
    kind = b"Content-Type: application/x-www-form-urlencoded\r\n"
    return b"POST / HTTP/1.1\r\nHost: x\r\n%bContent-Length: %d\r\n\r\n%b" % (kind, len(body), body)


def get(path: str, query: Mapping[str, str], token: str = "") -> bytes:
    """A request to the REST API."""
    target = f"{path}?{urlencode(query)}"
    bearer = f"Authorization: Bearer {token}\r\n" if token else ""
    return f"GET {target} HTTP/1.1\r\nHost: x\r\n{bearer}\r\n".encode()


def history_form(account: HistoryAccount, **fields: str) -> dict[str, str]:
    """A signed form with these fields besides."""
    timestamp = fields.get("timestamp") or str(int(time.time()))
    authcode = authcode_of(timestamp, account.user_key)
    form = {"username": account.username, "timestamp": timestamp, "authcode": authcode}
    return {**form, "section": "sms", "action": "getHistory", **fields}


def random_request(account: HistoryAccount) -> tuple[bytes, bytes]:
    """A request for some of the newest rows or for all, and the bytes of its right answer."""
    returntype = random.choice(("xml", "json"))
    if not account.rows or random.random() < 0.2:
        return post(history_form(account, returntype=returntype)), account.body(returntype)
    last = random.randrange(min(len(account.rows), 200))
    form = history_form(account, returntype=returntype, datefrom=account.rows[last][2])
    return post(form), account.newest(last + 1).body(returntype)


async def ask(soak: Soak) -> None:
    """Requests one after the other on a kept connection; now and then six are pipelined, and
    answered in order."""
    async with soak.connection("127.0.0.2") as connection:
        for _ in range(REQUESTS_OF_A_CONNECTION):
            accounts = random.choices(soak.accounts.histories[:4], k=random.choice((1, 1, 1, 6)))
            requests = [random_request(account) for account in accounts]
            connection.send(b"".join(request for request, _ in requests))
            for _, right in requests:
                check_history(soak, "ask", await connection.answer(), right)
            await asyncio.sleep(random.uniform(*PAUSE))


async def read_long(soak: Soak) -> None:
    """Read the longest history as fast as it comes."""
    await _read_longest(soak, "read long", "127.0.0.3", pause=0)


async def read_slowly(soak: Soak) -> None:
    """Read the longest history to its end, with pauses."""
    await _read_longest(soak, "read slowly", "127.0.0.4", pause=0.05)


async def _read_longest(soak: Soak, kind: str, address: str, pause: float) -> None:
    longest, returntype = soak.accounts.histories[-1], random.choice(("xml", "json"))
    async with soak.connection(address) as connection:
        connection.send(post(history_form(longest, returntype=returntype)))
        check_history(soak, kind, await connection.answer(pause), longest.body(returntype))


async def use_rest(soak: Soak) -> None:
    """Log in, read all pages of a list, and export it. (A logout would end other sessions, too.)"""
    kind, history = "use rest", soak.accounts.histories[2].rows
    async with soak.connection("127.0.0.5") as connection:

        async def fetch(path: str, token: str = "", **query: str) -> bytes:
            connection.send(get(path, query, token))
            answer = await connection.answer()
            soak.require(kind, answer.status == 200, f"{path}: {answer.status}")
            return answer.body

        login = json.loads(await fetch("/auth/login", username=OWNER, password=PASSWORD))
        token, messages = login.get("token", ""), list[Any]()
        for offset in range(0, len(history), 40):
            page = json.loads(await fetch("/sms", token, offset=str(offset), limit="40"))
            messages += page["messages"]
        exported = await fetch("/sms/export", token, format="csv")
    if [message["to"][0][1:] for message in messages] != [row[1] for row in history]:
        soak.wrong.append(f"{kind}: other messages are listed")
    if len(exported.decode().splitlines()) != len(history) + 1:
        soak.wrong.append(f"{kind}: not all messages are exported")


async def import_messages(soak: Soak) -> None:
    """Import a file during the load, and read the resulting history."""
    kind, account = "import messages", soak.accounts.importing
    path = soak.folder / "lines.csv"
    write_lines(path, soak.imported)
    arguments = ("import", "--account", account.username, "--timezone", "UTC", str(path))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "boxis_gateway", *arguments),
        env={"BOXIS_GATEWAY_DATABASE_URL": soak.accounts.url, "PATH": "/usr/bin:/bin"},
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    _, complaint = await process.communicate()
    soak.imported += 1
    async with soak.connection("127.0.0.6") as connection:
        connection.send(post(history_form(account, returntype="json")))
        answer = await connection.answer()
    rows = len(json.loads(answer.body)["params"]["senders"])
    right = process.returncode == 0 and rows == soak.imported * LINES_OF_AN_IMPORT
    soak.require(kind, right, f"{rows} rows {complaint.decode()[-300:]}")
    await asyncio.sleep(2)


def check_history(soak: Soak, kind: str, answer: Answer, right: bytes) -> None:
    """Compare an answer; the refusal by a rate limit is allowed."""
    if LIMITED in answer.body:
        soak.count(kind, "limited")
    else:
        same = answer.status == 200 and without_timestamp(answer.body) == right
        soak.require(kind, same, f"{answer.status} {answer.body[:300]!r}")


Client = Callable[[Soak], Awaitable[None]]
CLIENTS: dict[Client, int] = {
    ask: 6,
    read_long: 1,
    read_slowly: 3,
    use_rest: 2,
    import_messages: 1,
}
"""Clients, and the number of each."""
