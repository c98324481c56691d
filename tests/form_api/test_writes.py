"""Actions that write: answered after the commit, while others are answered."""

from __future__ import annotations

import http.client
import json
import logging
import re
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from urllib.parse import urlencode

import pytest

from boxis_gateway.model import Account
from boxis_gateway.monitoring.metrics import Metrics
from boxis_gateway.store import Store
from boxis_gateway.store import writer as writer_module
from tests.monitoring.test_monitoring import Kept, figure, figures
from tests.support.example_account import NOW, add_messages, signed
from tests.support.host import body_of, everything
from tests.support.stores import Stores
from tests.support.waiting import LIMIT_SECONDS, until
from tests.support.writing_app import (
    ACTION,
    SECTION,
    ServeApp,
    Served,
    added,
    held,
    signed_write,
)

NOT_AVAILABLE = "Error: service is not available, try again later"
SECOND = str(int(NOW.timestamp()))


def text_of(body: str) -> str:
    """The words of an answer in JSON."""
    return str(json.loads(body)["resulttxt"])


@pytest.fixture
def served(serve_app: ServeApp, account: Account) -> Served:
    return serve_app()


ANSWERS = {
    "xml": '<?xml version="1.0" encoding="UTF-8"?>\n<return><result>1</result>'
    "<resulttxt>success</resulttxt><params><name>Ł &amp; W</name><letters>5</letters></params>"
    f"<timestamp>{SECOND}</timestamp></return>",
    "json": '{"result":"1","resulttxt":"success",'
    f'"params":{{"name":"\\u0141 & W","letters":5}},"timestamp":{SECOND}}}',
}


@pytest.mark.parametrize("returntype", ["xml", "json"])
def test_single_values_are_answered(returntype: str, served: Served, store: Store) -> None:
    body = served.post(signed_write("Ł & W", returntype))
    assert body.replace("&#321;", "Ł") == ANSWERS[returntype]
    assert added(store) == ["Ł & W"]


