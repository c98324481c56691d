"""When a request is told: once, at the end of its answer, whichever that is.

A whole answer ends as the application returns it; one that streams, with its last piece or when the
server closes it (PEP 3333). So it is the same under any server; ours also says why it breaks an
answer off (`Seen.break_off`).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from time import perf_counter
from typing import TYPE_CHECKING, Protocol

from boxis_gateway.monitoring.request_record import KEY, WITH_ADDRESS, Seen

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

WARNED = ("failed", "broken_off", "unavailable")  # these are for the operator to look at

log = logging.getLogger("boxis_gateway.requests")


class Counted(Protocol):
    """Who counts requests: metrics.py."""

    def tell(self, seen: Seen) -> None:
        """A request has ended."""

    def stream(self, number: int) -> None:
        """So many streams more (or less, -1) are under way."""


class Traced(Protocol):
    """Who makes spans of requests: traces.py."""

    def begin(
        self, seen: Seen, environ: WSGIEnvironment, start_response: StartResponse
    ) -> StartResponse:
        """A request begins; what is returned takes its status."""

    def end(self, seen: Seen) -> None:
        """It has ended."""


class Watch:
    """Tells of requests: the log, and who else is given."""

    def __init__(self, metrics: Counted | None = None, traces: Traced | None = None) -> None:
        self._metrics, self._traces = metrics, traces

    def call(
        self, app: WSGIApplication, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        """The application's answer; its request is told at the end of that."""
        seen = environ[KEY] = Seen()
        if self._traces:
            start_response = self._traces.begin(seen, environ, start_response)
        try:
            body = app(environ, start_response)
            if not (type(body) is list or seen.streams):
                body = _whole(body)
        except Exception as problem:
            seen.fail(problem)
            self.tell(seen, environ)
            raise
        if seen.streams:
            return self._streaming(body, environ, seen)
        seen.bytes = sum(map(len, body))
        self.tell(seen, environ)
        return body

    def _streaming(self, body: Iterable[bytes], environ: WSGIEnvironment, seen: Seen) -> _Stream:
        if self._metrics:
            self._metrics.stream(1)

        def end() -> None:
            if self._metrics:
                self._metrics.stream(-1)
            self.tell(seen, environ)

        return _Stream(body, seen, end, complete=environ["REQUEST_METHOD"] == "HEAD")

    def tell(self, seen: Seen, environ: WSGIEnvironment) -> None:
        """The request has ended."""
        seen.seconds = perf_counter() - seen.began
        if not seen.first_byte:
            seen.first_byte = seen.seconds
        if seen.outcome in WITH_ADDRESS:
            seen.address = environ.get("REMOTE_ADDR", "")
        (log.warning if seen.outcome in WARNED else log.info)(seen)
        if self._metrics:
            self._metrics.tell(seen)
        if self._traces:
            self._traces.end(seen)

    def fault(self, reason: str) -> None:
        """What a client sent is no request at all."""
        seen = Seen()
        seen.door, seen.outcome, seen.reason = "form", "invalid", reason
        self.tell(seen, {})


class _Stream:
    """A body in pieces. Its bytes are counted, and `end` is called once: after the last of them, or
    when no more are wanted. One that nobody asks for pieces is `complete` from the start."""

    def __init__(
        self, body: Iterable[bytes], seen: Seen, end: Callable[[], object], *, complete: bool
    ) -> None:
        self._body, self._seen, self._end = body, seen, end
        self._complete, self._ended = complete, False

    def __iter__(self) -> Iterator[bytes]:
        seen = self._seen
        try:
            for piece in self._body:
                if not seen.bytes:
                    seen.first_byte = perf_counter() - seen.began
                seen.bytes += len(piece)
                yield piece
        except Exception as problem:
            seen.break_off(type(problem).__name__)
            self._finish()
            raise
        self._complete = True
        self._finish()

    def close(self) -> None:
        """No more pieces are wanted (PEP 3333)."""
        try:
            getattr(self._body, "close", lambda: None)()
        finally:
            self._finish()

    def _finish(self) -> None:
        if self._ended:
            return
        self._ended = True
        if not self._complete and self._seen.outcome == "success":
            self._seen.outcome = "vanished"
        self._end()


def _whole(body: Iterable[bytes]) -> Iterable[bytes]:
    try:
        return list(body)
    finally:
        getattr(body, "close", lambda: None)()
