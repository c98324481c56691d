"""HTTP as a client sees it: a real socket, an application of the test's own behind it."""

from __future__ import annotations

import contextlib
import http.client
import itertools
import socket
import threading
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boxis_gateway.server.connection import PIPELINED_ANSWERS, Connection
from boxis_gateway.server.requests import MAX_HEAD_BYTES, RequestReader
from boxis_gateway.server.sockets import unsent_bytes
from boxis_gateway.server.wsgi import base_environ, environ_of
from tests.support.host import CLIENT_SECONDS, MOST, Host, MakeHost, everything
from tests.support.waiting import LIMIT_SECONDS, until


def echo(environ: dict[str, Any], start: Any) -> Iterable[bytes]:
    """Says what was asked; the length is known."""
    words = (environ["REQUEST_METHOD"], environ["PATH_INFO"], environ["QUERY_STRING"])
    body = " ".join(words).encode() + b" " + environ["wsgi.input"].read()
    start("200 OK", [("Content-Length", str(len(body)))])
    return [body]


def long(environ: dict[str, Any], start: Any) -> Iterable[bytes]:
    """Answer with that number of pieces; `!` behind the number makes a fault after them."""
    start("200 OK", [("Content-Type", "text/plain")])
    query = environ["QUERY_STRING"]

    def pieces() -> Iterator[bytes]:
        for _ in range(int(query.rstrip("!"))):
            yield b"x" * 100_000
        if query.endswith("!"):
            raise RuntimeError("a fault in the middle")

    return pieces()


def the_connection(host: Host) -> Connection:
    """The connection of the only client, once it takes no more."""
    until(lambda: host.shared.connections)
    (connection,) = host.shared.connections
    until(lambda: not connection._writable)
    return connection


# Requests


REQUESTS = (
    b"POST /a?b=c HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello"
    b"GET /%C4%85?q HTTP/1.1\r\nHost: x\r\n\r\n"
    b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
)


@given(st.sets(st.integers(1, len(REQUESTS) - 1)))
def test_requests_are_the_same_however_their_bytes_arrive(cuts: set[int]) -> None:
    reader, places = RequestReader(MOST), [0, *sorted(cuts), len(REQUESTS)]
    found = [
        request
        for start, end in itertools.pairwise(places)
        for request in reader.feed(REQUESTS[start:end])
    ]
    assert [(one.method, one.target, one.body) for one in found] == [
        ("POST", b"/a?b=c", b"hello"),
        ("GET", b"/%C4%85?q", b""),
        ("POST", b"/", b"abcde"),
    ]
    assert all(one.keep_alive and not one.fault for one in found)
    assert not reader.in_request


@given(st.binary(max_size=300))
def test_no_bytes_make_the_reader_fail(data: bytes) -> None:
    reader = RequestReader(MOST)
    reader.feed(data)
    reader.end_of_input()


def test_a_head_without_end_is_a_fault_soon() -> None:
    reader, sent = RequestReader(MOST), 0
    while not (found := reader.feed(b"GET / HTTP/1.1\r\n" if not sent else b"A: b\r\n" * 100)):
        sent += 600
        assert sent < 10 * MAX_HEAD_BYTES
    assert found[0].fault
    assert reader.ended


@pytest.mark.parametrize(
    "beginning",
    [
        b"GET / HTTP/1.1\r\nA: ",
        b"GET /",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA: ",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1;a=",
    ],
)
def test_a_line_without_end_is_a_fault_soon(beginning: bytes) -> None:
    reader, sent = RequestReader(MOST), 0
    found = reader.feed(beginning)
    while not found:
        found = reader.feed(b"x" * 1000)
        sent += 1000
        assert sent < 2 * MAX_HEAD_BYTES
    assert found[0].fault


def test_a_trailer_is_no_header() -> None:
    reader = RequestReader(MOST)
    chunked = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
    (request,) = reader.feed(chunked + b"1\r\na\r\n0\r\nHost: evil\r\n\r\n")
    assert request.headers == [(b"Transfer-Encoding", b"chunked")]


