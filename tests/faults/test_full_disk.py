"""A disk that fills up: a clear error, nothing lost, nothing doubled."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.example_account import NOW, USERNAME
from tests.support.running_server import GATEWAY
from tests.support.stores import Stores

pytestmark = pytest.mark.sqlite_only("the disk of a file is full")

KIB = 1024
LINES = 20_000
HEADER = "recipient,sender,date,text\n"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A tmpfs of 4 MiB. It takes the right to mount: root has it, or a container that lends it."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4m", "none", disk], capture_output=True, text=True
    )
    if mounted.returncode:
        pytest.skip(f"no small disk to be had: {mounted.stderr.strip()}")
    try:
        yield disk
    finally:
        subprocess.run(["umount", "-l", disk], check=True)


def run(store: Path, *words: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*GATEWAY, *map(str, words)],
        env={**os.environ, "BOXIS_GATEWAY_DATABASE_URL": f"sqlite:///{store}"},
        capture_output=True,
        text=True,
    )


def write_table(path: Path) -> None:
    rows = (
        f"48514{number:06},boxis.net,2012-05-09 {number // 3600:02}:{number // 60 % 60:02}:"
        f"{number % 60:02},{'text ' * 20}\n"
        for number in range(LINES)
    )
    path.write_text(HEADER + "".join(rows))


def test_an_import_stops_at_a_full_disk_and_goes_on_when_there_is_room(
    stores: Stores, small_disk: Path, tmp_path: Path
) -> None:
    table = tmp_path / "messages.csv"
    write_table(table)
    path = small_disk / "store.db"
    store = stores.make(path)
    store.accounts.add(USERNAME, "k", NOW)
    stopped = run(path, "import", table, "--account", USERNAME)
    assert stopped.returncode == 1
    assert stopped.stdout == ""
    assert stopped.stderr.count("\n") == 1
    assert "full" in stopped.stderr
    assert "Traceback" not in stopped.stderr
    kept = len(store.history.recent(1, "0", "9999", LINES))
    assert 0 < kept < LINES
    assert store.find_damage() == ""
    subprocess.run(["mount", "-o", "remount,size=64m", small_disk], check=True)
    went_on = run(path, "import", table, "--account", USERNAME)
    assert went_on.stdout.startswith(
        f"csv, dates in UTC: {LINES - kept} added, {kept} already there, 0 rejected lines"
    )
    assert len(store.history.recent(1, "0", "9999", 2 * LINES)) == LINES
    store.close()


def test_full_disk_for_bad_lines_is_an_error(
    stores: Stores, small_disk: Path, tmp_path: Path
) -> None:
    table = tmp_path / "messages.csv"
    table.write_text(HEADER + "nobody,s,2012-05-09 10:00,x\n" * LINES)
    path = tmp_path / "store.db"
    stores.make(path).accounts.add(USERNAME, "k", NOW)
    (small_disk / "ballast").write_bytes(bytes(4000 * KIB))
    stopped = run(
        path, "import", table, "--account", USERNAME, "--rejects", small_disk / "rejects.csv"
    )
    assert stopped.returncode == 1
    assert "rejects.csv cannot be written: No space left on device" in stopped.stderr
    assert stopped.stderr.count("\n") == 1
