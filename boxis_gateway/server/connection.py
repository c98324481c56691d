"""Client connection: requests in, answers out, in order, one at a time.

An answer whose length the application knows leaves at once. Any other is a stream: its pieces are
made as the client takes them, in turns with other streams (turns.py). Chunked encoding frames it,
so that no client takes an aborted answer for a whole one; a client of HTTP/1.0 sees a reset. A
deferred answer leaves when another thread has made it ready, if its client is still there.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Iterator
from functools import partial
from typing import cast

from boxis_gateway.deferred import DeferredAnswer
from boxis_gateway.server.requests import Request, RequestReader
from boxis_gateway.server.sockets import reset, unsent_bytes
from boxis_gateway.server.state import ServerState, Stream
from boxis_gateway.server.wsgi import (
    Answer,
    Environ,
    StartResponse,
    base_environ,
    environ_of,
    read_body,
    split_target,
)

KEEP_ALIVE_SECONDS = 5  # between an answer and the next request
PIPELINED_ANSWERS = 16  # in a row to one client, before others have their turn
LINGER_SECONDS = 5  # for an error answer to arrive before its connection is closed
LEAST_RATE = 256  # bytes a second that a client takes while something is unsent
LAST_CHUNK = b"0\r\n\r\n"

log = logging.getLogger(__name__)


class Connection(asyncio.Protocol):
    """Public methods are called by asyncio, except those of state.Client."""

    def __init__(self, state: ServerState) -> None:
        self._state = state
        self._client_seconds = state.settings.client_seconds
        self._reader = RequestReader(state.settings.max_body_bytes)
        self._requests: deque[Request] = deque()
        self._stream: Stream | None = None
        self._is_waiting = False  # for a deferred answer
        self._is_half_closed = False
        self._writable = True
        self._closing = False
        self._written = 0  # bytes of answers
        self._taken, self._taking_end = 0, 0.0  # of them before a time in which more are taken
        self._deadline = time.monotonic() + self._client_seconds

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Register the connection."""
        self._transport = cast(asyncio.Transport, transport)
        server, client = (transport.get_extra_info(name) for name in ("sockname", "peername"))
        self._environ = base_environ(server, client[0] if client else "")  # None after a reset
        self._state.connections.add(self)
        self._state.idle[self] = None

    def connection_lost(self, exc: Exception | None) -> None:
        """Drop everything that was made for the client."""
        self._state.connections.discard(self)
        self._state.idle.pop(self, None)
        self._closing = True
        self._requests.clear()
        self._drop_stream()

    def data_received(self, data: bytes) -> None:
        """Parse bytes; they may complete any number of requests."""
        if self._closing or self._reader.ended:
            return
        had_begun = self._reader.in_request
        self._requests.extend(self._reader.feed(data))
        if self._is_waiting:
            self._transport.pause_reading()
        elif not had_begun and (self._requests or self._reader.in_request):
            self._deadline = time.monotonic() + self._client_seconds
        self._answer_requests()

    def eof_received(self) -> bool:
        """Answer what a half-closed client has asked. True keeps the connection open."""
        self._is_half_closed = True
        self._requests.extend(self._reader.end_of_input())
        if self._requests:
            self._requests[-1].keep_alive = False
        self._answer_requests()
        return self._stream is not None or self._is_waiting or bool(self._requests)

    def pause_writing(self) -> None:
        """Apply backpressure: read no more requests while the client does not take its answers."""
        self._writable = False
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        """Continue the stream, or read and answer more requests."""
        self._writable = True
        if self._stream:
            self._state.turns.add(self._send_piece)
        elif not self._transport.is_closing():
            self._transport.resume_reading()
            self._answer_requests()

    def check_deadlines(self, now: float) -> None:
        """Close the connection of a client that is too slow; `now` is monotonic."""
        overdue = self._stream is not None and now >= self._stream.deadline
        is_slow = overdue or not self._takes_enough(now)
        if not is_slow and (now < self._deadline or self._taking_end):
            return
        if self._is_waiting:
            log.warning("an answer was not ready in time; its client is disconnected")
            self.abort("slow")
        elif is_slow or self._reader.in_request:
            log.warning("a client was too slow and is disconnected")
            self.abort("slow")
        elif not self._stream:
            self._transport.close()

    def _takes_enough(self, now: float) -> bool:
        """False if the client has taken less than LEAST_RATE for `client_seconds`."""
        unsent = 0 if self._is_waiting else unsent_bytes(self._transport)
        if not unsent:
            if self._taking_end:
                self._taking_end, self._deadline = (
                    0.0,
                    max(self._deadline, now + KEEP_ALIVE_SECONDS),
                )
            return True
        if now < self._taking_end:
            return True
        before, self._taken = self._taken, self._written - unsent
        is_first, self._taking_end = not self._taking_end, now + self._client_seconds
        return is_first or self._taken - before >= LEAST_RATE * self._client_seconds

    def evict(self) -> None:
        """Close in favour of another client; see `ServerState.idle`. A client that still has to
        take octets is reset: to wait for it would be no eviction."""
        if self._stream or self._reader.in_request or unsent_bytes(self._transport):
            self.abort("evicted")
        else:
            self._transport.close()

    def shut_down(self) -> None:
        """Close the connection unless an answer or a request is in progress."""
        is_busy = self._stream or self._is_waiting or self._requests or self._reader.in_request
        if not is_busy:
            self._transport.close()

    def abort(self, reason: str) -> None:
        """Reset the connection, so that no client takes a streamed answer for a whole one."""
        if self._stream:
            self._state.guest.on_abort(self._stream.environ, reason)
        self._closing = True
        reset(self._transport)

    def _answer_requests(self) -> None:
        left = PIPELINED_ANSWERS
        while self._requests and self._can_answer():
            if not left:
                self._transport.pause_reading()
                self._state.turns.add(self._answer_more_requests)
                return
            left -= 1
            request = self._requests.popleft()
            if request.fault:
                self._state.guest.on_malformed(request.fault)
                self._send_error("400 Bad Request", "request is not valid", request)
            else:
                self._answer(request)
        if self._reader.expects_continue and self._can_answer():
            self._reader.expects_continue = False
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _answer_more_requests(self) -> None:
        self._answer_requests()
        if not self._requests and self._can_answer():
            self._transport.resume_reading()

    def _can_answer(self) -> bool:
        lost = self._closing or self._transport.is_closing()
        return self._writable and not (self._stream or self._is_waiting or lost)

    def _answer(self, request: Request) -> None:
        start, environ = StartResponse(), environ_of(request, self._environ)
        try:
            body = self._state.guest.app(environ, start)
            if type(body) is DeferredAnswer:
                self._wait(body, partial(self._answer_deferred, body, request, start, environ))
            else:
                self._send(read_body(body, environ, start), request, start, environ)
        except Exception:
            self._fail(request)

    def _wait(self, body: DeferredAnswer, step: Callable[[], None]) -> None:
        """Take the step when the answer is ready."""
        self._is_waiting = True
        if self._requests:
            self._transport.pause_reading()
        self._state.idle.pop(self, None)
        self._deadline = time.monotonic() + self._state.settings.answer_seconds
        body.when_ready(partial(self._state.turns.call_from_thread, step))

    def _answer_deferred(
        self, body: DeferredAnswer, request: Request, start: StartResponse, environ: Environ
    ) -> None:
        self._is_waiting = False
        if self._is_half_closed and not self._requests:
            request.keep_alive = False
        try:
            self._send(read_body(list(body), environ, start), request, start, environ)
        except Exception:
            self._fail(request)
        if self._can_answer():
            self._transport.resume_reading()
            self._answer_requests()

    def _fail(self, request: Request) -> None:
        log.exception("a request failed")
        if not self._closing:
            self._send_error("500 Internal Server Error", "internal error", request)

    def _send(
        self, answer: Answer, request: Request, start: StartResponse, environ: Environ
    ) -> None:
        content, pieces, close = answer
        if self._closing:  # the client has left while its answer was deferred
            return
        if content is None:
            self._begin_stream(request, start, pieces, close, environ)
        else:
            keep_alive = request.keep_alive and not self._state.stopping
            self._write(_head(start, keep_alive) + content)
            self._answered(keep_alive)

    def _begin_stream(
        self,
        request: Request,
        start: StartResponse,
        pieces: Iterator[bytes],
        close: Callable[[], object],
        environ: Environ,
    ) -> None:
        chunked = request.version == "1.1" and not start.length_is_known
        keep_alive = (chunked or start.length_is_known) and request.keep_alive
        framing = ("Transfer-Encoding: chunked",) if chunked else ()
        self._write(_head(start, keep_alive, *framing))
        self._transport.pause_reading()
        if not start.length_is_known:  # a file, which anybody may ask for, is evicted like others
            self._state.idle.pop(self, None)
        deadline = time.monotonic() + self._state.settings.answer_seconds
        self._stream = Stream(pieces, close, chunked, keep_alive, deadline, environ)
        if self._writable:
            self._state.turns.add(self._send_piece)

    def _send_piece(self) -> None:
        """Send one piece, and queue the next unless the client is slower (`resume_writing`)."""
        stream = self._stream
        if stream is None:
            return
        self._deadline = time.monotonic() + self._client_seconds
        try:
            piece = next(stream.pieces, None)
        except Exception:  # the application has logged it
            self.abort("fault")
            return
        if piece is None:
            self._end_stream(stream)
            return
        if piece:  # an empty chunk would end the answer
            framed = b"%x\r\n%b\r\n" % (len(piece), piece) if stream.chunked else piece
            self._write(framed)
        if self._writable:
            self._state.turns.add(self._send_piece)

    def _end_stream(self, stream: Stream) -> None:
        self._drop_stream()
        if stream.chunked:
            self._write(LAST_CHUNK)
        self._answered(stream.keep_alive and not self._state.stopping)
        if self._writable and not self._closing:
            self._transport.resume_reading()
            self._answer_requests()

    def _drop_stream(self) -> None:
        stream, self._stream = self._stream, None
        if stream:
            stream.close()

    def _answered(self, keep_alive: bool) -> None:
        if keep_alive:
            more = self._requests or self._reader.in_request
            seconds = self._client_seconds if more else KEEP_ALIVE_SECONDS
            self._deadline = time.monotonic() + seconds
            self._state.idle.pop(self, None)
            self._state.idle[self] = None
        elif self._reader.ended:
            self._linger()
        else:
            self._closing = True
            self._transport.close()

    def _send_error(self, status: str, description: str, request: Request) -> None:
        query = split_target(request.target)[1]
        content_type, body = self._state.guest.error_body(description, query)
        start = StartResponse()
        start(status, [("Content-Type", content_type), ("Content-Length", str(len(body)))])
        self._write(_head(start, False) + body)
        self._linger()

    def _write(self, data: bytes) -> None:
        self._written += len(data)
        self._transport.write(data)

    def _linger(self) -> None:
        """Wait for the client to close: it may still send its request, and closing at once would
        make the kernel discard our answer."""
        self._closing = True
        self._deadline = time.monotonic() + LINGER_SECONDS
        try:
            self._transport.write_eof()
        except OSError:  # the client has reset the connection
            self._transport.abort()


def _head(start: StartResponse, keep_alive: bool, *framing: str) -> bytes:
    connection = "Connection: keep-alive" if keep_alive else "Connection: close"
    return start.head(int(time.time()), connection, *framing)