@pytest.mark.parametrize("cut", range(28))
def test_a_query_may_have_raw_bytes(cut: int) -> None:
    sent = b"\r\nGET /?text=\xb1\xb1 HTTP/1.1\r\nHost: \xb1\r\n\r\n"
    reader = RequestReader(MOST)
    (request,) = reader.feed(sent[:cut]) + reader.feed(sent[cut:])
    assert request.target == b"/?text=%B1%B1"
    assert request.headers == [(b"Host", b"\xb1")]


def test_a_body_that_is_too_large_is_cut_and_not_kept() -> None:
    reader = RequestReader(MOST)
    (request,) = reader.feed(b"POST / HTTP/1.1\r\nContent-Length: 999999\r\n\r\n" + b"x" * 5000)
    assert len(request.body) == MOST + 1
    assert not request.keep_alive
    assert reader.ended


def test_a_header_cannot_pass_for_another() -> None:
    reader = RequestReader(MOST)
    (request,) = reader.feed(b"GET / HTTP/1.1\r\nX-User: a\r\nX_User: b\r\nX-User: c\r\n\r\n")
    environ = environ_of(request, base_environ(("h", 1), "1.2.3.4"))
    assert environ["HTTP_X_USER"] == "a,c"


@pytest.mark.parametrize(
    ("target", "path"),
    [("/a%20b?c", "/a b"), ("http://h/a?c", "/a"), ("http://h?c", ""), ("*", "*"), ("//a", "//a")],
)
def test_a_target_may_have_any_form(target: str, path: str) -> None:
    reader = RequestReader(MOST)
    method = "OPTIONS" if target == "*" else "GET"
    (request,) = reader.feed(f"{method} {target} HTTP/1.1\r\n\r\n".encode())
    assert environ_of(request, {})["PATH_INFO"] in (path, "")


# Answers


def test_requests_that_come_together_are_answered_in_order(host: MakeHost) -> None:
    requests = b"".join(b"GET /%d HTTP/1.1\r\n\r\n" % n for n in range(50))
    answer = host(echo).ask(requests + b"GET /last HTTP/1.1\r\nConnection: close\r\n\r\n")
    places = [answer.index(b"GET /%d " % n) for n in range(50)]
    assert places == sorted(places)
    assert answer.count(b"HTTP/1.1 200 OK") == 51
    assert b"GET /last" in answer


def test_requests_behind_a_long_answer_wait_for_its_end(host: MakeHost) -> None:
    answer = host(long).ask(
        b"GET /?3 HTTP/1.1\r\n\r\nGET /?2 HTTP/1.1\r\nConnection: close\r\n\r\n"
    )
    assert answer.count(b"x" * 1000) == 500
    assert answer.count(b"0\r\n\r\nHTTP/1.1 200 OK") == 1
    assert answer.endswith(b"0\r\n\r\n")


