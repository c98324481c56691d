"""Kills a change of the keys at each step of it, and checks the store after each kill.

    python -m tests.support.killed_at_each_step FOLDER "user_keys.rotate(drop_old=True)" 1

FOLDER has the store to begin with; 3 in place of 1 kills at every third step. Prints the number of
kills. It forks, which a process of the test suite, with its threads, should not.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import tempfile
from itertools import count
from pathlib import Path
from types import FrameType
from typing import Any

from boxis_gateway.store import Store
from tests.support.example_account import USER_KEY, USERNAME

STEPS = {
    *("_rotate", "rotate", "_drop_old", "renew", "make", "_write", "_give", "replacement_file"),
    *("_migrate", "up", "wipe", "vacuum_full", "checkpoint_wal"),
}
"""Functions that change something on the disk; each line of them is a step."""


def main() -> None:
    """A kill does not need a disk, only files: those of memory are quick."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        for kills, step in enumerate(count(1, int(sys.argv[3]))):
            killed = killed_at(step, fresh(Path(folder)), sys.argv[2])
            check(Path(folder), sys.argv[2])
            if not killed:
                print(kills)
                break


def fresh(folder: Path) -> Path:
    """The files as they are to begin with."""
    shutil.rmtree(folder)
    shutil.copytree(sys.argv[1], folder)
    return folder


def killed_at(step: int, folder: Path, what: str) -> bool:
    """Run the change; True if it was killed before its end."""
    child = os.fork()
    if child:
        _, status = os.waitpid(child, 0)
        assert status in (0, signal.SIGKILL), status
        return status == signal.SIGKILL
    store, left = Store(f"sqlite:///{folder}/store.db"), step

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal left
        if frame.f_code.co_name not in STEPS or "boxis_gateway" not in frame.f_code.co_filename:
            return None
        left -= event == "line"
        if not left:
            os.kill(os.getpid(), signal.SIGKILL)
        return trace

    sys.settrace(trace)
    change(store, what)
    os._exit(0)


def change(store: Store, what: str) -> None:
    """Run the change."""
    eval(f"store.{what}", {"store": store})


def check(folder: Path, what: str) -> None:
    """The user key is what it was, and the same call brings the change to its end."""
    store = Store(f"sqlite:///{folder}/store.db")
    if what != "migrate()":
        look(store)
    change(store, what)
    look(store)
    assert not store.needs_wipe()
    store.close()
    files = {one.name for one in folder.iterdir()}
    assert files - {"store.db-lock"} == {"store.db", "store.db.key"}, files


def look(store: Store) -> None:
    """Raises if the keys at hand do not open the store."""
    store.require_current().user_keys.require_open()
    assert store.user_keys.get(store.accounts.get(USERNAME)) == USER_KEY


if __name__ == "__main__":
    main()
