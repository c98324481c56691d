"""Requests at a constant rate, whatever the answers do, and how long each took.

    python -m benchmarks.clients.open_loop ADDRESS FILE RATE SECONDS ENDING

A request's time counts from the moment at which it was to be sent, so that one that had to wait
for a free connection is not flattered. FILE has `METHOD TAB path TAB body` a line. It prints
milliseconds as JSON: `p50`, `p99`, `p999`, and `requests`, `wrong`.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path

CONNECTIONS = 64
LONGEST_WAIT = 30  # seconds, for the answers that are under way at the end


class Connection:
    """Keep-alive, opened again when it breaks."""

    def __init__(self, host: str, port: str) -> None:
        self.host, self.port = host, port
        self.reader: asyncio.StreamReader | None = None

    async def ask(self, request: bytes) -> bytes:
        """The body of the answer."""
        for fresh in (False, True):
            try:
                if self.reader is None:
                    self.reader, self.writer = await asyncio.open_connection(self.host, self.port)
                self.writer.write(request)
                return await self._read()
            except (OSError, asyncio.IncompleteReadError):
                self.reader = None  # the server may close one that was idle
                if fresh:
                    raise
        raise AssertionError

    async def _read(self) -> bytes:
        assert self.reader
        head = (await self.reader.readuntil(b"\r\n\r\n")).lower()
        if b"content-length:" in head:
            length = int(head.split(b"content-length:", 1)[1].split(b"\r\n", 1)[0])
            body = await self.reader.readexactly(length)
        else:
            body = await self._read_chunks()
        if b"connection: close" in head:
            self.writer.close()
            self.reader = None
        return body

    async def _read_chunks(self) -> bytes:
        assert self.reader
        body = b""
        while size := int(await self.reader.readuntil(b"\r\n"), 16):
            body += (await self.reader.readexactly(size + 2))[:-2]
        await self.reader.readuntil(b"\r\n")
        return body


def requests(file: str, host: str) -> Iterator[bytes]:
    """The file's requests, again and again."""
    made = []
    for line in Path(file).read_text().splitlines():
        method, path, body = line.split("\t")
        head = f"{method} {path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {len(body)}\r\n"
        head += "Content-Type: application/x-www-form-urlencoded\r\n\r\n"
        made.append((head + body).encode())
    return cycle(made)


async def run(address: str, file: str, rate: float, seconds: float, ending: bytes) -> None:
    """Send, wait for the last answer, print."""
    host, port = address.removeprefix("http://").split(":")
    free: asyncio.LifoQueue[Connection] = asyncio.LifoQueue()
    for _ in range(CONNECTIONS):
        free.put_nowait(Connection(host, port))
    loop = asyncio.get_running_loop()
    times: list[float] = []
    wrong = 0

    async def one(request: bytes, due: float) -> None:
        nonlocal wrong
        connection = await free.get()
        try:
            body = await asyncio.wait_for(connection.ask(request), LONGEST_WAIT)
            wrong += ending not in body
        except (OSError, TimeoutError, asyncio.IncompleteReadError):
            connection.reader = None
            wrong += 1
        times.append(loop.time() - due)
        free.put_nowait(connection)

    source, begin, tasks = requests(file, host), loop.time() + 0.1, []
    for number in range(int(rate * seconds)):
        due = begin + number / rate
        await asyncio.sleep(due - loop.time())
        tasks.append(asyncio.create_task(one(next(source), due)))
    await asyncio.gather(*tasks)
    times.sort()
    at = {"p50": 0.5, "p99": 0.99, "p999": 0.999}
    found = {name: times[int(len(times) * share)] * 1000 for name, share in at.items()}
    print(json.dumps({**found, "requests": len(times), "wrong": wrong}))


if __name__ == "__main__":
    where, file, rate, seconds, ending = sys.argv[1:]
    asyncio.run(run(where, file, float(rate), float(seconds), ending.encode()))
