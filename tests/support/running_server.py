"""`boxis-gateway serve` as a process."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import IO

import requests

from boxis_gateway.store import Store
from tests.support import leak_scan
from tests.support.example_account import signed_now
from tests.support.forked_commands import Forked
from tests.support.waiting import LIMIT_SECONDS, until

Serve = Callable[..., "RunningServer"]
"""Of the fixture `serve`."""
Gateway = Callable[..., subprocess.CompletedProcess[str]]
"""Of the fixture `gateway`."""
GATEWAY = (sys.executable, "-m", "boxis_gateway")


class RunningServer:
    """`boxis-gateway serve` as a process, on a port of its own; `by` is a command that starts it.
    It writes to stderr, or to a log."""

    def __init__(
        self, store: Store, *options: str, by: Sequence[str] = (), log: IO[str] | None = None
    ) -> None:
        command = [*by, *GATEWAY, "serve", "--port", "0", "--watch-port", "0", *options]
        self.start(command, log=log, BOXIS_GATEWAY_DATABASE_URL=store.url)
        assert self.process.stdout is not None
        said = self.process.stdout.readline()
        found = re.search(r"http://\S+", said)
        assert found, f"the server said {said!r}"
        self.url = found[0]
        self.port = int(self.url.rstrip("/").rsplit(":", 1)[1])

    @cached_property
    def watched_at(self) -> str:
        """The address of metrics and health, which the second line names; without a slash."""
        assert self.process.stdout is not None
        found = re.search(r"(http://\S+)/metrics", self.process.stdout.readline())
        assert found
        return found[1]

    def start(
        self,
        command: Sequence[str],
        cwd: Path | None = None,
        log: IO[str] | None = None,
        **environ: str,
    ) -> None:
        """Begin. What it writes to stderr goes into a file, however much that is."""
        self._errors = log or tempfile.NamedTemporaryFile("w+")  # noqa: SIM115 - `end` closes it
        self._is_watched = "--watch-port" in command and "off" not in command
        begin = Forked if tuple(command[: len(GATEWAY)]) == GATEWAY else subprocess.Popen
        self.process = begin(
            command,
            cwd=cwd,
            env={**os.environ, **environ},
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            start_new_session=True,
        )

    @property
    def workers(self) -> list[int]:
        """The processes that answer."""
        pid = self.process.pid
        return [int(n) for n in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]

    def post(self, *, stream: bool = False, **form: str) -> requests.Response:
        """The answer to a signed form."""
        return requests.post(self.url, data=signed_now(**form), stream=stream, timeout=60)

    def monitoring(self, path: str) -> requests.Response:
        """The answer on the monitoring port. A process that ends may reset a connection."""

        def ask() -> list[requests.Response]:
            with suppress(requests.RequestException):
                return [requests.get(self.watched_at + path, timeout=60)]
            return []

        return until(ask)[0]

    def log(self) -> str:
        """Lines on stderr so far."""
        return Path(self._errors.name).read_text()

    def stop(self, with_signal: int = signal.SIGTERM) -> tuple[int, str]:
        """The exit code, and all that it wrote to stderr."""
        if self.process.poll() is None:
            with suppress(requests.RequestException):
                if self._is_watched:
                    metrics = requests.get(f"{self.watched_at}/metrics", timeout=2)
                    plain = re.sub(
                        r"\d+\.\d+", "", metrics.text
                    )  # the digits of seconds are random
                    leak_scan.note_output("the metrics", plain)
            self.process.send_signal(with_signal)
        return self.end()

    def end(self) -> tuple[int, str]:
        """Exit code and stderr of a server that is stopping."""
        self.process.communicate(timeout=LIMIT_SECONDS)
        if not self._errors.closed:
            self.errors = self.log()
            self._errors.close()
            leak_scan.note_output("a server's log", self.errors)
        return self.process.returncode, self.errors


def start_command(store: Store, *words: str, **environ: str) -> subprocess.Popen[str]:
    """`boxis-gateway` over a store, as a process of its own."""
    return Forked(
        [*GATEWAY, *words],
        env={**os.environ, "BOXIS_GATEWAY_DATABASE_URL": store.url, **environ},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
