"""Following a log: each line once, through rotation, restarts and kills."""

from __future__ import annotations

import functools
import gzip
import os
import shutil
import signal
import subprocess
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, current_thread, main_thread
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from boxis_gateway.commands import cli, import_messages
from boxis_gateway.errors import ImportFailed, StoreError
from boxis_gateway.importers.reading.lines import ReadOptions
from boxis_gateway.importing import AccountMap, Follower, Summary, follow, follow_with_retry
from boxis_gateway.importing import log_tail as log_tail_module
from boxis_gateway.model import Account
from boxis_gateway.store import Store
from boxis_gateway.zones import find_zone
from tests.support.example_account import NOW, USERNAME
from tests.support.forked_commands import Forked
from tests.support.paths import IMPORTS
from tests.support.running_server import GATEWAY
from tests.support.stores import Stores, store_at
from tests.support.waiting import LIMIT_SECONDS, until

LINE = (
    "2026-11-21 23:{:02}:{:02} Sent SMS [SMSC:f] [SVC:t] [ACT:] [BINF:] [FID:{fid}] [META:] "
    "[from:boxis.net] [to:+48514151563] [flags:-1:0:-1:-1:31] [msg:{octets}:{text}] [udh:0:]\n"
)
REPORT = (
    "2026-11-21 23:59:00 Receive DLR [SMSC:f] [SVC:t] [ACT:] [BINF:] [FID:{}] [META:] "
    "[from:boxis.net] [to:+48514151563] [flags:-1:-1:-1:-1:1] [msg:0:] [udh:0:]\n"
)


def line(second: int, text: str, fid: str = "") -> str:
    return LINE.format(second // 60, second % 60, fid=fid, octets=len(text), text=text)


class Killed(Exception):
    """Stands for SIGKILL: the follower has no chance to do anything more."""


class Steps(Event):
    """Stop event of a follower; each wait takes the next step, and stops after the last."""

    def __init__(self, steps: Iterator[Callable[[], None]]) -> None:
        super().__init__()
        self._steps = steps

    def wait(self, timeout: float | None = None) -> bool:
        assert timeout is not None
        assert timeout <= 1, "a line is in the history within two seconds"
        step = next(self._steps, None)
        if step is None:
            self.set()
        else:
            step()
        return self.is_set()


class World:
    """A log, who writes and rotates it, and how often each text was written."""

    def __init__(self, folder: Path) -> None:
        self.log = folder / "access.log"
        self.second = 0
        self.files = 0
        self.texts: Counter[str] = Counter()
        self.cut = ""
        self.rotations = 0

    def write(self, texts: list[int], cut: bool = False) -> None:
        said = self.cut
        if not self.log.exists() or not self.log.stat().st_size:
            self.files += 1
            texts = [1000 + self.files, *texts]  # no two files begin alike
        for number in texts:
            self.second += number % 2
            text = f"text {number}"
            self.texts[text] += 1
            said += line(self.second, text)
        self.cut = said[-7:] if cut else ""
        with open(self.log, "a") as file:
            file.write(said[:-7] if cut else said)

    def rename(self) -> None:
        if self.log.exists() and not self.cut:
            self.rotations += 1
            self._touch(self.log.rename(self.log.with_name(f"access.log.{self.rotations}")))

    def copy_and_truncate(self) -> None:
        if self.log.exists() and not self.cut:
            self.rotations += 1
            copy = self.log.with_name(f"access.log-{self.rotations}")
            self._touch(Path(shutil.copy(self.log, copy)))
            os.truncate(self.log, 0)

    def compress(self) -> None:
        for path in sorted(self.log.parent.glob("access.log?*")):
            if path.suffix != ".gz":
                packed = path.with_name(path.name + ".gz")
                packed.write_bytes(gzip.compress(path.read_bytes()))
                shutil.copystat(path, packed)
                path.unlink()
                return

    def take(self, name: str, *arguments: Any) -> None:
        """A step, by its name."""
        getattr(self, name)(*arguments)

    def kill(self) -> None:
        raise Killed

    def start(self) -> None:
        """No-op, unless the follower was killed."""

    def _touch(self, rotated: Path) -> None:
        """Rotations are hours apart; here they would be of one moment."""
        os.utime(rotated, (1_000_000 + self.rotations, 1_000_000 + self.rotations))


def follower(store: Store, account: Account, log: Path, stop: Event) -> Follower:
    return Follower(
        log,
        AccountMap(store, account, {}),
        ReadOptions(find_zone("UTC")),
        stop=stop,
        notify=lambda told: None,
    )


def stored_texts(store: Store) -> Counter[str]:
    rows = store.database.execute_sql("SELECT text FROM submission").fetchall()
    return Counter(text for (text,) in rows)


CUT = st.sampled_from([False, False, True])
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("write"), st.lists(st.sampled_from([0, 0, 1]), max_size=4), CUT),
        st.tuples(st.sampled_from(["rename", "copy_and_truncate", "compress", "kill", "start"])),
    ),
    max_size=16,
)


