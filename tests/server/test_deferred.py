"""Answers that wait for another thread: the server behind a guest whose futures the tests end."""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest

from boxis_gateway.deferred import DeferredAnswer
from boxis_gateway.server.connection import Connection
from boxis_gateway.server.turns import Turns
from tests.support.host import Host, MakeHost, everything
from tests.support.waiting import LIMIT_SECONDS, until

READ_BYTES = 262_144  # that asyncio reads at once
CLOSE = b"Connection: close\r\n\r\n"


class Guest:
    """An application that answers with the target: `/now` at once, any other when it is ready."""

    def __init__(self) -> None:
        self.futures: list[Future[str]] = []
        self.made: list[str] = []

    def __call__(self, environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        target = environ["PATH_INFO"]

        def say(text: str) -> Iterable[bytes]:
            body = text.encode() + environ["wsgi.input"].read()
            status = "204 No Content" if target == "/204" else "200 OK"
            start(status, [("Content-Length", str(len(body)))])
            return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]

        def make() -> Iterable[bytes]:
            self.made.append(target)
            return say(future.result())

        if target == "/now":
            return say(target)
        future: Future[str] = Future()
        self.futures.append(future)
        return DeferredAnswer(future, make)

    def future(self, number: int = 0) -> Future[str]:
        """The future of an answer, as soon as it is asked for."""
        until(lambda: len(self.futures) > number)
        return self.futures[number]

    def finish(self, number: int = 0) -> None:
        """Let an answer be ready."""
        self.future(number).set_result(f"answer {number}")


@pytest.fixture
def guest() -> Guest:
    return Guest()


