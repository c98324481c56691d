"""The application under other WSGI servers, which wait for a commit inside the answer."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest
import requests

from boxis_gateway.app import create_app
from boxis_gateway.model import Account
from boxis_gateway.settings import Settings
from boxis_gateway.store import Store
from tests.support.example_account import NOW, signed_now
from tests.support.host import Address, body_of, send_form
from tests.support.waiting import LIMIT_SECONDS, until
from tests.support.writing_app import WITH_WRITES, added, held, patient, signed_write


class QuietHandler(WSGIRequestHandler):
    """Handler of wsgiref without lines on stderr."""

    def log_message(self, format: str, *args: object) -> None:
        pass


def test_wsgiref_waits_for_the_answer(store: Store, account: Account) -> None:
    app = patient(create_app(store, Settings(), lambda: NOW, actions=WITH_WRITES))
    with make_server("127.0.0.1", 0, app, handler_class=QuietHandler) as server:

        def handle() -> None:
            server.handle_request()
            store.close()

        handling = threading.Thread(target=handle)
        with held(store):
            client = send_form(server.server_address[:2], signed_write("late"))  # type: ignore[arg-type]
            handling.start()
            until(lambda: app.writer._thread)
            assert handling.is_alive()
        answer = json.loads(body_of(client))
        handling.join()
    app.close()
    assert answer["params"] == {"name": "late", "letters": 4}
    assert added(store) == ["late"]


@contextmanager
def gunicorn(store: Store, *options: str) -> Iterator[Address]:
    """Address of the application under a worker of gunicorn's own."""
    words = [sys.executable, "-m", "gunicorn", "-b", "127.0.0.1:0", *options]
    process = subprocess.Popen(
        [*words, "tests.support.writing_app:make()"],
        env={**os.environ, "BOXIS_GATEWAY_DATABASE_URL": store.url},
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr
    try:
        lines = iter(process.stderr.readline, "")
        ports = (re.search(r"http://127.0.0.1:(\d+)", line) for line in lines)
        yield "127.0.0.1", int(next(port[1] for port in ports if port))
    finally:
        process.terminate()
        process.communicate(timeout=LIMIT_SECONDS)


def result(address: Address, form: dict[str, str]) -> str:
    """The result of a request: `1` or `0`."""
    return str(json.loads(body_of(send_form(address, form)))["result"])


def test_threads_of_gunicorn_answer_others_meanwhile(store: Store, account: Account) -> None:
    with gunicorn(store, "-k", "gthread", "--threads", "4") as address:
        with held(store):
            client = send_form(address, signed_write("late", now=time.time()))
            assert result(address, signed_now(returntype="json")) == "1"
            client.setblocking(False)
            with pytest.raises(BlockingIOError):
                client.recv(1)
            client.settimeout(LIMIT_SECONDS)
        assert json.loads(body_of(client))["result"] == "1"
    assert added(store) == ["late"]


def test_a_sync_worker_of_gunicorn_answers_after_the_commit(store: Store, account: Account) -> None:
    with gunicorn(store) as address:
        for name, expected in (("first", "1"), ("refused", "0"), ("second", "1")):
            assert result(address, signed_write(name, now=time.time())) == expected
            assert added(store).count(name) == int(expected)
        form = signed_write("third", now=time.time())
        url = f"http://{address[0]}:{address[1]}/"
        head = requests.head(url, params=form, timeout=LIMIT_SECONDS)
        assert (head.status_code, head.content) == (200, b"")
