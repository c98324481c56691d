"""The table of faults: how each is made, what clients see meanwhile, and what the log says.

One server goes through all of them, so each also shows that it has recovered from those before.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import NamedTuple

import pytest

from boxis_gateway.store import verify_file
from boxis_gateway.zones import utc_now
from tests.support import file_faults
from tests.support.running_server import RunningServer
from tests.support.shop import (
    ALL_WELL,
    BROKEN_OFF,
    NOTHING,
    READS_ONLY,
    UNAVAILABLE,
    Shop,
    secrets_in,
)
from tests.support.stores import Stores

pytestmark = pytest.mark.sqlite_only("faults of a file and its disk")

OBEYS_MODES = ("setpriv", "--bounding-set=-dac_override,-dac_read_search")  # as root does not


class Fault(NamedTuple):
    """A row of the table."""

    made: Callable[[Shop], AbstractContextManager[object]]
    view: Mapping[str, str]
    said: str


DAMAGED = {"xml": BROKEN_OFF, "json": BROKEN_OFF, "list": UNAVAILABLE, "login": "token"}
FAULTS = [
    Fault(file_faults.held, READS_ONLY, "in use by another process"),
    Fault(file_faults.held_by_a_stopped_process, READS_ONLY, "in use by another process"),
    Fault(file_faults.read_only, READS_ONLY, "readonly database"),
    Fault(file_faults.full, READS_ONLY, "disk is full"),
    Fault(file_faults.damaged_pages, DAMAGED, "malformed"),
    Fault(file_faults.destroyed_head, NOTHING, "not a database"),
    Fault(file_faults.truncated, NOTHING, "malformed"),
    Fault(file_faults.emptied, NOTHING, "is not a"),  # database, or store of this version
    Fault(file_faults.moved_away, NOTHING, "There is no store at"),
    Fault(file_faults.deleted, NOTHING, "There is no store at"),
    Fault(file_faults.another_database, NOTHING, "not a store of this version"),
    Fault(file_faults.no_database, NOTHING, "not a database"),
]


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A disk that can be filled, if the right to mount one is to be had."""
    folder = tmp_path_factory.mktemp("table") / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=24m", "none", folder]
    mounted = subprocess.run(mount, capture_output=True, check=False).returncode == 0
    yield folder
    if mounted:
        subprocess.run(["umount", "-l", folder], check=True)


@pytest.fixture(scope="module")
def shop(
    stores: Stores, template: Path, disk: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Shop]:
    """The shop that everything happens to."""
    log = tmp_path_factory.mktemp("log") / "log"
    (disk / "store").mkdir()
    store = stores.copy(template, disk / "store" / "store.db")
    by = OBEYS_MODES if os.getuid() == 0 else ()
    with log.open("w") as file:
        server = RunningServer(store, "--workers", "1", by=by, log=file)
        shop = Shop(store, server, log)
        assert shop.view() == ALL_WELL
        yield shop
        server.stop()
    store.close()


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.made.__name__)
def test_clients_get_the_truth_or_an_error(fault: Fault, shop: Shop, disk: Path) -> None:
    if fault.made is file_faults.full and not os.path.ismount(disk):
        pytest.skip("no small disk to be had")
    before = len(shop.said())
    with fault.made(shop):
        view = shop.view()
    assert view == fault.view
    said = shop.said()[before:]
    assert shop.view() == ALL_WELL
    assert fault.said in said
    assert "Traceback" not in said
    assert secrets_in(said) == []
    assert verify_file(shop.path, utc_now()).findings == []
