"""Shared by the tests of backups, restores and `verify`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from boxis_gateway.store import Store, verify
from boxis_gateway.zones import utc_now


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """The path of a backup, in a folder of its own."""
    folder = tmp_path / "backups"
    folder.mkdir()
    return folder / "one.db"


def rows(count: int, month: int = 5) -> Iterator[dict[str, str]]:
    """Rows for `add_messages`, a second apart."""
    for n in range(count):
        yield {"date": f"2012-{month:02}-09 {n // 3600:02}:{n // 60 % 60:02}:{n % 60:02}"}


def findings(store: Store) -> list[str]:
    return verify(store, utc_now()).findings


def spoil(path: Path) -> None:
    """Overwrite the last pages of a file."""
    with path.open("r+b") as file:
        file.seek(-5 * 4096, os.SEEK_END)
        file.write(b"\xff" * 4096 * 5)