def test_head_has_no_body(host: MakeHost) -> None:
    for app in (echo, long):
        answer = host(app).ask(b"HEAD /?3 HTTP/1.1\r\nConnection: close\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
        assert answer.endswith(b"\r\n\r\n")


def test_http_1_0_ends_with_the_connection(host: MakeHost) -> None:
    answer = host(long).ask(b"GET /?3 HTTP/1.0\r\n\r\n")
    head, body = answer.split(b"\r\n\r\n", 1)
    assert b"chunked" not in head
    assert body == b"x" * 300_000


def test_an_expect_header_gets_100_continue(host: MakeHost) -> None:
    """PHP's curl does with bodies of more than a kilobyte or so, and waits a second for it."""
    with host(echo).connect() as client:
        client.sendall(
            b"POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 5\r\n"
            b"Connection: close\r\n\r\n"
        )
        assert client.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(b"hello")
        assert everything(client).endswith(b"POST /  hello")


def test_an_offer_of_another_protocol_is_declined(host: MakeHost) -> None:
    """curl --http2 and Java's HttpClient make it with a form, too."""
    offer = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n"
    answer = host(echo).ask(
        b"POST /a HTTP/1.1\r\n" + offer + b"Content-Length: 5\r\n\r\nhello"
        b"GET /b HTTP/1.1\r\nConnection: close\r\n\r\n"
    )
    assert b"POST /a  hello" in answer
    assert b"GET /b" in answer


def test_an_offer_beside_raw_bytes_in_the_query_loses_nothing() -> None:
    reader = RequestReader(MOST)
    head = b"POST /?a=\xb1\xb2 HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n"
    (request,) = reader.feed(head + b"Content-Length: 5\r\n\r\nhello")
    assert (request.target, request.body) == (b"/?a=%B1%B2", b"hello")


def test_a_client_that_does_not_read_gets_no_more_answers(host: MakeHost) -> None:
    """Answers for such a client wait in memory."""

    waiting: list[int] = []

    def app(environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        (connection,) = one.shared.connections
        waiting.append(connection._transport.get_write_buffer_size())
        start("200 OK", [("Content-Length", "60000")])
        return [b"x" * 60_000]

    one = host(app)
    with one.connect() as client:
        client.sendall(b"GET / HTTP/1.1\r\n\r\n" * 1_000)
        the_connection(one)
        client.shutdown(socket.SHUT_WR)
        assert everything(client).count(b"HTTP/1.1 200") == 1_000
    assert max(waiting) < 1_000_000


def test_a_half_closed_client_gets_its_answer(host: MakeHost) -> None:
    for app, end in ((echo, b"GET / 3 "), (long, b"0\r\n\r\n")):
        with host(app).connect() as client:
            client.sendall(b"GET /?3 HTTP/1.1\r\n\r\n")
            client.shutdown(socket.SHUT_WR)
            assert everything(client).endswith(end)


def test_a_truncated_request_is_refused(host: MakeHost) -> None:
    with host(echo).connect() as client:
        client.sendall(b"POST /?q HTTP/1.1\r\nContent-Length: 50\r\n\r\nhalf")
        client.shutdown(socket.SHUT_WR)
        answer = everything(client)
    assert answer.startswith(b"HTTP/1.1 400")
    assert answer.endswith(b"request is not valid q")


def test_a_client_that_sends_too_much_can_read_the_answer(host: MakeHost) -> None:
    """The answer is not lost in a reset, though most of the body is never read."""
    with host(echo).connect() as client:
        client.sendall(b"POST / HTTP/1.1\r\nContent-Length: 9000000\r\n\r\n")
        with contextlib.suppress(OSError):
            for _ in range(90):
                client.sendall(b"x" * 100_000)
        assert everything(client).startswith(b"HTTP/1.1 200 OK")


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_a_fault_in_a_long_answer_breaks_it_off(version: str, host: MakeHost) -> None:
    client = http.client.HTTPConnection(*host(long).address, timeout=60)
    client._http_vsn_str = f"HTTP/{version}"  # type: ignore[attr-defined]
    client.request("GET", "/?5!")
    with pytest.raises((http.client.IncompleteRead, ConnectionResetError)):
        client.getresponse().read()
    client.close()


def test_a_fault_before_an_answer_is_answered_and_logged(
    host: MakeHost, caplog: pytest.LogCaptureFixture
) -> None:
    def faulty(environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        raise RuntimeError("a fault")

    answer = host(faulty).ask(b"GET /?q HTTP/1.1\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 500")
    assert answer.endswith(b"internal error q")
    assert "a request failed" in caplog.text


def test_short_answers_come_between_the_pieces_of_long_ones(host: MakeHost) -> None:
    order: list[str] = []

    def app(environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        if environ["PATH_INFO"] == "/short":
            order.append("short")
            return echo(environ, start)
        start("200 OK", [])
        return (order.append("piece") or b"x" * 1000 for _ in range(20_000))

    one = host(app)
    with one.connect() as first, one.connect() as second:
        for client in (first, second):
            client.sendall(b"GET /long HTTP/1.1\r\nConnection: close\r\n\r\n")
            client.recv(1)
        for _ in range(20):
            one.ask(b"GET /short HTTP/1.1\r\nConnection: close\r\n\r\n")
        pieces_before_last = len(order) - 1 - order[::-1].index("short")
        assert pieces_before_last < 40_000
        for client in (first, second):
            assert everything(client).endswith(b"0\r\n\r\n")


def test_a_client_that_stops_reading_is_disconnected(
    host: MakeHost,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """And what its answer held is let go of."""
    closed = threading.Event()

    class Pieces:
        def __iter__(self) -> Iterator[bytes]:
            return (b"x" * 100_000 for _ in range(1_000_000))

        def close(self) -> None:
            closed.set()

    def app(environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        start("200 OK", [])
        return Pieces()

    one = host(app)
    with one.connect() as client:
        client.sendall(b"GET / HTTP/1.1\r\n\r\n")
        client.recv(1)
        connection = the_connection(one)
        now = connection._deadline
        one.do(lambda: connection.check_deadlines(now - 1))  # it has taken something
        one.do(lambda: connection.check_deadlines(now + CLIENT_SECONDS - 2))
        assert not closed.is_set()
        later = itertools.count(now + CLIENT_SECONDS, CLIENT_SECONDS)  # more may have been taken
        until(
            lambda: connection._closing or one.do(lambda: connection.check_deadlines(next(later)))
        )
        assert closed.wait(LIMIT_SECONDS)
    assert "a client was too slow" in caplog.text


def test_a_client_has_to_take_its_answer_at_a_least_rate(
    host: MakeHost, caplog: pytest.LogCaptureFixture
) -> None:
    def app(environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        start("200 OK", [("Content-Length", "50000000")])
        return [b"x" * 50_000_000]

    one = host(app)
    with one.connect() as client:
        client.sendall(b"GET / HTTP/1.1\r\n\r\n")
        connection = the_connection(one)
        now = connection._deadline

        def taken() -> int:
            return connection._written - unsent_bytes(connection._transport)

        def check(seconds: int) -> bool:
            one.do(lambda: connection.check_deadlines(now + seconds))
            return not connection._closing

        assert check(0)
        least = taken() + 3_000_000
        until(lambda: client.recv(1_000_000) and taken() > least)
        assert check(CLIENT_SECONDS)
        later = itertools.count(2 * CLIENT_SECONDS, CLIENT_SECONDS)  # the kernel may take some
        until(lambda: client.recv(1) and not check(next(later)))  # an octet is not enough
    assert "a client was too slow" in caplog.text


def test_a_whole_answer_has_a_deadline(host: MakeHost, caplog: pytest.LogCaptureFixture) -> None:
    """A client that takes a little now and then would hold a view of the store for days."""

    def app(environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        start("200 OK", [])
        return itertools.repeat(b"x" * 65_536)

    one = host(app)
    with one.connect() as client:
        client.sendall(b"GET / HTTP/1.1\r\n\r\n")
        client.recv(1)
        (connection,) = one.shared.connections
        one.do(lambda: None)  # the head has left; what comes after it is set up too
        stream = connection._stream
        assert stream
        one.do(lambda: connection.check_deadlines(stream.deadline - 1))
        assert client.recv(100_000)
        one.do(lambda: connection.check_deadlines(stream.deadline))
        with pytest.raises(ConnectionResetError):
            everything(client)
    assert "a client was too slow" in caplog.text


def test_many_requests_at_once_are_answered_in_turns(host: MakeHost) -> None:
    """Answers come in order, with those of others between."""
    most = 0
    answered: list[str] = []

    def app(environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        answered.append(environ["PATH_INFO"])
        return echo(environ, start)

    one = host(app)
    lines = b"".join(b"GET /%d HTTP/1.1\r\n\r\n" % number for number in range(500))

    def count() -> None:
        nonlocal most
        before = len(answered)
        one.loop.call_soon(lambda: see(before))

    def see(before: int) -> None:
        nonlocal most
        most = max(most, len(answered) - before)
        if len(answered) < 500:
            count()

    with one.connect() as client:
        one.do(count)
        client.sendall(lines + b"GET /last HTTP/1.1\r\nConnection: close\r\n\r\n")
        assert everything(client).count(b"HTTP/1.1 200") == 501
    assert answered == [f"/{number}" for number in range(500)] + ["/last"]
    assert 0 < most <= PIPELINED_ANSWERS


def test_a_connection_that_is_not_used_is_closed_without_a_word(
    host: MakeHost, caplog: pytest.LogCaptureFixture
) -> None:
    one = host(echo)
    with one.connect() as client:
        client.sendall(b"GET / HTTP/1.1\r\n\r\n")
        client.recv(1000)
        (connection,) = one.shared.connections
        one.do(lambda: connection.check_deadlines(connection._deadline))
        assert client.recv(1) == b""
    assert not caplog.records
