"""Load for as long as it is entered: for each account a process that writes, a client that reads
its history from the form API, and one that logs in to the REST API.

Acknowledged writes are noted, and looked for at the end (`Load.check`). A request may fail; its
answer may not be wrong, and may not lack what was acknowledged before it was sent."""

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
from urllib.parse import urlencode

from benchmarks.processes import clean_environment, stop
from checks.failover.accounts import PASSWORD, NumberedAccount
from checks.failover.tally import Tally
from checks.failover.writer import ACKNOWLEDGED
from checks.soak.clients import history_form

HISTORY, BATCHES, LOGIN = "histories", "batches of messages", "logins"
ANSWER_SECONDS = 15
PAUSE_SECONDS = {HISTORY: 0.02, LOGIN: 0.1}
NEWEST, MANY = 60, 2_000  # messages of a history; many are streamed
MANY_EVERY = 20
UNAVAILABLE = b"service is not available"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


class Failed(Exception):
    """A request without an answer, or with the answer that the service is unavailable."""


@dataclass
class Trader:
    """An account under load and what was acknowledged: `batches` are times with the number of
    messages by then, `tokens` come from logins."""

    account: NumberedAccount
    tallies: Mapping[str, Tally]
    writer: subprocess.Popen[bytes]
    batches: list[tuple[float, int]] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)

    def messages(self, stale_seconds: float = 0) -> int:
        """The number of messages that were acknowledged so long ago."""
        then = time.monotonic() - stale_seconds
        return next((count for moment, count in reversed(self.batches) if moment <= then), 0)


class Load:
    """`ports` are those of the gateways; `environ` is what a process needs to open the store at
    `url`. `stale_seconds` is the allowed lag of a history, where replicas answer."""

    def __init__(
        self,
        accounts: Sequence[NumberedAccount],
        url: str,
        ports: Sequence[int],
        environ: Mapping[str, str],
        folder: Path,
        stale_seconds: float = 0,
    ) -> None:
        self.tallies: list[Tally] = []
        self._accounts, self._url, self._ports = accounts, url, ports
        self._environ, self._folder, self._stale = environ, folder, stale_seconds
        self._stopped = threading.Event()
        self._threads: list[threading.Thread] = []
        self._traders: list[Trader] = []

    def __enter__(self) -> Load:
        for account in self._accounts:
            kinds = (BATCHES, HISTORY, LOGIN)
            tallies = {kind: Tally(f"{kind} {account.group}".rstrip()) for kind in kinds}
            trader = Trader(account, tallies, self._start_writer(account))
            self._traders.append(trader)
            self.tallies += tallies.values()
            self._run(self._follow_writer, trader)
            self._run(self._repeat, trader, HISTORY, self._read_history)
            self._run(self._repeat, trader, LOGIN, self._log_in)
        return self

    def __exit__(self, *error: object) -> None:
        self._stopped.set()
        for trader in self._traders:
            stop(trader.writer)
        for thread in self._threads:
            thread.join()
        for tally in self.tallies:
            tally.ended = time.monotonic()

    def check(self) -> None:
        """Look for all that was acknowledged: after the load, when the store answers again."""
        for trader in self._traders:
            body, tally = self._history(trader.account), trader.tallies[BATCHES]
            stored = body.count(b"</reciptient>")
            tally.lost = sum(count > stored for _, count in trader.batches)
            if problem := trader.account.problem(body, 0, trader.messages()):
                tally.wrong.append(f"at the end: {problem}")
            answers = [self._send("GET", f"/ping?token={token}") for token in trader.tokens]
            trader.tallies[LOGIN].lost = sum(status != 200 for status, _ in answers)

    def _start_writer(self, account: NumberedAccount) -> subprocess.Popen[bytes]:
        module = ("-m", "checks.failover.writer", self._url, str(account.account_id))
        with open(self._folder / f"writer-{account.account_id}.log", "wb") as log:
            return subprocess.Popen(
                (sys.executable, *module),
                stdout=subprocess.PIPE,
                stderr=log,
                env={**clean_environment(), **self._environ},
                start_new_session=True,
            )

    def _run(self, target: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=target, args=arguments)
        self._threads.append(thread)
        thread.start()

    def _follow_writer(self, trader: Trader) -> None:
        """Note the output of a writer until it is stopped."""
        tally = trader.tallies[BATCHES]
        assert trader.writer.stdout
        for line in trader.writer.stdout:
            if not line.endswith(b"\n"):
                break  # cut off as the writer was stopped
            outcome, messages, moment, *problem = line.decode().split()
            if outcome == ACKNOWLEDGED:
                trader.batches.append((float(moment), int(messages)))
                tally.acknowledged.append(float(moment))
            else:
                tally.failed["unavailable"] += 1
                tally.messages[" ".join(problem)] += 1
        if not self._stopped.is_set():
            tally.wrong.append("the writer ended")

    def _repeat(self, trader: Trader, kind: str, request: Callable[[Trader], str]) -> None:
        tally = trader.tallies[kind]
        while not self._stopped.wait(PAUSE_SECONDS[kind]):
            try:
                problem = request(trader)
            except Failed as failure:
                tally.failed[str(failure)] += 1
                continue
            if problem:
                tally.wrong.append(problem)
            else:
                tally.acknowledged.append(time.monotonic())

    def _read_history(self, trader: Trader) -> str:
        """Read a history; the problem with it, or ""."""
        acknowledged = trader.messages(self._stale)
        begin = max(0, acknowledged - (NEWEST if random.randrange(MANY_EVERY) else MANY))
        return trader.account.problem(self._history(trader.account, begin), begin, acknowledged)

    def _history(self, account: NumberedAccount, begin: int = 0) -> bytes:
        history = account.history(begin, begin + 1)
        form = history_form(history, datefrom=history.rows[0][2])
        _, body = self._send("POST", "/", urlencode(form))
        if UNAVAILABLE in body:
            raise Failed("unavailable")
        return body

    def _log_in(self, trader: Trader) -> str:
        """Log in; the problem with the answer, or ""."""
        credentials = urlencode({"username": trader.account.username, "password": PASSWORD})
        status, body = self._send("POST", "/auth/login", credentials)
        if status == 503:
            raise Failed("unavailable")
        if status != 200:
            return f"{status} {body[:200]!r}"
        trader.tokens.append(json.loads(body)["token"])
        return ""

    def _send(self, method: str, path: str, form: str | None = None) -> tuple[int, bytes]:
        """Status and body. Raises Failed if there is no complete answer."""
        port = random.choice(self._ports)
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=ANSWER_SECONDS)
        try:
            connection.request(method, path, form, FORM if form else {})
            answer = connection.getresponse()
            return answer.status, answer.read()
        except TimeoutError:
            raise Failed("timed out") from None
        except (OSError, http.client.HTTPException):
            raise Failed("broken off") from None
        finally:
            connection.close()