def bodies(answers: bytes) -> list[bytes]:
    """Bodies of whole answers, in order."""
    found = []
    while answers:
        head, _, answers = answers.partition(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        found.append(answers[:length])
        answers = answers[length:]
    return found


def leave(client: socket.socket, *, by_reset: bool) -> None:
    """Close, by a FIN or by a RST."""
    if by_reset:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


def test_others_are_answered_meanwhile(host: MakeHost, guest: Guest) -> None:
    one = host(guest)
    with one.connect() as client:
        client.sendall(b"GET /a HTTP/1.1\r\n" + CLOSE)
        guest.future()
        assert one.ask(b"GET /now HTTP/1.1\r\n" + CLOSE).endswith(b"\r\n\r\n/now")
        guest.finish()
        assert everything(client).endswith(b"\r\n\r\nanswer 0")
    assert guest.made == ["/a"]


def test_the_one_that_is_ready_first_leaves_first(host: MakeHost, guest: Guest) -> None:
    one = host(guest)
    with one.connect() as first, one.connect() as second:
        for number, client in enumerate((first, second)):
            client.sendall(b"GET /a HTTP/1.1\r\n" + CLOSE)
            guest.future(number)
        guest.finish(1)
        assert everything(second).endswith(b"answer 1")
        guest.finish(0)
        assert everything(first).endswith(b"answer 0")


def test_answers_of_a_connection_keep_the_order_of_its_requests(
    host: MakeHost, guest: Guest
) -> None:
    one = host(guest)
    with one.connect() as client:
        paths = (b"/now", b"/a", b"/now", b"/b", b"/c", b"/now")
        client.sendall(b"".join(b"GET %b HTTP/1.1\r\n\r\n" % path for path in paths))
        for number in range(3):
            guest.finish(number)
        client.sendall(b"GET /now HTTP/1.1\r\n" + CLOSE)
        assert bodies(everything(client)) == [
            *(b"/now", b"answer 0", b"/now", b"answer 1", b"answer 2", b"/now", b"/now")
        ]
    assert guest.made == ["/a", "/b", "/c"]


def test_a_request_behind_one_that_waits_is_not_begun(host: MakeHost, guest: Guest) -> None:
    one = host(guest)
    with one.connect() as client:
        client.sendall(b"GET /a HTTP/1.1\r\n\r\n")
        guest.future()
        client.sendall(b"GET /b HTTP/1.1\r\n" + CLOSE)
        until(lambda: one.connection._requests)
        assert len(guest.futures) == 1
        guest.finish(0)
        guest.finish(1)
        assert bodies(everything(client)) == [b"answer 0", b"answer 1"]


@pytest.mark.parametrize("by_reset", [False, True])
@pytest.mark.parametrize("is_failing", [False, True])
def test_an_answer_is_made_once_though_its_client_has_left(
    by_reset: bool, is_failing: bool, host: MakeHost, guest: Guest, caplog: pytest.LogCaptureFixture
) -> None:
    one = host(guest)
    client = one.connect()
    client.sendall(b"GET /a HTTP/1.1\r\n\r\n")
    future, connection = guest.future(), one.connection
    leave(client, by_reset=by_reset)
    until(lambda: connection._closing if by_reset else connection._is_half_closed)
    if is_failing:
        future.set_exception(ValueError("a fault"))
    else:
        guest.finish()
    assert one.ask(b"GET /now HTTP/1.1\r\n" + CLOSE).endswith(b"/now")
    until(lambda: not one.shared.connections)
    assert guest.made == ["/a"]
    assert [record.getMessage() for record in caplog.records] == ["a request failed"] * is_failing
    assert not one.shared.idle


def test_a_half_closed_client_gets_its_answer_and_the_end(host: MakeHost, guest: Guest) -> None:
    one = host(guest)
    with one.connect() as client:
        client.sendall(b"GET /a HTTP/1.1\r\n\r\n")
        client.shutdown(socket.SHUT_WR)
        until(lambda: one.connection._is_half_closed)
        guest.finish()
        assert bodies(everything(client)) == [b"answer 0"]


def test_a_half_closed_client_gets_all_its_answers(host: MakeHost, guest: Guest) -> None:
    one = host(guest)
    with one.connect() as client:
        client.sendall(b"GET /a HTTP/1.1\r\n\r\nGET /now HTTP/1.1\r\n\r\nGET /b HTTP/1.1\r\n\r\n")
        client.shutdown(socket.SHUT_WR)
        for number in range(2):
            guest.finish(number)
        assert bodies(everything(client)) == [b"answer 0", b"/now", b"answer 1"]


def test_a_request_that_is_cut_short_behind_one_that_waits_is_refused(
    host: MakeHost, guest: Guest
) -> None:
    one = host(guest)
    with one.connect() as client:
        client.sendall(b"GET /a HTTP/1.1\r\n\r\nGET /no")
        client.shutdown(socket.SHUT_WR)
        guest.finish()
        answers = everything(client)
    assert answers.startswith(b"HTTP/1.1 200 OK")
    assert b"answer 0HTTP/1.1 400 Bad Request" in answers


def test_http_1_0_ends_with_the_connection(host: MakeHost, guest: Guest) -> None:
    one = host(guest)
    with one.connect() as client:
        client.sendall(b"GET /a HTTP/1.0\r\n\r\n")
        guest.finish()
        head, body = everything(client).split(b"\r\n\r\n")
    assert b"Connection: close" in head
    assert body == b"answer 0"


@pytest.mark.parametrize("request_line", [b"HEAD /a", b"GET /204"])
def test_an_answer_without_a_body_ends_with_its_head(
    request_line: bytes, host: MakeHost, guest: Guest
) -> None:
    one = host(guest)
    with one.connect() as client:
        client.sendall(request_line + b" HTTP/1.1\r\n\r\nGET /now HTTP/1.1\r\n" + CLOSE)
        guest.finish()
        head, next_head, next_body = everything(client).split(b"\r\n\r\n")
    assert b"Content-Length: 8" in head
    assert next_head.startswith(b"HTTP/1.1 200 OK")
    assert next_body == b"/now"


def test_a_fault_is_answered_and_logged(
    host: MakeHost, guest: Guest, caplog: pytest.LogCaptureFixture
) -> None:
    one = host(guest)
    with one.connect() as client:
        client.sendall(b"GET /a?q HTTP/1.1\r\n\r\nGET /now HTTP/1.1\r\n\r\n")
        guest.future().set_exception(ValueError("a fault"))
        answers = everything(client)
    assert answers.startswith(b"HTTP/1.1 500 Internal Server Error")
    assert answers.endswith(b"internal error q")
    assert "a request failed" in caplog.text
    assert "ValueError" in caplog.text


def test_a_header_that_cannot_be_sent_is_a_fault(host: MakeHost) -> None:
    def app(environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        def make() -> Iterable[bytes]:
            start("200 OK", [("Content-Length", "0"), ("X-Price", "1 €")])
            return []

        future: Future[None] = Future()
        future.set_result(None)
        return DeferredAnswer(future, make) if environ["PATH_INFO"] == "/later" else make()

    for path in (b"/later", b"/now"):
        answer = host(app).ask(b"GET " + path + b" HTTP/1.1\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 500")


def test_a_step_of_a_thread_that_fails_takes_no_other_along() -> None:
    loop = asyncio.new_event_loop()
    faults: list[str] = []
    loop.set_exception_handler(lambda _, context: faults.append(str(context["exception"])))
    turns = Turns(loop)

    def fail() -> None:
        raise ValueError("a fault")

    def submit() -> None:
        for step in (fail, fail, loop.stop):
            turns.call_from_thread(step)

    thread = threading.Thread(target=submit)
    thread.start()
    thread.join()
    loop.call_later(LIMIT_SECONDS, loop.stop)
    loop.run_forever()
    loop.close()
    assert faults == ["a fault", "a fault"]
    assert not turns._from_threads


def test_many_answers_that_are_ready_at_once_all_leave(host: MakeHost, guest: Guest) -> None:
    one = host(guest)
    clients = [one.connect() for _ in range(40)]
    for client in clients:
        client.sendall(b"GET /a HTTP/1.1\r\n" + CLOSE)
    guest.future(39)
    finishing = [
        threading.Thread(target=lambda n=n: [guest.finish(i) for i in range(n, 40, 4)])
        for n in range(4)
    ]
    for thread in finishing:
        thread.start()
    answered = [bodies(everything(client))[0] for client in clients]
    for thread in finishing:
        thread.join()
    assert sorted(answered) == sorted(b"answer %d" % number for number in range(40))
    for client in clients:
        client.close()


def flood(client: socket.socket, request: bytes, number: int) -> threading.Thread:
    """Send many requests on a thread, however long the server does not read them."""
    thread = threading.Thread(target=client.sendall, args=(request * number,))
    thread.start()
    return thread


def test_a_flood_of_requests_is_not_read_without_bound(host: MakeHost) -> None:
    """Those behind one that waits stay in the socket, also if each waits only for a moment."""
    request = b"GET / HTTP/1.1\r\nA: " + b"x" * 1_000 + b"\r\n\r\n"
    number = 20 * READ_BYTES // len(request)
    waiting: list[int] = []
    gate, thread = threading.Event(), ThreadPoolExecutor(1)

    def app(environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        def make() -> Iterable[bytes]:
            start("200 OK", [("Content-Length", "2")])
            return [b"ok"]

        waiting.append(len(one.connection._requests))
        return DeferredAnswer(thread.submit(gate.wait, LIMIT_SECONDS), make)

    one = host(app)
    with thread, one.connect() as client:
        sender = flood(client, request, number)
        until(lambda: waiting)
        connection = one.connection
        until(lambda: not connection._transport.is_reading())
        gate.set()
        answers = b""
        while answers.count(b"HTTP/1.1 200 OK") < number:
            answers += client.recv(1 << 20)
        sender.join()
    assert len(waiting) == number
    assert max(waiting) <= 2 * READ_BYTES // len(request)


def test_a_body_is_not_asked_for_before_the_answer_that_waits(host: MakeHost, guest: Guest) -> None:
    """The client would take `100 Continue` for one to its first request."""
    one = host(guest)
    with one.connect() as client:
        client.sendall(b"GET /a HTTP/1.1\r\n\r\n")
        guest.future()
        client.sendall(
            b"POST /now HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 5\r\n" + CLOSE
        )
        until(lambda: one.connection._reader.expects_continue)
        guest.finish()
        begin = b""
        while not begin.endswith(b"100 Continue\r\n\r\n"):
            begin += client.recv(1_000)
        assert begin.startswith(b"HTTP/1.1 200 OK")
        client.sendall(b"hello")
        assert everything(client).endswith(b"/nowhello")


def the_deadline(one: Host, connection: Connection) -> float:
    """The deadline, as seen between two turns of the loop."""
    deadlines: list[float] = []
    one.do(lambda: deadlines.append(connection._deadline))
    return deadlines[0]


def test_an_answer_that_is_not_ready_in_time_resets_the_connection(
    host: MakeHost, guest: Guest, caplog: pytest.LogCaptureFixture
) -> None:
    one = host(guest)
    with one.connect() as client:
        client.sendall(b"GET /now HTTP/1.1\r\n\r\nGET /a HTTP/1.1\r\n\r\n")
        guest.future()
        connection = one.connection
        deadline = the_deadline(one, connection)
        client.sendall(b"GET /b HTTP/1.1\r\n\r\n")
        until(lambda: connection._requests)
        assert the_deadline(one, connection) == deadline
        one.do(lambda: connection.check_deadlines(deadline - 1))
        assert not connection._closing
        one.do(lambda: connection.check_deadlines(deadline))
        with pytest.raises(ConnectionResetError):
            everything(client)
    guest.finish()
    until(lambda: guest.made)
    assert one.ask(b"GET /now HTTP/1.1\r\n" + CLOSE).endswith(b"/now")
    assert guest.made == ["/a"]
    assert [record.getMessage() for record in caplog.records] == [
        "an answer was not ready in time; its client is disconnected"
    ]


def test_a_stopping_server_waits_for_the_answer(host: MakeHost, guest: Guest) -> None:
    one = host(guest)
    with one.connect() as client:
        client.sendall(b"GET /a HTTP/1.1\r\n\r\n")
        guest.future()
        one.shared.stopping = True
        one.do(one.connection.shut_down)
        guest.finish()
        answer = everything(client)
    assert b"Connection: close" in answer
    assert answer.endswith(b"answer 0")


def test_a_client_that_waits_is_not_evicted(host: MakeHost, guest: Guest) -> None:
    one = host(guest)
    with one.connect() as client:
        client.sendall(b"GET /a HTTP/1.1\r\n\r\n")
        guest.future()
        one.do(lambda: None)
        assert not one.shared.idle
        guest.finish()
        assert client.recv(1_000).endswith(b"answer 0")
        one.do(lambda: None)
        assert list(one.shared.idle) == [one.connection]
