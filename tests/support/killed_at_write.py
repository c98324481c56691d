"""Does one job after another with a store, each in a process of its own, killed at a write.

A job is a line of JSON, `{"words": [...], "url": ..., "at": ...}`: the words of a command, or one
of SERVED, and the number of the write at which it ends (0: never). Half of that write is done.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from importlib import import_module
from typing import Any

import apsw

from boxis_gateway.app import create_app
from boxis_gateway.commands import COMMANDS, cli
from boxis_gateway.errors import OperatorError
from boxis_gateway.rest_api.auth import RENEWAL_INTERVAL
from boxis_gateway.settings import Settings
from boxis_gateway.zones import utc_now
from tests.support.example_account import USERNAME
from tests.support.shop import PASSWORD
from tests.support.stores import store_at

SESSION = "e" * 40
SERVED: dict[str, tuple[str, dict[str, str]]] = {
    "login": ("/auth/login", {"username": USERNAME, "password": PASSWORD}),
    "renewal": ("/ping", {"token": SESSION}),
    "logout": ("/auth/logout", {"token": SESSION}),
}


class Writes:
    """Counts them, and ends the process in the middle of one."""

    def __init__(self, at: int) -> None:
        self.at, self.done = at, 0

    def is_last(self) -> bool:
        self.done += 1
        return self.done == self.at


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class File(apsw.VFSFile):
    """A file of SQLite's whose writes are counted."""

    def __init__(self, writes: Writes, name: Any, flags: list[int]) -> None:
        super().__init__("unix", name, flags)
        self._writes = writes

    def xWrite(self, data: bytes, offset: int) -> None:
        if self._writes.is_last():
            super().xWrite(data[: len(data) // 2], offset)
            die()
        super().xWrite(data, offset)

    def xSync(self, flags: int) -> None:
        if self._writes.is_last():
            die()
        super().xSync(flags)

    def xTruncate(self, size: int) -> None:
        if self._writes.is_last():
            die()
        super().xTruncate(size)


class FileSystem(apsw.VFS):
    """File system of SQLite."""

    def __init__(self, writes: Writes) -> None:
        super().__init__("counting", "unix", makedefault=True)
        self._writes = writes

    def xOpen(self, name: Any, flags: list[int]) -> File:
        return File(self._writes, name, flags)

    def xDelete(self, name: str, sync: bool) -> None:
        if self._writes.is_last():
            die()
        super().xDelete(name, sync)


def main() -> None:
    for name in COMMANDS.values():
        import_module(f"boxis_gateway.commands.{name}")
    for line in sys.stdin:
        job = json.loads(line)
        told, telling = os.pipe()
        child = os.fork()
        if not child:
            os.close(told)
            run(job, telling)
        os.close(telling)
        with os.fdopen(told, "rb") as pipe:
            said = pipe.read()
        _, status = os.waitpid(child, 0)
        code = os.waitstatus_to_exitcode(status)
        print(json.dumps({"code": code, **json.loads(said or "{}")}), flush=True)


def run(job: dict[str, Any], telling: int) -> None:
    """Do it, tell how many writes that took, and end."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 1)
    writes, code, problem = Writes(job["at"]), 0, ""
    system = FileSystem(writes)
    os.environ["BOXIS_GATEWAY_DATABASE_URL"] = job["url"]
    try:
        if job["words"][0] in SERVED:
            served(job["url"], *SERVED[job["words"][0]])
        else:
            cli.main(job["words"], prog_name="boxis-gateway", standalone_mode=False)
    except OperatorError as error:
        code, problem = 1, str(error)
    system.unregister()  # it was used for as long as it was held
    os.write(telling, json.dumps({"writes": writes.done, "problem": problem}).encode())
    os._exit(code)


def served(url: str, path: str, query: dict[str, str]) -> None:
    """Serve one request, by a clock a little ahead, so that a renewal is due."""
    store = store_at(url).require_current()
    app = create_app(store, Settings(), lambda: utc_now() + 3 * RENEWAL_INTERVAL)
    assert app.test_client().get(path, query_string=query).status_code in (200, 401)
    app.close()
    store.close()


if __name__ == "__main__":
    main()
