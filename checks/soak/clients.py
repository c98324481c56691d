"""Clients that behave: what they are answered has to be right, to the byte."""

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
from checks.soak.world import (
    LINES_OF_AN_IMPORT,
    PASSWORD,
    Asker,
    World,
    without_timestamp,
    write_lines,
)

PATIENCE_SECONDS = 60
REQUESTS_OF_A_CONNECTION = 20
PAUSE = (0.005, 0.1)  # seconds that a client thinks
LIMITED = b"too many requests"


@dataclass
class Soak:
    """What the clients share. `counted` are (kind of client, outcome); `wrong` are answers that
    should have been others, or that did not come."""

    world: World
    port: int
    ends: float
    folder: Path
    counted: Counter[tuple[str, str]] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    imported: int = 0

    @property
    def is_on(self) -> bool:
        return time.monotonic() < self.ends

    def count(self, client: str, outcome: str, times: int = 1) -> None:
        """So many answers of a kind more."""
        self.counted[client, outcome] += times

    @asynccontextmanager
    async def connection(self, address: str) -> AsyncIterator[Connection]:
        """From an address of this machine; limits are by address."""
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", self.port, local_addr=(address, 0)
        )
        try:
            yield Connection(reader, writer)
        finally:
            writer.close()


@dataclass
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
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
        async with asyncio.timeout(PATIENCE_SECONDS + 600 * bool(pause)):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            headers = dict(line.lower().split(": ", 1) for line in head[1:] if line)
            body = b""
            if "content-length" in headers:
                body = await self.reader.readexactly(int(headers["content-length"]))
            elif headers.get("transfer-encoding") == "chunked":
                body = b"".join([piece async for piece in self._chunks(pause)])
            return Answer(int(head[0].split()[1]), headers, body)

    async def _chunks(self, pause: float) -> AsyncIterator[bytes]:
        while size := int(await self.reader.readline(), 16):
            yield (await self.reader.readexactly(size + 2))[:-2]
            await asyncio.sleep(pause)
        await self.reader.readexactly(2)


def post(form: Mapping[str, str]) -> bytes:
    """A request of the form API."""
    body = urlencode(form).encode()
    kind = b"Content-Type: application/x-www-form-urlencoded\r\n"
    return b"POST / HTTP/1.1\r\nHost: x\r\n%bContent-Length: %d\r\n\r\n%b" % (kind, len(body), body)


def get(path: str, query: Mapping[str, str], token: str = "") -> bytes:
    """A request of the REST API."""
    target = f"{path}?{urlencode(query)}"
    bearer = f"Authorization: Bearer {token}\r\n" if token else ""
    return f"GET {target} HTTP/1.1\r\nHost: x\r\n{bearer}\r\n".encode()


def history_form(asker: Asker, **more: str) -> dict[str, str]:
    """A signed form."""
    timestamp = more.get("timestamp") or str(int(time.time()))
    authcode = authcode_of(timestamp, asker.user_key)
    form = {"username": asker.username, "timestamp": timestamp, "authcode": authcode}
    return {**form, "section": "sms", "action": "getHistory", **more}


def question(asker: Asker) -> tuple[bytes, bytes]:
    """A request and the bytes of its right answer."""
    returntype = random.choice(("xml", "json"))
    if not asker.rows or random.random() < 0.2:
        return post(history_form(asker, returntype=returntype)), asker.body(returntype)
    last = random.randrange(min(len(asker.rows), 200))
    form = history_form(asker, returntype=returntype, datefrom=asker.rows[last][2])
    newest = Asker(asker.username, asker.user_key, asker.rows[: last + 1])
    return post(form), newest.body(returntype)


async def ask(soak: Soak) -> None:
    """One question after the other, on connections that are kept for some; now and then several
    at once, which are answered in their order."""
    kind = "ask"
    async with soak.connection("127.0.0.2") as connection:
        for _ in range(REQUESTS_OF_A_CONNECTION):
            askers = random.choices(soak.world.askers[:4], k=random.choice((1, 1, 1, 6)))
            questions = [question(asker) for asker in askers]
            connection.send(b"".join(request for request, _ in questions))
            for _, wanted in questions:
                check_history(soak, kind, await connection.answer(), wanted)
            await asyncio.sleep(random.uniform(*PAUSE))


