"""START HERE: the path of a request of the form API, from bytes to bytes.

Every answer is an envelope in the requested format, with HTTP status 200 at a known address:
legacy clients read the body, and some of their libraries hide it under any other status.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import IO, TYPE_CHECKING, cast

from werkzeug.exceptions import HTTPException
from werkzeug.wsgi import ClosingIterator, get_input_stream

from boxis_gateway.deferred import DeferredAnswer
from boxis_gateway.errors import ClockMismatch, GatewayError, InvalidRequest, Unavailable
from boxis_gateway.form_api.action import ActionCall, ActionTable, find_action
from boxis_gateway.form_api.actions import ACTIONS
from boxis_gateway.form_api.auth import authenticate, check_clock
from boxis_gateway.form_api.form import Form, read_form
from boxis_gateway.form_api.renderers import RENDERERS, Renderer, find_renderer
from boxis_gateway.form_api.request import ApiRequest
from boxis_gateway.form_api.results import Failure, OpenRows, Result, Rows, Success
from boxis_gateway.monitoring import RequestRecord, get_record
from boxis_gateway.services import Services, log_faults
from boxis_gateway.settings import for_account
from boxis_gateway.store import Write

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

PATHS = ("/", "/xmlapi.php")  # every documented URL
ROUTING_ERRORS = {
    400: "request is not valid",
    404: "address is not valid",
    405: "request method is not valid",
}
"""Descriptions of errors by HTTP status, for requests that are routed to no API."""

PRIVATE = ("Cache-Control", "no-store")  # even a GET's answer is private

log = logging.getLogger(__name__)


@dataclass(slots=True)
class RequestContext:
    """A request in progress."""

    record: RequestRecord
    now: datetime
    address: str
    renderer: Renderer = RENDERERS["xml"]


class FormApi:
    """WSGI application of the form API at PATHS. Flask's routing and contexts would cost a quarter
    of the instructions of a short answer (`make guard` counts them)."""

    def __init__(self, services: Services, actions: ActionTable = ACTIONS) -> None:
        self._services, self._actions = services, actions

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request."""
        services, context = self._services, self._context(environ)
        context.record.route = environ["PATH_INFO"] or "/"
        try:
            form, problem = receive(environ, services.settings.max_body_bytes)
            context.renderer = find_renderer(form.get("returntype"))
            with services.store.serving():
                if problem:
                    result: Result | Write[Success] = failed(problem, context.record)
                else:
                    result = answer(form, context, services, self._actions)
                if isinstance(result, Write):
                    return self._defer(result, context, environ, start_response)
                return respond(result, context, environ, start_response)
        except Exception as fault:
            return respond(failed(fault, context.record), context, environ, start_response)

    def _defer(
        self,
        write: Write[Success],
        context: RequestContext,
        environ: WSGIEnvironment,
        start_response: StartResponse,
    ) -> DeferredAnswer:
        """Answer a request when its write is committed. Raises InvalidRequest, Unavailable."""
        if environ["REQUEST_METHOD"] == "HEAD":  # which is safe (RFC 9110, 9.2.1)
            raise InvalidRequest("request method is not valid")
        future = self._services.writer.submit(write)
        finish = partial(self._finish, future, context, environ, start_response)
        return DeferredAnswer(future, finish)

    def _finish(
        self,
        future: Future[Success],
        context: RequestContext,
        environ: WSGIEnvironment,
        start_response: StartResponse,
    ) -> Iterable[bytes]:
        """Answer a request after its write, which has been committed or has failed."""
        try:
            return respond(future.result(), context, environ, start_response)
        except Exception as fault:
            return respond(failed(fault, context.record), context, environ, start_response)

    def routing_error(
        self, error: HTTPException, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        """Answer a request that Flask can route to no API."""
        context = self._context(environ)
        form, _ = read_form(environ.get("QUERY_STRING", "").encode("latin-1"), "", b"")
        context.renderer = find_renderer(form.get("returntype"))
        if error.code in ROUTING_ERRORS:
            result = failed(InvalidRequest(ROUTING_ERRORS[error.code]), context.record)
        else:
            result = failed(getattr(error, "original_exception", None) or error, context.record)
        status = "404 Not Found" if error.code == 404 else "200 OK"
        return respond(result, context, environ, start_response, status)

    def _context(self, environ: WSGIEnvironment) -> RequestContext:
        services, record = self._services, get_record(environ)
        record.api = "form"
        address = environ.get("REMOTE_ADDR", "")
        return RequestContext(record, services.clock(), address)


def error_body(description: str, query: str, now: datetime) -> tuple[str, bytes]:
    """Content type and body of an error of the HTTP server, in the format that the query string
    requests."""
    form, _ = read_form(query.encode("latin-1"), "", b"")
    renderer = find_renderer(form.get("returntype"))
    pieces = renderer.render(Failure(description), int(now.timestamp()))
    return renderer.CONTENT_TYPE, b"".join(pieces)


def receive(environ: WSGIEnvironment, max_body_bytes: int) -> tuple[Form, InvalidRequest | None]:
    """Read the form of a request. Returns what could be read, and the error if there is one."""
    method, query = environ["REQUEST_METHOD"], environ.get("QUERY_STRING", "").encode("latin-1")
    try:
        body = _input(environ).read(max_body_bytes + 1) if method == "POST" else b""
    except Exception:  # each WSGI server raises other errors for a truncated or malformed body
        return read_form(query, "", b"")[0], InvalidRequest("request is not valid")
    form, problem = read_form(query, environ.get("CONTENT_TYPE", ""), body[:max_body_bytes])
    if method not in ("GET", "HEAD", "POST"):
        problem = InvalidRequest("request method is not valid")
    elif len(body) > max_body_bytes:
        problem = InvalidRequest("request is too large")
    return form, problem


def _input(environ: WSGIEnvironment) -> IO[bytes]:
    if environ.get("wsgi.input_terminated"):  # the server ends the input with the body
        return cast(IO[bytes], environ["wsgi.input"])
    return get_input_stream(environ)


def failed(problem: Exception, record: RequestRecord) -> Failure:
    """Turn a problem into a result, record it, and log what the operator has to mend."""
    record.fail(problem)
    if isinstance(problem, Unavailable):
        log.error("request=%s %s", record.id, problem.problem)
    elif not isinstance(problem, GatewayError):
        log.error("request=%s failed", record.id, exc_info=problem)
        return Failure("internal error")
    return Failure(str(problem), clock_mismatch=isinstance(problem, ClockMismatch))


def answer(
    form: Form, context: RequestContext, services: Services, actions: ActionTable
) -> Result | Write[Success]:
    """Form fields in, result or write out; every anticipated failure comes back as Failure."""
    store, limiter, record = services.store, services.limiter, context.record
    try:
        limiter.admit(context.address)
        request = ApiRequest.from_form(form)
        account = authenticate(request, store, services.settings, limiter.lockouts, context.address)
        record.account = account.id
        settings = for_account(services.settings, account.options)
        limiter.admit_account(settings, "form", account.id)
        check_clock(request, settings, context.now)
        request.check_version()
        action = find_action(actions, request.section, request.action)
        record.action = f"{action.section}.{action.name}"
        raw = action.raw_params(form)
        if settings.replay != "off":
            signed = (request.section, request.action, raw)
            limiter.replays.check(settings, account.id, request.timestamp, signed, context.now)
        params = action.load(raw)
        call = ActionCall(account, params, settings, store, context.now, record.count_rows)
        result = action.run(call)
        if isinstance(result, Write):
            return result.acting_as(account.username, context.address)
        if isinstance(result.payload, Rows):
            result = Success(open_rows(result.payload, call, context.renderer, services))
        return result
    except GatewayError as error:
        return failed(error, record)


def open_rows(rows: Rows, call: ActionCall, renderer: Renderer, services: Services) -> OpenRows:
    """Run the queries of a list; long ones are a stream, which needs a slot of the account.

    Raises LimitReached if all its slots are in use."""
    opened = rows.open(renderer.NAME)
    if opened.is_long:
        account, slots = ("form", call.account.id), call.settings.max_streams
        try:
            opened.release_slot = services.limiter.streams.acquire(account, slots)
            opened.detach()
        except BaseException:
            opened.close()
            raise
    return opened


def respond(
    result: Result,
    context: RequestContext,
    environ: WSGIEnvironment,
    start_response: StartResponse,
    status: str = "200 OK",
) -> Iterable[bytes]:
    """Render the result in the requested format: whole, or as a stream if its queries are long."""
    record, renderer = context.record, context.renderer
    record.format = renderer.NAME
    pieces = renderer.render(result, int(context.now.timestamp()))
    headers = [("Content-Type", renderer.CONTENT_TYPE), PRIVATE]
    is_head = environ["REQUEST_METHOD"] == "HEAD"
    payload = result.payload if isinstance(result, Success) else None
    if isinstance(payload, OpenRows) and payload.is_long:
        record.streams = True
        start_response(status, headers)
        streamed = log_faults(() if is_head else pieces, log, record.id)
        return ClosingIterator(streamed, payload.close)
    body = b"".join(pieces)
    headers.insert(1, ("Content-Length", str(len(body))))
    start_response(status, headers)
    return [] if is_head else [body]