def test_the_answer_leaves_after_the_commit(
    served: Served, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, may_commit = threading.Event(), threading.Event()
    commit = store.database.commit

    def wait_and_commit() -> None:
        begun.set()
        assert may_commit.wait(LIMIT_SECONDS)
        commit()

    monkeypatch.setattr(store.database, "commit", wait_and_commit)
    with served.begin(signed_write("late")) as client:
        assert begun.wait(LIMIT_SECONDS)
        served.post(signed(int(NOW.timestamp()), {}))  # a turn of the loop
        client.setblocking(False)
        with pytest.raises(BlockingIOError):
            client.recv(1)
        assert added(store) == []
        client.settimeout(LIMIT_SECONDS)
        may_commit.set()
        assert client.recv(1) == b"H"
        assert added(store) == ["late"]


def test_others_read_while_a_write_waits(served: Served, store: Store, account: Account) -> None:
    add_messages(store, account, {"date": "2012-05-09 10:28:00"})
    with held(store):
        client = served.begin(signed_write("late"))
        for returntype in ("xml", "json"):
            assert "48514151563" in served.post(
                signed(int(NOW.timestamp()), {"returntype": returntype})
            )
        assert served.waiting == 1
    assert text_of(body_of(client)) == "success"
    assert added(store) == ["late"]


@pytest.mark.sqlite_only("a foreign program locks a file")
def test_a_write_waits_for_a_foreign_writer(served: Served, store: Store, stores: Stores) -> None:
    with closing(stores.foreign_connection(store.path)) as foreign:
        foreign.execute("BEGIN IMMEDIATE")
        client = served.begin(signed_write("late"))
        foreign.execute("ROLLBACK")
    assert text_of(body_of(client)) == "success"
    assert added(store) == ["late"]


def test_head_writes_nothing(served: Served, store: Store) -> None:
    query = urlencode(signed_write("by HEAD"))
    for method, names in (("HEAD", []), ("GET", ["by HEAD"])):
        connection = http.client.HTTPConnection(*served.host.address, timeout=LIMIT_SECONDS)
        with closing(connection):
            connection.request(method, f"/?{query}")
            assert connection.getresponse().status == 200
        assert added(store) == names


def test_a_write_is_attributed_to_the_user(served: Served, store: Store) -> None:
    served.post(signed_write("with an entry"))
    entry = list(store.audit.entries("", "9"))[-1]
    assert (entry.who, entry.origin) == ("anna@example.com", "127.0.0.1")


@pytest.mark.parametrize(
    ("returntype", "text"),
    [("xml", "error: 'name' is not valid"), ("json", "Error: 'name' is not valid")],
)
def test_a_failure_of_the_write_is_answered_and_nothing_of_it_stored(
    returntype: str, text: str, served: Served, store: Store
) -> None:
    assert text in served.post(signed_write("refused", returntype))
    assert added(store) == []


def test_a_bug_is_an_internal_error(
    served: Served, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    assert text_of(served.post(signed_write("broken"))) == "Error: internal error"
    assert added(store) == []
    (logged,) = (record for record in caplog.records if record.exc_info)
    assert re.fullmatch("request=[0-9a-f]{16} failed", logged.getMessage())


def test_a_bug_in_the_answer_is_an_internal_error_too(
    served: Served, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.support.writing_app.Params", lambda values: values)
    assert text_of(served.post(signed_write("odd"))) == "Error: internal error"
    assert added(store) == ["odd"]


def test_one_that_fails_takes_nobody_along(served: Served, store: Store) -> None:
    names = [f"customer {n:02}" for n in range(14)]
    names[5:5] = ["refused"]
    names[9:9] = ["broken"]
    with held(store):
        clients = [served.begin(signed_write(name)) for name in names]
    texts = dict(zip(names, (text_of(body_of(client)) for client in clients), strict=True))
    assert texts.pop("refused") == "Error: 'name' is not valid"
    assert texts.pop("broken") == "Error: internal error"
    assert set(texts.values()) == {"success"}
    assert added(store) == list(texts)


@pytest.mark.parametrize(
    ("returntype", "text"),
    [("xml", NOT_AVAILABLE.replace("Error", "error")), ("json", NOT_AVAILABLE)],
)
def test_a_full_queue_is_answered_at_once(
    returntype: str,
    text: str,
    served: Served,
    store: Store,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with held(store):
        client = served.begin(signed_write("first"))
        monkeypatch.setattr(writer_module, "QUEUE_WRITES", 0)
        assert text in served.post(signed_write("second", returntype))
    assert text_of(body_of(client)) == "success"
    assert added(store) == ["first"]
    assert "writes wait for the store already" in caplog.text


def test_a_write_waits_no_longer_than_its_time(
    served: Served, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    served.app.writer._wait_seconds = 0.01
    with held(store):
        assert text_of(served.post(signed_write("late"))) == NOT_AVAILABLE
    assert text_of(served.post(signed_write("later"))) == "success"
    assert added(store) == ["later"]
    assert [record.levelname for record in caplog.records] == ["ERROR", "WARNING"]
    assert "outcome=unavailable reason=busy" in caplog.text


def test_limits_and_replays_come_before_the_write(
    serve_app: ServeApp, store: Store, account: Account
) -> None:
    limited = serve_app(account_rate="2/minute", replay="enforce")
    form = signed_write("once", timestamp=str(int(SECOND) + 1))
    assert text_of(limited.post(form)) == "success"
    assert text_of(limited.post(form)) == "Error: 'timestamp' is not valid"
    third = signed_write("third", timestamp=str(int(SECOND) + 2))
    assert "too many requests" in text_of(limited.post(third))
    wrong = signed_write("wrong") | {"authcode": "0" * 32}
    assert text_of(limited.post(wrong)) == "Error: 'authcode' is not valid"
    assert added(store) == ["once"]


@pytest.fixture
def request_lines() -> Iterator[Callable[[], list[str]]]:
    """The log lines of requests that write."""
    kept, log = Kept(), logging.getLogger("boxis_gateway.requests")
    log.addHandler(kept)
    mark = f"action={SECTION}.{ACTION}"
    yield lambda: [line for record in kept.records if mark in (line := str(record))]
    log.removeHandler(kept)


@pytest.mark.parametrize("by_reset", [False, True])
def test_a_client_that_leaves_does_not_undo_its_write(
    by_reset: bool, served: Served, store: Store, request_lines: Callable[[], list[str]]
) -> None:
    with held(store):
        client = served.begin(signed_write("late"))
        if by_reset:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()
    until(lambda: added(store))
    until(request_lines)
    served.host.do(served.app.close)
    (line,) = request_lines()
    assert "outcome=success" in line


def test_an_answer_that_a_stop_cuts_off_is_recorded(
    served: Served, store: Store, request_lines: Callable[[], list[str]]
) -> None:
    with held(store), served.begin(signed_write("late")) as client:
        (connection,) = served.host.shared.connections
        served.host.do(lambda: connection.abort("stopping"))
        with pytest.raises(ConnectionResetError):
            everything(client)
        threading.Thread(target=served.app.close).start()
    until(request_lines)
    assert added(store) == ["late"]
    assert len(request_lines()) == 1


def test_the_line_and_the_metrics_of_a_write_cover_its_wait(
    serve_app: ServeApp,
    store: Store,
    account: Account,
    request_lines: Callable[[], list[str]],
) -> None:
    metrics = Metrics()
    served = serve_app(metrics=metrics)
    with held(store):
        client = served.begin(signed_write("late"))
        began = time.perf_counter()
        served.post(signed(int(NOW.timestamp()), {}))
        waited = time.perf_counter() - began
        assert not request_lines()
    body = body_of(client)
    (line,) = request_lines()
    said = re.fullmatch(
        rf"request=\w+ api=form action={SECTION}\.{ACTION} account={account.id} format=json "
        r"outcome=success rows=0 bytes=(\d+) first_byte=(\S+) seconds=(\S+)",
        line,
    )
    assert said
    assert int(said[1]) == len(body)
    assert float(said[3]) == float(said[2]) > waited
    metrics.update(0, {})
    found = figures(metrics.exposition({}).decode())
    route = {"api": "form", "action": f"{SECTION}.{ACTION}"}
    assert figure(found, "requests_total", outcome="success", **route) == 1
    assert figure(found, "request_seconds_sum", **route) > waited
    assert figure(found, "bytes_total", **route) == len(body)
    assert figure(found, "first_byte_seconds_count", **route) == 0
