"""Clients that don't behave: wrong codes, broken requests, slow senders, and some who just leave.

Each kind has an address of its own, so that what is held against it is not held against others.
"""

from __future__ import annotations

import asyncio
import os
import random
import socket
import struct
import time

from checks.soak.clients import LIMITED, Client, Soak, get, history_form, post

RESET = struct.pack("ii", 1, 0)
SLOW_SECONDS = 0.4  # between two bytes
FORM_TYPE = b"Content-Type: application/x-www-form-urlencoded\r\n"


async def sign_wrongly(soak: Soak) -> None:
    """Unknown users, wrong codes, clocks that are off."""
    asker = random.choice(soak.world.askers)
    forms = (
        (history_form(asker, authcode="0" * 32), b"'authcode' is not valid", "refused"),
        (history_form(asker, username="nobody@example.com"), b"'authcode' is", "refused"),
        (history_form(asker, timestamp=str(int(time.time()) - 4000)), b"timestamperror", "clock"),
        (history_form(asker, datefrom="yesterday"), b"'datefrom' is not valid", "invalid"),
        (history_form(asker, action="sendSMS"), b"'action' is not valid", "invalid"),
    )
    form, words, outcome = random.choice(forms)
    async with soak.connection("127.0.0.20") as connection:
        connection.send(post(form))
        _expect(soak, "sign wrongly", (await connection.answer()).body, words, outcome)


async def guess_passwords(soak: Soak) -> None:
    """Wrong passwords and made up tokens at the REST API."""
    credentials = {"username": soak.world.owner, "password": f"guess {random.random()}"}
    requests = (
        get("/auth/login", credentials),
        get("/auth/login", {**credentials, "username": "nobody@example.com"}),
        get("/sms", {}, token="0" * 40),
    )
    async with soak.connection("127.0.0.21") as connection:
        connection.send(random.choice(requests))
        answer = await connection.answer()
        outcome = {401: "refused", 429: "limited"}.get(answer.status, "WRONG")
        soak.count("guess passwords", outcome)
        if outcome == "WRONG":
            soak.wrong.append(f"guess passwords: {answer.status}")
    await asyncio.sleep(0.3)


async def speak_badly(soak: Soak) -> None:
    """No HTTP, or no form. Every answer, if there is one, says so."""
    form = post(history_form(soak.world.askers[1]))
    body = b"POST / HTTP/1.1\r\nHost: x\r\n"
    requests = (
        os.urandom(random.randrange(1, 4000)),
        b"GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"X: " + b"a" * 200_000 + b"\r\n\r\n",
        body + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n\r\n",
        body + b"Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 3\r\n\r\n--b",
        body + b"Content-Type: text/plain\r\nContent-Length: 3\r\n\r\na=b",
        body + FORM_TYPE + b"Content-Length: 60000\r\n\r\n" + b"a&" * 30_000,
        body + b"Content-Length: 99999999999\r\n\r\n",
        form.replace(b"POST", b"BREW", 1),
        form[: random.randrange(len(form))],
        b"PUT /sms HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
    )
    async with soak.connection("127.0.0.22") as connection:
        connection.send(random.choice(requests))
        connection.writer.write_eof()
        async with asyncio.timeout(30):
            said = await connection.reader.read()
    fine = not said or b"<result>0" in said or b'"code":4' in said or b"HTTP/1.1 4" in said
    soak.count("speak badly", ("invalid" if said else "cut off") if fine else "WRONG")
    if not fine:
        soak.wrong.append(f"speak badly: {said[:300]!r}")


async def send_slowly(soak: Soak) -> None:
    """A request byte by byte, until the server or the client has had enough."""
    request = post(history_form(soak.world.askers[1]))
    patience = time.monotonic() + random.uniform(1, 20)
    async with soak.connection("127.0.0.23") as connection:
        for place in range(len(request)):
            connection.send(request[place : place + 1])
            await asyncio.sleep(SLOW_SECONDS)
            if connection.reader.at_eof() or connection.reader.exception():
                soak.count("send slowly", "cut off")
                return
            if time.monotonic() > patience or not soak.is_on:
                break
    soak.count("send slowly", "left")


async def vanish(soak: Soak) -> None:
    """Ask for a long answer, read some of it or nothing, and go without a word."""
    longest = soak.world.askers[-1]
    async with soak.connection("127.0.0.24") as connection:
        connection.send(post(history_form(longest)))
        wanted = random.choice((0, 1, 1_000, 100_000, 1_000_000))
        if wanted:
            await connection.reader.readexactly(wanted)
        if random.random() < 0.5:
            connected = connection.writer.get_extra_info("socket")
            connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            connection.writer.transport.abort()
    soak.count("vanish", "left")
    await asyncio.sleep(random.uniform(0, 0.5))


async def hold_on(soak: Soak) -> None:
    """Connect, and say nothing."""
    async with soak.connection("127.0.0.25") as connection:
        async with asyncio.timeout(120):
            await connection.reader.read()
    soak.count("hold on", "cut off")


def _expect(soak: Soak, kind: str, body: bytes, words: bytes, outcome: str) -> None:
    if LIMITED in body:
        outcome = "limited"
    elif words not in body:
        outcome = "WRONG"
        soak.wrong.append(f"{kind}: {body[:300]!r} is not {words!r}")
    soak.count(kind, outcome)


RUDE: dict[Client, int] = {
    sign_wrongly: 2,
    guess_passwords: 1,
    speak_badly: 2,
    send_slowly: 5,
    vanish: 2,
    hold_on: 2,
}
"""Clients, and how many of each."""
