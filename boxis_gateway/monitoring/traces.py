"""OpenTelemetry spans, one for each request; needs the extra `traces`.

The standard variables (`OTEL_EXPORTER_OTLP_ENDPOINT`, `OTEL_TRACES_SAMPLER`, …) configure them.
Names and attributes follow the semantic conventions for HTTP servers
(https://opentelemetry.io/docs/specs/semconv/http/http-spans/), without client addresses, paths with
ids and queries.
"""

from __future__ import annotations

import importlib.util
import os
from typing import TYPE_CHECKING, Any

from boxis_gateway.errors import ConfigurationError
from boxis_gateway.monitoring.request_record import RequestRecord

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT")
HEADERS = {"traceparent": "HTTP_TRACEPARENT", "tracestate": "HTTP_TRACESTATE"}
ERRORS = ("failed", "aborted", "unavailable")


def require_traces() -> None:
    """Raise ConfigurationError unless the extra is installed."""
    for name in ("opentelemetry.sdk", "opentelemetry.exporter.otlp.proto.http"):
        if not _is_installed(name):
            raise ConfigurationError(
                "Traces need OpenTelemetry. Install it with: pip install 'boxis-gateway[traces]'"
            )


def _is_installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # its parent package is missing
        return False


class Traces:
    """Exporter of spans, in a background thread: make one in each process after it was forked.
    Raises ConfigurationError without the extra."""

    def __init__(self) -> None:
        require_traces()
        os.environ.setdefault("OTEL_SERVICE_NAME", "boxis-gateway")
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
        from opentelemetry.trace import SpanKind, Status, StatusCode
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        self._provider = TracerProvider()  # flushes at the end of the process, by `atexit`
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        self._tracer = self._provider.get_tracer("boxis_gateway")
        self._extract = TraceContextTextMapPropagator().extract
        self._server, self._error = SpanKind.SERVER, Status(StatusCode.ERROR)
        self._spans: dict[str, tuple[Any, dict[str, Any]]] = {}

    def begin(
        self, record: RequestRecord, environ: WSGIEnvironment, start_response: StartResponse
    ) -> StartResponse:
        """Start a span, in the trace of the request's `traceparent` if it has one.

        Returns the `start_response` that notes the status."""
        headers = {name: environ[key] for name, key in HEADERS.items() if key in environ}
        method = environ["REQUEST_METHOD"]
        attributes: dict[str, Any] = {
            "http.request.method": method if method in METHODS else "_OTHER",
            "url.scheme": environ["wsgi.url_scheme"],
            "network.protocol.version": environ["SERVER_PROTOCOL"].rpartition("/")[2],
        }
        span = self._tracer.start_span(
            attributes["http.request.method"], self._extract(headers), self._server, attributes
        )
        self._spans[record.id] = span, attributes

        def start(status: str, *more: Any) -> Any:
            attributes["http.response.status_code"] = int(status[:3])
            return start_response(status, *more)

        return start

    def end(self, record: RequestRecord) -> None:
        """End the span; a malformed request has none."""
        span, attributes = self._spans.pop(record.id, (None, {}))
        if span is None:
            return
        if record.route:
            span.update_name(f"{attributes['http.request.method']} {record.route}")
            attributes["http.route"] = record.route
        if record.outcome in ERRORS:
            span.set_status(self._error)
            attributes["error.type"] = record.reason or record.outcome
        fields = {f"boxis_gateway.{name}": value for name, value in record.fields().items()}
        fields.pop("boxis_gateway.address", None)
        span.set_attributes({**attributes, **fields})
        span.end()