@settings(max_examples=30)
@given(STEPS, st.sampled_from([2, 5_000]))
def test_every_line_is_one_message_at_last(stores: Stores, steps: Any, at_once: int) -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setattr(log_tail_module, "PAUSE_LINES", at_once)
        store = stores.make(Path(folder) / "store.db")
        account = store.accounts.add(USERNAME, "k", NOW)
        world = World(Path(folder))

        world.write([])
        remaining = iter([("start",), *steps, ("start",), ("write", []), *[("start",)] * 4])
        while True:
            stop = Steps(functools.partial(world.take, *step) for step in remaining)
            try:
                follower(store, account, world.log, stop).run()
                break
            except Killed:
                for step in remaining:
                    if step == ("start",):
                        break
                    if step != ("kill",):
                        world.take(*step)
        assert stored_texts(store) == world.texts
        store.close()


@contextmanager
def following(store: Store, log: Path, *options: str) -> Iterator[subprocess.Popen[str]]:
    words = ("--account", USERNAME, "--timezone", "UTC", "--follow", *options)
    process = Forked(
        [*GATEWAY, "import", str(log), *words],
        env={**os.environ, "BOXIS_GATEWAY_DATABASE_URL": store.url},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def test_a_line_is_in_the_history_at_once(store: Store, account: Account, tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    log.write_text("2026-11-21 23:00:00 Log begins\n" + line(1, "before"))
    with following(store, log) as process:
        until(lambda: stored_texts(store).total() == 1)
        for number in range(2, 5):
            with open(log, "a") as file:
                file.write(line(number, f"text {number}"))
            until(lambda number=number: stored_texts(store).total() == number)  # type: ignore[misc]
        process.send_signal(signal.SIGTERM)
        out, said = process.communicate(timeout=LIMIT_SECONDS)
    assert process.returncode == 0
    assert out.startswith("kannel, dates in UTC: 4 added, 0 already there, 0 rejected lines")
    assert "text" not in said


def test_a_later_report_changes_its_message(store: Store, account: Account, tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    log.write_text(line(1, "hello", fid="77"))

    def report() -> None:
        with open(log, "a") as file:
            file.write(REPORT.format("77"))

    follower(store, account, log, Steps(iter([report]))).run()
    (message,) = store.history.recent(account.id, "0", "9999", 5)
    assert message.status == "delivered"


def test_a_missing_log_is_waited_for(store: Store, account: Account, tmp_path: Path) -> None:
    log = tmp_path / "access.log"

    def create() -> None:
        log.write_text(line(1, "first"))

    follower(store, account, log, Steps(iter([lambda: None, create]))).run()
    assert stored_texts(store) == {"first": 1}


def test_only_logs_can_be_followed(store: Store, account: Account, tmp_path: Path) -> None:
    path = tmp_path / "m.csv"
    path.write_text("recipient,sender,date\n")
    with pytest.raises(ImportFailed, match="--follow needs a growing log"):
        follower(store, account, path, Steps(iter([]))).run()


def test_bad_lines_are_listed_by_number(store: Store, account: Account, tmp_path: Path) -> None:
    log, rejects = tmp_path / "access.log", tmp_path / "rejects.csv"
    log.write_text(line(1, "one") + "bad\n")

    def run(*steps: Callable[[], None]) -> None:
        accounts, options = AccountMap(store, account, {}), ReadOptions(find_zone("UTC"))
        stop = Steps(iter(steps))
        Follower(
            log, accounts, options, stop=stop, notify=lambda told: None, rejects_path=rejects
        ).run()

    run()
    with open(log, "a") as file:
        file.write(line(2, "two") + line(3, "three") + "bad too\n")
    run()
    reason = "not a line of the log"
    listed = ["number,reason", f"2,{reason}", f"2,{reason}", f"5,{reason}"]
    assert rejects.read_text().splitlines() == listed  # the last second was read again


def test_a_lost_rotated_log_is_reported(store: Store, account: Account, tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    log.write_text(line(1, "one"))
    follower(store, account, log, Steps(iter([]))).run()
    log.write_text(line(2, "two"))
    told: list[str] = []
    accounts, options = AccountMap(store, account, {}), ReadOptions(find_zone("UTC"))
    Follower(log, accounts, options, stop=Steps(iter([])), notify=told.append).run()
    assert "is not found" in told[1]
    assert stored_texts(store) == {"one": 1, "two": 1}


def test_equal_lines_survive_restarts(store: Store, account: Account, tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    for written in (2, 3, 5):
        log.write_text(line(1, "same") * written)
        follower(store, account, log, Steps(iter([]))).run()
        assert stored_texts(store) == {"same": written}


def test_a_log_of_jasmin_is_followed_too(store: Store, account: Account, tmp_path: Path) -> None:
    log = tmp_path / "messages.log"
    lines = (IMPORTS / "jasmin-sample.log").read_text().splitlines(True)
    log.write_text("".join(lines[:3]))

    def grow() -> None:
        with open(log, "a") as file:
            file.write("".join(lines[3:]))

    summary = follower(store, account, log, Steps(iter([grow]))).run()
    assert (summary.format, summary.added, summary.bad) == ("jasmin", 6, 0)


def test_following_a_log_is_audited(store: Store, account: Account, tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    log.write_text(line(1, "one"))
    follower(store, account, log, Steps(iter([]))).run()
    told = [(one.what, one.subject) for one in store.audit.entries("", "9")]
    assert told[-2:] == [("import.follow", "access.log"), ("import.run", "access.log")]


def test_a_log_is_known_by_its_first_line(store: Store, account: Account, tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    log.write_text("2026-11-21 23:00:00 Log begins\n")

    def grow() -> None:
        with open(log, "a") as file:
            file.write(line(1, "first"))

    follower(store, account, log, Steps(iter([grow]))).run()
    assert stored_texts(store) == {"first": 1}


def test_retention_may_change_meanwhile(store: Store, account: Account, tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    old = line(1, "old").replace("2026", "2012")
    log.write_text(old.replace("old", "one"))

    def change() -> None:
        store.accounts.set_options(account, {"keep_messages_days": "9"})
        with open(log, "a") as file:
            file.write(old)

    summary = follower(store, account, log, Steps(iter([change]))).run()
    assert stored_texts(store) == {"one": 1}
    assert summary.other["message older than the account keeps"] == 1


def test_lost_servers_are_told_each_minute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follow, "RETRY_SECONDS", 0.01)
    monkeypatch.setenv("BOXIS_GATEWAY_SECRET_KEY_FILE", str(tmp_path / "key"))
    store = store_at(f"postgresql:///gateway?host={tmp_path}")  # where no server is
    stop, tries, said = Event(), 0, list[str]()

    def start() -> Follower:
        nonlocal tries
        tries += 1
        if tries == 5:
            stop.set()
        store.require_current()
        raise AssertionError

    with pytest.raises(StoreError, match="cannot be used"):
        follow_with_retry(start, stop, said.append)
    assert tries == 5
    assert len(said) == 1
    assert "Retrying" in said[0]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_does_not_wait_for_the_lock_that_it_interrupts(
    number: signal.Signals, account: Account, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Stop(Event):
        def set(self) -> None:
            assert current_thread() is not main_thread()
            super().set()

    def wait(start: object, stop: Event, say: object) -> Summary:
        signal.raise_signal(number)
        assert stop.wait(LIMIT_SECONDS)
        return Summary("kannel")

    monkeypatch.setattr(import_messages, "Event", Stop)
    monkeypatch.setattr(import_messages, "follow_with_retry", wait)
    monkeypatch.setenv("BOXIS_GATEWAY_DATABASE_URL", store.url)
    before = [signal.getsignal(one) for one in (signal.SIGTERM, signal.SIGINT)]
    words = ["import", __file__, "--account", USERNAME, "--follow"]
    cli.main(words, standalone_mode=False)
    for one, handler in zip((signal.SIGTERM, signal.SIGINT), before, strict=True):
        signal.signal(one, handler)
