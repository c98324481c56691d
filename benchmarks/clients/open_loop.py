"""Requests at a constant rate, independent of the answers, and the time of each.

    python -m benchmarks.clients.open_loop ADDRESS FILE RATE SECONDS ENDING

A request's time counts from the moment when it was due, so a request that waits for a free
connection is not flattered. FILE has `METHOD TAB path TAB body` a line. The output is JSON:
`p50`, `p99`, `p999` in milliseconds, and the numbers `requests` and `wrong`.
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
SHARES = {"p50": 0.5, "p99": 0.99, "p999": 0.999}


class Connection:
    """A keep-alive connection, opened again when it breaks."""

    def __init__(self, host: str, port: str) -> None:
        self.host, self.port = host, port
        self.reader: asyncio.StreamReader | None = None

    async def send(self, request: bytes) -> bytes:
        """The body of the answer. An idle connection may be closed by the server: try it twice."""
        for is_last in (False, True):
            try:
                if self.reader is None:
                    self.reader, self.writer = await asyncio.open_connection(self.host, self.port)
                self.writer.write(request)
                return await self._read(self.reader)
            except (OSError, asyncio.IncompleteReadError):
                self.reader = None
                if is_last:
                    raise
        raise AssertionError

    async def _read(self, reader: asyncio.StreamReader) -> bytes:
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        if b"content-length:" in head:
            length = int(head.split(b"content-length:", 1)[1].split(b"\r\n", 1)[0])
            body = await reader.readexactly(length)
        else:
            body = await self._read_chunks(reader)
        if b"connection: close" in head:
            self.writer.close()
            self.reader = None
        return body

    async def _read_chunks(self, reader: asyncio.StreamReader) -> bytes:
        body = b""
        while size := int(await reader.readuntil(b"\r\n"), 16):
            body += (await reader.readexactly(size + 2))[:-2]
        await reader.readuntil(b"\r\n")
        return body


def requests(file: str, host: str) -> Iterator[bytes]:
    """The requests of the file, again and again."""
    made = []
    for line in Path(file).read_text().splitlines():
        method, path, body = line.split("\t")
        head = f"{method} {path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {len(body)}\r\n"
        head += "Content-Type: application/x-www-form-urlencoded\r\n\r\n"
        made.append((head + body).encode())
    return cycle(made)


async def run(address: str, file: str, rate: float, seconds: float, ending: bytes) -> None:
    """Send all requests, await the last answer, print the result."""
    host, port = address.removeprefix("http://").split(":")
    free: asyncio.LifoQueue[Connection] = asyncio.LifoQueue()
    for _ in range(CONNECTIONS):
        free.put_nowait(Connection(host, port))
    loop = asyncio.get_running_loop()
    times: list[float] = []
    wrong = 0

    async def answer(request: bytes, due: float) -> None:
        nonlocal wrong
        connection = await free.get()
        try:
            body = await asyncio.wait_for(connection.send(request), LONGEST_WAIT)
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
        tasks.append(asyncio.create_task(answer(next(source), due)))
    await asyncio.gather(*tasks)
    times.sort()
    quantiles = {name: times[int(len(times) * share)] * 1000 for name, share in SHARES.items()}
    print(json.dumps({**quantiles, "requests": len(times), "wrong": wrong}))


if __name__ == "__main__":
    address, file, rate, seconds, ending = sys.argv[1:]
    asyncio.run(run(address, file, float(rate), float(seconds), ending.encode()))
