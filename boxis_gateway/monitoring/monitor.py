"""Recording of each request, once, at the end of its answer.

A whole answer ends as the application returns it, a deferred one as it is made; a streamed one
with its last piece, or when the server closes it (PEP 3333). This works under any WSGI server; ours
also reports why it aborts an answer (`Monitor.aborted`).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING

from boxis_gateway.deferred import DeferredAnswer
from boxis_gateway.monitoring.request_record import KEY, RequestRecord, get_record

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

    from boxis_gateway.monitoring.metrics import Metrics
    from boxis_gateway.monitoring.traces import Traces

WARNED = ("failed", "aborted", "unavailable")  # outcomes that need the operator's attention
WITH_ADDRESS = ("refused", "limited")  # outcomes whose client address helps to find an attacker

log = logging.getLogger("boxis_gateway.requests")


class Monitor:
    """Writes each request to the log and, if given, to metrics and traces."""

    def __init__(self, metrics: Metrics | None = None, traces: Traces | None = None) -> None:
        self._metrics, self._traces = metrics, traces

    def call(
        self, app: WSGIApplication, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        """Call the application and record the request at the end of its answer."""
        record = environ[KEY] = RequestRecord()
        if self._traces:
            start_response = self._traces.begin(record, environ, start_response)
        return self._monitored(partial(app, environ, start_response), environ, record)

    def _monitored(
        self, make: Callable[[], Iterable[bytes]], environ: WSGIEnvironment, record: RequestRecord
    ) -> Iterable[bytes]:
        try:
            body = make()
            if type(body) is DeferredAnswer:
                later = partial(self._monitored, body.make, environ, record)
                return DeferredAnswer(body.future, later)
            if not (type(body) is list or record.streams):
                body = _whole(body)
        except Exception as problem:
            record.fail(problem)
            self._end(record, environ)
            raise
        if record.streams:
            return self._streaming(body, environ, record)
        record.bytes = sum(map(len, body))
        self._end(record, environ)
        return body

    def _streaming(
        self, body: Iterable[bytes], environ: WSGIEnvironment, record: RequestRecord
    ) -> _Stream:
        if self._metrics:
            self._metrics.add_streams(1)

        def end() -> None:
            if self._metrics:
                self._metrics.add_streams(-1)
            self._end(record, environ)

        return _Stream(body, record, end, complete=environ["REQUEST_METHOD"] == "HEAD")

    def _end(self, record: RequestRecord, environ: WSGIEnvironment) -> None:
        record.seconds = perf_counter() - record.began
        if not record.first_byte:
            record.first_byte = record.seconds
        if record.outcome in WITH_ADDRESS:
            record.address = environ.get("REMOTE_ADDR", "")
        (log.warning if record.outcome in WARNED else log.info)(record)
        if self._metrics:
            self._metrics.observe(record)
        if self._traces:
            self._traces.end(record)

    def malformed(self, reason: str) -> None:
        """Record bytes that are not an HTTP request."""
        record = RequestRecord()
        record.api, record.outcome, record.reason = "form", "invalid", reason
        self._end(record, {})

    def aborted(self, environ: WSGIEnvironment, reason: str) -> None:
        """Note that the server aborts a streamed answer."""
        get_record(environ).abort(reason)


class _Stream:
    """A streamed body that counts its bytes and calls `end` once: after the last piece, or when the
    server closes it. A body that nobody reads (HEAD) is `complete` from the start."""

    def __init__(
        self,
        body: Iterable[bytes],
        record: RequestRecord,
        end: Callable[[], object],
        *,
        complete: bool,
    ) -> None:
        self._body, self._record, self._end = body, record, end
        self._complete, self._ended = complete, False

    def __iter__(self) -> Iterator[bytes]:
        record = self._record
        try:
            for piece in self._body:
                if not record.bytes:
                    record.first_byte = perf_counter() - record.began
                record.bytes += len(piece)
                yield piece
        except Exception as problem:
            record.abort(type(problem).__name__)
            self._finish()
            raise
        self._complete = True
        self._finish()

    def close(self) -> None:
        """Close the body (PEP 3333)."""
        try:
            getattr(self._body, "close", lambda: None)()
        finally:
            self._finish()

    def _finish(self) -> None:
        if self._ended:
            return
        self._ended = True
        if not self._complete and self._record.outcome == "success":
            self._record.outcome = "disconnected"
        self._end()


def _whole(body: Iterable[bytes]) -> Iterable[bytes]:
    try:
        return list(body)
    finally:
        getattr(body, "close", lambda: None)()
