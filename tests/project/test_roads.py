"""The roads that docs/architecture.md draws are those that requests take."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

import boxis_gateway
from boxis_gateway.model import Account
from boxis_gateway.store import Store
from tests.support.documents import TEXTS
from tests.support.example_account import NOW, add_messages, signed
from tests.support.host import body_of
from tests.support.writing_app import ServeApp, held, signed_write

PACKAGE = f"{Path(boxis_gateway.__file__).parent}/"
Step = tuple[str, str]
"""A file of the package, and a function or class in it."""

pytestmark = pytest.mark.sqlite_only("the document names its files")


@pytest.fixture
def calls() -> Iterator[dict[str, list[Step]]]:
    """Calls of functions of the package by thread, in order, of threads that begin from now on."""
    calls: dict[str, list[Step]] = {}

    def note(frame: FrameType, event: str, _: Any) -> None:
        if event != "call":
            return
        own, code = calls.setdefault(threading.current_thread().name, []), frame.f_code
        if code.co_filename.startswith(PACKAGE):
            own.append((code.co_filename.removeprefix(PACKAGE), code.co_name))
        elif code.co_name == "__init__" and (made := frame.f_locals.get("self")) is not None:
            kind = type(made)  # of a dataclass, whose method has no file
            own.append((f"{'/'.join(kind.__module__.split('.')[1:])}.py", kind.__name__))

    threading.setprofile(note)
    yield calls
    threading.setprofile(None)  # type: ignore[arg-type]


def road(heading: str) -> list[Step]:
    """The files below a heading of the document, each with what it begins at."""
    section = TEXTS["docs/architecture.md"].split(f"\n{heading}\n")[1]
    section = re.split(r"^##", section, flags=re.MULTILINE)[0]
    steps = re.findall(r"^\| `(\S+\.py)` \| `(\w+)` \|", section, re.MULTILINE)
    assert len(steps) > 5
    return steps


def assert_taken(steps: list[Step], calls: list[Step]) -> None:
    """Fail unless the calls have all the steps, in their order."""
    rest = iter(calls)
    for step in steps:
        assert step in rest, f"{step} is not called after the steps before it"


def loop_calls(calls: dict[str, list[Step]]) -> list[Step]:
    """The calls of the server's thread."""
    (own,) = (own for own in calls.values() if ("server/connection.py", "data_received") in own)
    return own


def test_a_read_takes_its_road(
    serve_app: ServeApp, store: Store, account: Account, calls: dict[str, list[Step]]
) -> None:
    add_messages(store, account, {"date": "2012-05-09 10:28:00"})
    assert "<reciptient>" in serve_app().post(signed(int(NOW.timestamp()), {}))
    assert_taken(road("## Road of a read"), loop_calls(calls))


def test_a_write_takes_its_road(
    serve_app: ServeApp, store: Store, account: Account, calls: dict[str, list[Step]]
) -> None:
    served = serve_app()
    with held(store):
        client = served.begin(signed_write("late", "xml"))
    assert "<result>1" in body_of(client)
    before, after = (
        road(f"### In the event loop, {part}")
        for part in ("until the write waits", "after the commit")
    )
    assert_taken([*before, *after], loop_calls(calls))
    assert_taken(road("### On the writer thread"), calls["writer"])
