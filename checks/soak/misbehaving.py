"""Misbehaving clients: wrong codes, malformed requests, slow senders, abandoned connections.

Each kind has an address of its own, so its failures do not limit or lock out others.
"""

from __future__ import annotations

import asyncio
import os
import random
import socket
import struct
import time

from checks.soak.accounts import OWNER
from checks.soak.clients import LIMITED, Client, Soak, get, history_form, post

RESET = struct.pack("ii", 1, 0)
SLOW_SECONDS = 0.4  # between two bytes
FORM_TYPE = b"Content-Type: application/x-www-form-urlencoded\r\n"


async def sign_wrongly(soak: Soak) -> None:
    """Unknown users, wrong codes, wrong clocks, invalid parameters."""
    kind, account = "sign wrongly", random.choice(soak.accounts.histories)
    forms = (
        (history_form(account, authcode="0" * 32), b"'authcode' is not valid", "refused"),
        (history_form(account, username="nobody@example.com"), b"'authcode' is", "refused"),
        (history_form(account, timestamp=str(int(time.time()) - 4000)), b"timestamperror", "clock"),
        (history_form(account, datefrom="yesterday"), b"'datefrom' is not valid", "invalid"),
        (history_form(account, action="sendSMS"), b"'action' is not valid", "invalid"),
    )
    form, text, outcome = random.choice(forms)
    async with soak.connection("127.0.0.20") as connection:
        connection.send(post(form))
        body = (await connection.answer()).body
    if LIMITED in body:
        soak.count(kind, "limited")
    elif text in body:
        soak.count(kind, outcome)
    else:
        soak.require(kind, False, f"{body[:200]!r} lacks {text!r}")


async def guess_passwords(soak: Soak) -> None:
    """Wrong passwords and made-up tokens at the REST API."""
    kind, credentials = "guess passwords", {"username": OWNER, "password": f"{random.random()}"}
    requests = (
        get("/auth/login", credentials),
        get("/auth/login", {**credentials, "username": "nobody@example.com"}),
        get("/sms", {}, token="0" * 40),
    )
    async with soak.connection("127.0.0.21") as connection:
        connection.send(random.choice(requests))
        status = (await connection.answer()).status
    if status in (401, 429):
        soak.count(kind, "refused" if status == 401 else "limited")
    else:
        soak.require(kind, False, f"status {status}")
    await asyncio.sleep(0.3)


async def speak_badly(soak: Soak) -> None:
    """Malformed HTTP, or no form; an answer, if there is one, is an error."""
    kind, form = "speak badly", post(history_form(soak.accounts.histories[1]))
    head = b"POST / HTTP/1.1\r\nHost: x\r\n"
    requests = (
        os.urandom(random.randrange(1, 4000)),
        b"GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"X: " + b"a" * 200_000 + b"\r\n\r\n",
        head + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n\r\n",
        head + b"Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 3\r\n\r\n--b",
        head + b"Content-Type: text/plain\r\nContent-Length: 3\r\n\r\na=b",
        head + FORM_TYPE + b"Content-Length: 60000\r\n\r\n" + b"a&" * 30_000,
        head + b"Content-Length: 99999999999\r\n\r\n",
        form.replace(b"POST", b"BREW", 1),
        form[: random.randrange(len(form))],
        b"PUT /sms HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
    )
    async with soak.connection("127.0.0.22") as connection:
        connection.send(random.choice(requests))
        connection.writer.write_eof()
        async with asyncio.timeout(30):
            answer = await connection.reader.read()
    if not answer:
        soak.count(kind, "cut off")
    elif b"<result>0" in answer or b'"code":4' in answer or b"HTTP/1.1 4" in answer:
        soak.count(kind, "invalid")
    else:
        soak.require(kind, False, repr(answer[:300]))


async def send_slowly(soak: Soak) -> None:
    """Send a request byte by byte, until the server or the client gives up."""
    request = post(history_form(soak.accounts.histories[1]))
    end, outcome = time.monotonic() + random.uniform(1, 20), "left"
    async with soak.connection("127.0.0.23") as connection:
        for index in range(len(request)):
            connection.send(request[index : index + 1])
            await asyncio.sleep(SLOW_SECONDS)
            if connection.reader.at_eof() or connection.reader.exception():
                outcome = "cut off"
                break
            if time.monotonic() > end or not soak.is_on:
                break
    soak.count("send slowly", outcome)


async def vanish(soak: Soak) -> None:
    """Request a long answer, read some of it or nothing, and close or reset the connection."""
    async with soak.connection("127.0.0.24") as connection:
        connection.send(post(history_form(soak.accounts.histories[-1])))
        size = random.choice((0, 1, 1_000, 100_000, 1_000_000))
        if size:
            await connection.reader.readexactly(size)
        if random.random() < 0.5:
            connected = connection.writer.get_extra_info("socket")
            connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            connection.writer.transport.abort()
    soak.count("vanish", "left")
    await asyncio.sleep(random.uniform(0, 0.5))


async def hold_on(soak: Soak) -> None:
    """Connect, and send nothing."""
    async with soak.connection("127.0.0.25") as connection:
        async with asyncio.timeout(120):
            await connection.reader.read()
    soak.count("hold on", "cut off")


MISBEHAVING: dict[Client, int] = {
    sign_wrongly: 2,
    guess_passwords: 1,
    speak_badly: 2,
    send_slowly: 5,
    vanish: 2,
    hold_on: 2,
}
"""Clients, and the number of each."""
