"""START HERE: bytes in, bytes out; the whole path of a request.

Every answer is an envelope in the requested format, with HTTP status 200 at a known address:
legacy clients read the body, and some of their libraries hide it under any other status.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from typing import IO, TYPE_CHECKING, cast

from flask import Blueprint, Response, request
from werkzeug.exceptions import HTTPException
from werkzeug.wsgi import get_input_stream

from boxis_gateway.errors import (
    ClockMismatch,
    GatewayError,
    InvalidRequest,
    LimitReached,
    Unavailable,
)
from boxis_gateway.form_api.action import ActionCall, find_action
from boxis_gateway.form_api.actions import ACTIONS
from boxis_gateway.form_api.auth import authenticate, check_clock
from boxis_gateway.form_api.form import Form, read_form
from boxis_gateway.form_api.renderers import Renderer, find_renderer
from boxis_gateway.form_api.request import ApiRequest
from boxis_gateway.form_api.results import Failure, Result
from boxis_gateway.model import Account
from boxis_gateway.monitoring import RequestRecord, get_record
from boxis_gateway.services import Services, log_faults
from boxis_gateway.settings import Settings, for_account

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

PATHS = ("/", "/xmlapi.php")  # every documented URL
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")  # HEAD comes with GET
ROUTING_ERRORS = {
    400: "request is not valid",
    404: "address is not valid",
    405: "request method is not valid",
}
"""Descriptions of errors that Flask raises before a request reaches the endpoint."""

WHOLE_ANSWER_BYTES = 65_536
"""Longest answer sent in one piece with its Content-Length; longer ones are streamed."""

log = logging.getLogger(__name__)


@dataclass(slots=True)
class RequestContext:
    """A request in progress; `answer` sets its account and that account's settings."""

    record: RequestRecord
    now: datetime
    address: str
    settings: Settings
    account: Account | None = None


def form_api(services: Services) -> Blueprint:
    """The blueprint of the form API."""
    blueprint = Blueprint("form_api", __name__)

    def endpoint() -> Response:
        environ, form = request.environ, Form({})
        record, address = get_record(environ), environ.get("REMOTE_ADDR", "")
        record.api, record.route = "form", environ["PATH_INFO"] or "/"
        context = RequestContext(record, services.clock(), address, services.settings)
        try:
            form, problem = receive(environ, services.settings.max_body_bytes)
            with services.store.serving():
                result = failed(problem, record) if problem else answer(form, context, services)
                return respond(form, result, context, services)
        except Unavailable as fault:
            log.error("request=%s %s", record.id, fault.problem)
            return respond(form, failed(fault, record), context, services)
        except Exception as bug:
            log.exception("request=%s failed", record.id)
            record.fail(bug)
            return respond(form, Failure("internal error"), context, services)

    def routing_error(error: HTTPException) -> Response:
        form, _ = read_form(request.query_string, "", b"")
        code, record = error.code or 500, get_record(request.environ)
        record.api = "form"
        result = failed(InvalidRequest(ROUTING_ERRORS.get(code, "internal error")), record)
        if code not in ROUTING_ERRORS:
            record.fail(getattr(error, "original_exception", None) or error)
        context = RequestContext(record, services.clock(), "", services.settings)
        response = respond(form, result, context, services)
        response.status_code = 404 if code == 404 else 200
        return response

    for path in PATHS:
        blueprint.add_url_rule(path, view_func=endpoint, methods=METHODS)
    blueprint.app_errorhandler(HTTPException)(routing_error)
    return blueprint


def error_body(description: str, query: str, now: datetime) -> tuple[str, bytes]:
    """Content type and body of an error of the HTTP server, in the format that the query string
    requests."""
    form, _ = read_form(query.encode("latin-1"), "", b"")
    renderer = find_renderer(form.get("returntype"))
    return renderer.CONTENT_TYPE, _whole(renderer, Failure(description), now)


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


def failed(problem: GatewayError, record: RequestRecord) -> Failure:
    """Record the problem and turn it into a result."""
    record.fail(problem)
    return Failure(str(problem), clock_mismatch=isinstance(problem, ClockMismatch))


def answer(form: Form, context: RequestContext, services: Services) -> Result:
    """Form fields in, result out; every anticipated failure comes back as Failure."""
    store, limiter, record = services.store, services.limiter, context.record
    try:
        limiter.admit(context.address)
        request = ApiRequest.from_form(form)
        account = authenticate(request, store, services.settings, limiter.lockouts, context.address)
        record.account = account.id
        context.account = account
        settings = context.settings = for_account(services.settings, account.options)
        limiter.admit_account(settings, "form", account.id)
        check_clock(request, settings, context.now)
        request.check_version()
        action = find_action(ACTIONS, request.section, request.action)
        record.action = f"{action.section}.{action.name}"
        raw = action.raw_params(form)
        if settings.replay != "off":
            signed = (request.section, request.action, *chain.from_iterable(raw))
            limiter.replays.check(settings, account.id, request.timestamp, signed, context.now)
        params = action.load(raw)
        return action.run(
            ActionCall(account, params, settings, store, context.now, record.count_rows)
        )
    except GatewayError as error:
        return failed(error, record)


def respond(form: Form, result: Result, context: RequestContext, services: Services) -> Response:
    """Render the result in the requested format: whole if it is short, else streamed.

    A result that would be one stream too many for the account becomes a failure."""
    record, renderer = context.record, find_renderer(form.get("returntype"))
    record.format = renderer.NAME
    pieces = renderer.render(result, int(context.now.timestamp()))
    beginning = b""
    for piece in pieces:
        beginning += piece
        if len(beginning) > WHOLE_ANSWER_BYTES:
            account = ("form", context.account.id if context.account else 0)
            try:
                release = services.limiter.streams.acquire(account, context.settings.max_streams)
            except LimitReached as limit:
                return _response(_whole(renderer, failed(limit, record), context.now), renderer)
            record.streams = True
            response = _response(log_faults(_rejoined(beginning, pieces), log, record.id), renderer)
            response.call_on_close(release)
            response.call_on_close(services.store.detach_connection())  # the stream keeps it
            return response
    return _response(beginning, renderer)


class WholeAnswer(Response):
    """A Flask response that skips Flask's checks for redirects, ranges and cookies, for speed."""

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """WSGI entry point; the body is one piece."""
        start_response(self.status, self.headers.to_wsgi_list())
        return () if environ["REQUEST_METHOD"] == "HEAD" else cast(list[bytes], self.response)


def _whole(renderer: Renderer, result: Result, now: datetime) -> bytes:
    return b"".join(renderer.render(result, int(now.timestamp())))


def _response(body: bytes | Iterator[bytes], renderer: Renderer) -> Response:
    response_class = WholeAnswer if isinstance(body, bytes) else Response
    response = response_class(body, content_type=renderer.CONTENT_TYPE)
    response.headers.add("Cache-Control", "no-store")  # even a GET's answer is private
    return response


def _rejoined(beginning: bytes, pieces: Iterator[bytes]) -> Iterator[bytes]:
    yield beginning
    yield from pieces
