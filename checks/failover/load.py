"""Load for as long as it is entered: for each shop a process that writes, a client that reads its
history at the form API, and one that logs in at the REST API.

What was acknowledged is written down, and looked for at the end (`Load.check`). An answer may fail;
it may not be wrong, and after an acknowledgement it may not lack what was acknowledged."""

from __future__ import annotations

import http.client
import json
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from benchmarks.processes import clean_environment, stop
from checks.failover.shop import PASSWORD, Shop
from checks.failover.tally import Tally
from checks.failover.writer import ACKNOWLEDGED
from checks.soak.clients import history_form

HISTORY, BATCHES, LOGIN = "histories", "batches of messages", "logins"
PATIENCE_SECONDS = 15
PAUSE_SECONDS = {HISTORY: 0.02, LOGIN: 0.1}
NEWEST, MANY = 60, 2_000  # messages that histories are asked for; many are streamed
MANY_EVERY = 20
UNAVAILABLE = b"service is not available"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


class Failed(Exception):
    """A request that was not answered, or with the word that it can't be at the moment."""


@dataclass
class Trader:
    """A shop under load: what was acknowledged of it. `batches` are times, and how many messages
    there were then."""

    shop: Shop
    tallies: Mapping[str, Tally]
    writer: subprocess.Popen[bytes]
    batches: list[tuple[float, int]] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)

    def messages(self, stale_seconds: float = 0) -> int:
        """How many messages were acknowledged so long ago."""
        then = time.monotonic() - stale_seconds
        return next((count for moment, count in reversed(self.batches) if moment <= then), 0)


class Load:
    """`ports` are those of the gateways; `environ` is what a process needs to use the store at
    `url`. `stale_seconds` is by how much a history may be behind, where replicas answer."""

    def __init__(
        self,
        shops: Sequence[Shop],
        url: str,
        ports: Sequence[int],
        environ: Mapping[str, str],
        folder: Path,
        stale_seconds: float = 0,
    ) -> None:
        self.tallies: list[Tally] = []
        self._shops, self._url, self._ports = shops, url, ports
        self._environ, self._folder, self._stale = environ, folder, stale_seconds
        self._over = threading.Event()
        self._threads: list[threading.Thread] = []
        self._traders: list[Trader] = []

    def __enter__(self) -> Load:
        for shop in self._shops:
            kinds = (BATCHES, HISTORY, LOGIN)
            tallies = {kind: Tally(f"{kind} {shop.group}".rstrip()) for kind in kinds}
            trader = Trader(shop, tallies, self._start_writer(shop))
            self._traders.append(trader)
            self.tallies += tallies.values()
            self._run(self._listen, trader)
            self._run(self._again_and_again, trader, HISTORY, self._read)
            self._run(self._again_and_again, trader, LOGIN, self._log_in)
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        for trader in self._traders:
            stop(trader.writer)
        for thread in self._threads:
            thread.join()
        for tally in self.tallies:
            tally.ended = time.monotonic()

    def check(self) -> None:
        """Look for all that was acknowledged: after the load, when the store answers again."""
        for trader in self._traders:
            body, tally = self._history(trader.shop), trader.tallies[BATCHES]
            there = body.count(b"</reciptient>")
            tally.lost = sum(count > there for _, count in trader.batches)
            if problem := trader.shop.judge(body, 0, trader.messages()):
                tally.wrong.append(f"at the end: {problem}")
            answers = [self._ask("GET", f"/ping?token={token}") for token in trader.tokens]
            trader.tallies[LOGIN].lost = sum(status != 200 for status, _ in answers)

    def _start_writer(self, shop: Shop) -> subprocess.Popen[bytes]:
        words = ("-m", "checks.failover.writer", self._url, str(shop.account_id))
        with open(self._folder / f"writer-{shop.account_id}.log", "wb") as log:
            return subprocess.Popen(
                (sys.executable, *words),
                stdout=subprocess.PIPE,
                stderr=log,
                env={**clean_environment(), **self._environ},
                start_new_session=True,
            )

    def _run(self, target: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=target, args=arguments)
        self._threads.append(thread)
        thread.start()

    def _listen(self, trader: Trader) -> None:
        """Write down what a writer tells, until it is stopped."""
        tally = trader.tallies[BATCHES]
        assert trader.writer.stdout
        for line in trader.writer.stdout:
            what, number, moment, *words = line.decode().split()
            if what == ACKNOWLEDGED:
                trader.batches.append((float(moment), int(number)))
                tally.acknowledged.append(float(moment))
            else:
                tally.failed["told so"] += 1
                tally.said[" ".join(words)] += 1
        if not self._over.is_set():
            tally.wrong.append("the writer ended")

    def _again_and_again(self, trader: Trader, kind: str, request: Callable[[Trader], str]) -> None:
        tally = trader.tallies[kind]
        while not self._over.wait(PAUSE_SECONDS[kind]):
            try:
                problem = request(trader)
            except Failed as failure:
                tally.failed[str(failure)] += 1
                continue
            if problem:
                tally.wrong.append(problem)
            else:
                tally.acknowledged.append(time.monotonic())

    def _read(self, trader: Trader) -> str:
        """A history; what is wrong with it, or ""."""
        acknowledged = trader.messages(self._stale)
        begin = max(0, acknowledged - (NEWEST if random.randrange(MANY_EVERY) else MANY))
        return trader.shop.judge(self._history(trader.shop, begin), begin, acknowledged)

    def _history(self, shop: Shop, begin: int = 0) -> bytes:
        (row,) = shop.asker(begin, begin + 1).rows
        form = history_form(shop.asker(), datefrom=row[2])
        _, body = self._ask("POST", "/", urlencode(form))
        if UNAVAILABLE in body:
            raise Failed("told so")
        return body

    def _log_in(self, trader: Trader) -> str:
        """A token; what is wrong with the answer, or ""."""
        credentials = urlencode({"username": trader.shop.username, "password": PASSWORD})
        status, body = self._ask("POST", "/auth/login", credentials)
        if status == 503:
            raise Failed("told so")
        if status != 200:
            return f"{status} {body[:200]!r}"
        trader.tokens.append(json.loads(body)["token"])
        return ""

    def _ask(self, method: str, path: str, form: str | None = None) -> tuple[int, bytes]:
        """Raises Failed if there is no whole answer."""
        connection = http.client.HTTPConnection(
            "127.0.0.1", random.choice(self._ports), timeout=PATIENCE_SECONDS
        )
        try:
            connection.request(method, path, form, FORM if form else {})
            answer: Any = connection.getresponse()
            return answer.status, answer.read()
        except TimeoutError:
            raise Failed("waited in vain") from None
        except (OSError, http.client.HTTPException):
            raise Failed("broken off") from None
        finally:
            connection.close()
