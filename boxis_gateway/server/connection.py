"""One client: its requests in, answers out, in their order and one at a time.

An answer whose length the application knows leaves at once. A longer one is a stream: its pieces
are made as the client takes them, in turns with other streams (turns.py). Chunked encoding frames
it, so that one that breaks off is not taken for whole; a client of HTTP/1.0 sees a reset.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import TYPE_CHECKING, cast

from boxis_gateway.server.requests import Request, RequestReader
from boxis_gateway.server.sockets import reset, unsent_bytes
from boxis_gateway.server.state import ServerState, Stream
from boxis_gateway.server.wsgi import StartResponse, base_environ, environ_of, split_target

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

KEEP_ALIVE_SECONDS = 5  # between an answer and the next request
ANSWERS_AT_ONCE = 16  # to a client that has sent many requests; then others have their turn
LINGER_SECONDS = 5  # for the answer to a broken request to arrive before its connection is cut
LAST_CHUNK = b"0\r\n\r\n"

log = logging.getLogger(__name__)


class Connection(asyncio.Protocol):
    """Methods without underscore are called by asyncio, but for `sweep`, `give_way`, `stop` and
    `break_off`."""

    def __init__(self, state: ServerState) -> None:
        self._state = state
        self._client_seconds = state.settings.client_seconds
        self._reader = RequestReader(state.settings.max_body_bytes)
        self._requests: deque[Request] = deque()
        self._stream: Stream | None = None
        self._writable = True
        self._closing = False
        self._unsent = 0
        self._deadline = time.monotonic() + self._client_seconds

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The client is there."""
        self._transport = cast(asyncio.Transport, transport)
        server, client = (transport.get_extra_info(name) for name in ("sockname", "peername"))
        self._environ = base_environ(server, client[0] if client else "")  # a reset has no name
        self._state.connections.add(self)
        self._state.waiting[self] = None

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone: what was being made for it is dropped."""
        self._state.connections.discard(self)
        self._state.waiting.pop(self, None)
        self._closing = True
        self._requests.clear()
        self._drop_stream()

    def data_received(self, data: bytes) -> None:
        """Some bytes of the client; any number of requests may end with them."""
        if self._closing or self._reader.ended:
            return
        had_begun = self._reader.in_request
        self._requests.extend(self._reader.feed(data))
        if not had_begun and (self._requests or self._reader.in_request):
            self._deadline = time.monotonic() + self._client_seconds
        if self._reader.expects_continue and not self._requests:
            self._reader.expects_continue = False
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        self._go_on()

    def eof_received(self) -> bool:
        """The client sends no more; it may still read. True keeps the connection."""
        self._requests.extend(self._reader.end_of_input())
        if self._requests:
            self._requests[-1].keep_alive = False
        self._go_on()
        return self._stream is not None or bool(self._requests)

    def pause_writing(self) -> None:
        """The client takes its answers more slowly than we make them: it is not asked for more."""
        self._writable = False
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        """The client has taken most of it."""
        self._writable = True
        if self._stream:
            self._state.turns.add(self._take_turn)
        elif not self._transport.is_closing():
            self._transport.resume_reading()
            self._go_on()

    def sweep(self, now: float) -> None:
        """Part with a client whose time is up; called now and then, by a monotonic clock."""
        unsent = unsent_bytes(self._transport)
        if unsent and unsent != self._unsent:
            self._deadline = now + self._client_seconds
        self._unsent = unsent
        overdue = self._stream is not None and now >= self._stream.deadline
        if now < self._deadline and not overdue:
            return
        if overdue or unsent or self._reader.in_request:
            log.warning("a client was too slow")
            self.break_off("slow")
        elif not self._stream:
            self._transport.close()

    def give_way(self) -> None:
        """Make room for another client; see `ServerState.waiting`."""
        if self._reader.in_request:
            self.break_off("crowded")
        else:
            self._transport.close()

    def stop(self) -> None:
        """Take no more requests; the answer under way is finished."""
        if not (self._stream or self._requests or self._reader.in_request):
            self._transport.close()

    def _go_on(self) -> None:
        """Answer what has been asked, until an answer turns out long, or others have their turn."""
        left = ANSWERS_AT_ONCE
        while self._requests and self._may_answer():
            if not left:
                self._transport.pause_reading()
                self._state.turns.add(self._go_on_later)
                return
            left -= 1
            request = self._requests.popleft()
            if request.fault:
                self._state.guest.on_malformed(request.fault)
                self._refuse("400 Bad Request", "request is not valid", request)
            else:
                self._answer(request)

    def _go_on_later(self) -> None:
        self._go_on()
        if not self._requests and self._may_answer():
            self._transport.resume_reading()

    def _may_answer(self) -> bool:
        lost = self._closing or self._transport.is_closing()
        return self._writable and not self._stream and not lost

    def _answer(self, request: Request) -> None:
        start, environ = StartResponse(), environ_of(request, self._environ)
        try:
            body = self._state.guest.app(environ, start)
            close = getattr(body, "close", lambda: None)
            pieces, content = chain(start.written, body), None
            if request.method == "HEAD" or start.has_no_body:
                content = _whole((), close)
            elif start.length_is_known:
                content = _whole(pieces, close)
        except Exception:
            log.exception("a request failed")
            self._refuse("500 Internal Server Error", "internal error", request)
            return
        if content is None:
            self._begin_stream(request, start, pieces, close, environ)
            return
        keep_alive = request.keep_alive and not self._state.stopping
        self._transport.write(_head(start, keep_alive) + content)
        self._answered(keep_alive)

    def _begin_stream(
        self,
        request: Request,
        start: StartResponse,
        pieces: Iterator[bytes],
        close: Callable[[], object],
        environ: WSGIEnvironment,
    ) -> None:
        chunked = request.version == "1.1"
        keep_alive = chunked and request.keep_alive
        framing = ("Transfer-Encoding: chunked",) if chunked else ()
        self._transport.write(_head(start, keep_alive, *framing))
        self._transport.pause_reading()
        self._state.waiting.pop(self, None)
        deadline = time.monotonic() + self._state.settings.answer_seconds
        self._stream = Stream(pieces, close, chunked, keep_alive, deadline, environ)
        if self._writable:
            self._state.turns.add(self._take_turn)

    def _take_turn(self) -> None:
        """Send one piece of the stream; the next when the client has taken it."""
        stream = self._stream
        if stream is None:
            return
        self._deadline = time.monotonic() + self._client_seconds
        try:
            piece = next(stream.pieces, None)
        except Exception:  # the application has said why in the log
            self.break_off("fault")
            return
        if piece is None:
            self._end_stream(stream)
            return
        if piece:  # an empty chunk would be the last one
            framed = b"%x\r\n%b\r\n" % (len(piece), piece) if stream.chunked else piece
            self._transport.write(framed)
        if self._writable:
            self._state.turns.add(self._take_turn)

    def _end_stream(self, stream: Stream) -> None:
        self._drop_stream()
        if stream.chunked:
            self._transport.write(LAST_CHUNK)
        self._answered(stream.keep_alive and not self._state.stopping)
        if self._writable and not self._closing:
            self._transport.resume_reading()
            self._go_on()

    def _drop_stream(self) -> None:
        stream, self._stream = self._stream, None
        if stream:
            stream.close()

    def _answered(self, keep_alive: bool) -> None:
        if keep_alive:
            more = self._requests or self._reader.in_request
            seconds = self._client_seconds if more else KEEP_ALIVE_SECONDS
            self._deadline = time.monotonic() + seconds
            self._state.waiting.pop(self, None)
            self._state.waiting[self] = None
        elif self._reader.ended:
            self._linger()
        else:
            self._closing = True
            self._transport.close()

    def break_off(self, reason: str) -> None:
        """With a reset, which also tells a client of HTTP/1.0 that this was not the end."""
        if self._stream:
            self._state.guest.on_abort(self._stream.environ, reason)
        self._closing = True
        reset(self._transport)

    def _refuse(self, status: str, description: str, request: Request) -> None:
        """Say what is wrong and let go."""
        content_type, body = self._state.guest.error_body(
            description, split_target(request.target)[1]
        )
        start = StartResponse()
        start(status, [("Content-Type", content_type), ("Content-Length", str(len(body)))])
        self._transport.write(_head(start, False) + body)
        self._linger()

    def _linger(self) -> None:
        """Say no more, and wait for the client to close. More of its request may be on the way:
        closing at once would have the system throw our answer away."""
        self._closing = True
        self._deadline = time.monotonic() + LINGER_SECONDS
        if self._transport.can_write_eof():
            self._transport.write_eof()


def _whole(pieces: Iterable[bytes], close: Callable[[], object]) -> bytes:
    """The pieces in one; what they are of is closed, whatever happens."""
    try:
        return b"".join(pieces)
    finally:
        close()


def _head(start: StartResponse, keep_alive: bool, *framing: str) -> bytes:
    connection = "Connection: keep-alive" if keep_alive else "Connection: close"
    return start.head(int(time.time()), connection, *framing)
