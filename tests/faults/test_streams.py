"""Answers that fail after their first byte: nobody can take them for complete ones."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest

from tests.support import file_faults
from tests.support.example_account import signed
from tests.support.running_server import RunningServer
from tests.support.shop import ROWS, Shop, moment, secrets_in
from tests.support.stores import Stores

pytestmark = pytest.mark.sqlite_only("pages of a file are damaged")

LAST_CHUNK = b"0\r\n\r\n"
ENDS = {"xml": b"</return>", "json": b'"timestamp"'}


@pytest.fixture(scope="module")
def shop(
    stores: Stores, template: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Shop]:
    """A store that is damaged in its middle."""
    folder = tmp_path_factory.mktemp("streams")
    (folder / "store").mkdir()
    store = stores.copy(template, folder / "store" / "store.db")
    with (folder / "log").open("w") as log:
        server = RunningServer(store, "--workers", "1", log=log)
        shop = Shop(store, server, folder / "log")
        assert shop.login() == "token"
        with file_faults.damaged_pages(shop):
            yield shop
        server.stop()
    store.close()


def begun(shop: Shop, request: str) -> tuple[bytes, bool]:
    """All that came, and whether it ended with a reset."""
    came = b""
    with socket.create_connection(("127.0.0.1", shop.server.port), timeout=60) as connection:
        connection.sendall(request.encode())
        try:
            while piece := connection.recv(65_536):
                came += piece
        except ConnectionResetError:
            return came, True
    return came, False


def posted(version: str, form: dict[str, str]) -> str:
    body = urlencode(signed(int(time.time()), form))
    return f"POST / HTTP/{version}\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n{body}"


@pytest.mark.parametrize("version", ["1.0", "1.1"])
@pytest.mark.parametrize("returntype", ["xml", "json"])
def test_a_history_is_broken_off_with_a_reset(returntype: str, version: str, shop: Shop) -> None:
    before = len(shop.said())
    came, reset = begun(shop, posted(version, {"returntype": returntype}))
    assert reset
    assert came.startswith(b"HTTP/1.1 200 OK")
    assert b"reciptient" in came
    assert (b"chunked" in came) == (version == "1.1")
    assert LAST_CHUNK not in came
    assert ENDS[returntype] not in came
    said = shop.said()[before:]
    assert "aborted. The store cannot be used: database disk image is malformed" in said
    assert "Traceback" not in said
    assert secrets_in(said) == []


@pytest.mark.parametrize("version", ["1.0", "1.1"])
@pytest.mark.parametrize("written", ["csv", "jsonl"])
def test_an_export_is_broken_off_with_a_reset(written: str, version: str, shop: Shop) -> None:
    before = len(shop.said())
    asked = f"GET /sms/export?format={written}&token={shop.token} HTTP/{version}\r\nHost: x\r\n\r\n"
    came, reset = begun(shop, asked)
    assert reset
    assert came.startswith(b"HTTP/1.1 200 OK")
    assert b"48514000000" in came
    assert LAST_CHUNK not in came
    said = shop.said()[before:]
    assert "aborted. The store cannot be used: database disk image is malformed" in said
    assert "Traceback" not in said


def test_a_short_answer_fails_as_a_whole(shop: Shop) -> None:
    """An answer of at most SHORT_ROWS leaves when all of it is there."""
    middle = {"datefrom": moment(ROWS // 2 - 90), "dateto": moment(ROWS // 2 + 90)}
    came, _ = begun(shop, posted("1.0", middle))
    assert came.count(b"reciptient") == 0
    assert b"error: service is not available, try again later</resulttxt>" in came


def test_undamaged_rows_are_answered(shop: Shop) -> None:
    newest = {"datefrom": moment(ROWS - 10)}
    came, _ = begun(shop, posted("1.0", newest))
    assert came.count(b"<reciptient>") == 10
    assert came.endswith(b"</return>")
