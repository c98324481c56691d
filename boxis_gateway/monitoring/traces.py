"""A span for each request, by OpenTelemetry; the extra `traces` brings it.

The standard variables (`OTEL_EXPORTER_OTLP_ENDPOINT`, `OTEL_TRACES_SAMPLER`, …) say where spans go
and how many. Names and attributes are those of the semantic conventions for HTTP servers
(https://opentelemetry.io/docs/specs/semconv/http/http-spans/); addresses of clients, paths with ids
and queries are left out.
"""

from __future__ import annotations

import importlib.util
import os
from typing import TYPE_CHECKING, Any

from boxis_gateway.errors import ConfigurationError
from boxis_gateway.monitoring.request_record import Seen

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT")
HEADERS = {"traceparent": "HTTP_TRACEPARENT", "tracestate": "HTTP_TRACESTATE"}
FAULTS = ("failed", "broken_off", "unavailable")


def require_traces() -> None:
    """Raises ConfigurationError unless the extra is there."""
    for name in ("opentelemetry.sdk", "opentelemetry.exporter.otlp.proto.http"):
        if not _is_there(name):
            raise ConfigurationError(
                "Traces need OpenTelemetry. Install it with: pip install 'boxis-gateway[traces]'"
            )


def _is_there(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # of what it is part of
        return False


class Traces:
    """Spans of requests. They leave in the background, the last ones as the process ends: so each
    process makes its own, after it was forked. Raises ConfigurationError without the extra."""

    def __init__(self) -> None:
        require_traces()
        os.environ.setdefault("OTEL_SERVICE_NAME", "boxis-gateway")
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
        from opentelemetry.trace import SpanKind, Status, StatusCode
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        self._provider = TracerProvider()  # ends with the process, by `atexit`
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        self._tracer = self._provider.get_tracer("boxis_gateway")
        self._context_of = TraceContextTextMapPropagator().extract
        self._server, self._fault = SpanKind.SERVER, Status(StatusCode.ERROR)
        self._spans: dict[str, tuple[Any, dict[str, Any]]] = {}

    def begin(
        self, seen: Seen, environ: WSGIEnvironment, start_response: StartResponse
    ) -> StartResponse:
        """A request begins, as part of the trace that its `traceparent` names, if it has one."""
        sent = {name: environ[key] for name, key in HEADERS.items() if key in environ}
        method = environ["REQUEST_METHOD"]
        known: dict[str, Any] = {
            "http.request.method": method if method in METHODS else "_OTHER",
            "url.scheme": environ["wsgi.url_scheme"],
            "network.protocol.version": environ["SERVER_PROTOCOL"].rpartition("/")[2],
        }
        span = self._tracer.start_span(
            known["http.request.method"], self._context_of(sent), self._server, known
        )
        self._spans[seen.id] = span, known

        def start(status: str, *more: Any) -> Any:
            known["http.response.status_code"] = int(status[:3])
            return start_response(status, *more)

        return start

    def end(self, seen: Seen) -> None:
        """It has ended. A request that is none of a door's has no span to end."""
        span, known = self._spans.pop(seen.id, (None, {}))
        if span is None:
            return
        if seen.route:
            span.update_name(f"{known['http.request.method']} {seen.route}")
            known["http.route"] = seen.route
        if seen.outcome in FAULTS:
            span.set_status(self._fault)
            known["error.type"] = seen.reason or seen.outcome
        fields = {f"boxis_gateway.{name}": value for name, value in seen.fields().items()}
        fields.pop("boxis_gateway.address", None)
        span.set_attributes({**known, **fields})
        span.end()