async def read_long(soak: Soak) -> None:
    """The longest history, as fast as it comes."""
    await _read_longest(soak, "read long", "127.0.0.3", pause=0)


async def read_slowly(soak: Soak) -> None:
    """The same with pauses, to the end."""
    await _read_longest(soak, "read slowly", "127.0.0.4", pause=0.05)


async def _read_longest(soak: Soak, kind: str, address: str, pause: float) -> None:
    longest, returntype = soak.world.askers[-1], random.choice(("xml", "json"))
    async with soak.connection(address) as connection:
        connection.send(post(history_form(longest, returntype=returntype)))
        check_history(soak, kind, await connection.answer(pause), longest.body(returntype))


async def use_rest(soak: Soak) -> None:
    """Log in, look at lists and a file. (Logging out would end the sessions of others, too.)"""
    kind = "use rest"
    rows = len(soak.world.askers[2].rows)
    async with soak.connection("127.0.0.5") as connection:
        credentials = {"username": soak.world.owner, "password": PASSWORD}
        connection.send(get("/auth/login", credentials))
        token = json.loads((await connection.answer()).body).get("token", "")
        soak.count(kind, "success")
        found: list[Any] = []
        for offset in range(0, rows, 40):
            query = {"offset": str(offset), "limit": "40"}
            connection.send(get("/sms", query, token))
            found += json.loads((await connection.answer()).body)["messages"]
            soak.count(kind, "success")
        _require(soak, kind, [one["to"][0][1:] for one in found] == _recipients(soak.world, rows))
        connection.send(get("/sms/export", {"format": "csv"}, token))
        lines = (await connection.answer()).body.decode().splitlines()
        soak.count(kind, "success")
        _require(soak, kind, len(lines) == rows + 1)


def _recipients(world: World, rows: int) -> list[str]:
    return [row[1] for row in world.askers[2].rows[:rows]]


async def import_messages(soak: Soak) -> None:
    """An import beside all that, and the history that it makes."""
    kind = "import messages"
    path = soak.folder / "lines.csv"
    write_lines(path, soak.imported)
    words = ("import", "--account", soak.world.importing.username, "--timezone", "UTC", str(path))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "boxis_gateway", *words),
        env={"BOXIS_GATEWAY_DATABASE_URL": soak.world.store.url, "PATH": "/usr/bin:/bin"},
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    _, complaint = await process.communicate()
    _require(soak, kind, process.returncode == 0, complaint.decode()[-300:])
    soak.imported += 1
    async with soak.connection("127.0.0.6") as connection:
        connection.send(post(history_form(soak.world.importing, returntype="json")))
        answer = await connection.answer()
    rows = len(json.loads(answer.body)["params"]["senders"])
    _require(soak, kind, rows == soak.imported * LINES_OF_AN_IMPORT, f"{rows} rows")
    soak.count(kind, "success")
    await asyncio.sleep(2)


def check_history(soak: Soak, kind: str, answer: Answer, wanted: bytes) -> None:
    """Whether that is the answer; one that says that it comes too often is allowed."""
    if LIMITED in answer.body:
        soak.count(kind, "limited")
        return
    if answer.status == 200 and without_timestamp(answer.body) == wanted:
        soak.count(kind, "success")
        return
    soak.count(kind, "WRONG")
    soak.wrong.append(f"{kind}: {answer.status} {answer.body[:300]!r}")


def _require(soak: Soak, kind: str, right: bool, words: str = "") -> None:
    if not right:
        soak.count(kind, "WRONG")
        soak.wrong.append(f"{kind}: not what was expected {words}")


Client = Callable[[Soak], Awaitable[None]]
CLIENTS: dict[Client, int] = {
    ask: 6,
    read_long: 1,
    read_slowly: 3,
    use_rest: 2,
    import_messages: 1,
}
"""Clients, and how many of each."""
