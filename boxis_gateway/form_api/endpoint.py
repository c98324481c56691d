"""START HERE: bytes in, bytes out. The whole path of a request on one screen.

Whatever happens, the answer is an envelope in the format asked for, and its HTTP status is 200:
legacy clients read the body, and some of their libraries hide it from them under any other status.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
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
from boxis_gateway.form_api.action import Given, find_action
from boxis_gateway.form_api.actions import ACTIONS
from boxis_gateway.form_api.auth import authenticate, check_clock
from boxis_gateway.form_api.form import Form, read_form
from boxis_gateway.form_api.renderers import Renderer, find_renderer
from boxis_gateway.form_api.request import ApiRequest
from boxis_gateway.form_api.results import Failure, Result
from boxis_gateway.model import Account
from boxis_gateway.monitoring import RequestRecord, get_record
from boxis_gateway.services import Services
from boxis_gateway.settings import Settings, for_account
from boxis_gateway.store import translate_faults
from boxis_gateway.zones import utc_now

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

PATHS = ("/", "/xmlapi.php")  # every URL that was ever documented
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")  # HEAD comes with GET
ELSEWHERE = {
    400: "request is not valid",
    404: "address is not valid",
    405: "request method is not valid",
}
"""What Flask says before a request has come to the endpoint."""

WHOLE_ANSWER_BYTES = 65_536
"""Up to here an answer leaves in one piece with its Content-Length; above, it streams."""

log = logging.getLogger(__name__)


@dataclass(slots=True)
class RequestContext:
    """A request under way: what is told of it, when, from where; whose it turned out to be, and
    what is set for them."""

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
        except LimitReached as limit:
            return respond(form, failed(limit, record), context, services)
        except Unavailable as fault:
            log.error("request=%s %s", record.id, fault.problem)
            return respond(form, failed(fault, record), context, services)
        except Exception as bug:
            log.exception("request=%s failed", record.id)
            record.fail(bug)
            return respond(form, Failure("internal error"), context, services)

    def elsewhere(error: HTTPException) -> Response:
        """An unknown path, a method that not even the router knows, or worse."""
        form, _ = read_form(request.query_string, "", b"")
        code, record = error.code or 500, get_record(request.environ)
        record.api = "form"
        result = failed(InvalidRequest(ELSEWHERE.get(code, "internal error")), record)
        if code not in ELSEWHERE:
            record.fail(getattr(error, "original_exception", None) or error)
        response = respond(
            form, result, RequestContext(record, services.clock(), "", services.settings), services
        )
        response.status_code = 404 if code == 404 else 200
        return response

    for path in PATHS:
        blueprint.add_url_rule(path, view_func=endpoint, methods=METHODS)
    blueprint.app_errorhandler(HTTPException)(elsewhere)
    return blueprint


def error_body(description: str, query: str) -> tuple[str, bytes]:
    """The answer to bytes that are no HTTP request: content type and body, in the format that the
    query string names."""
    form, _ = read_form(query.encode("latin-1"), "", b"")
    renderer = find_renderer(form.get("returntype"))
    pieces = renderer.render(Failure(description), int(utc_now().timestamp()))
    return renderer.CONTENT_TYPE, b"".join(pieces)


def receive(environ: WSGIEnvironment, max_body_bytes: int) -> tuple[Form, InvalidRequest | None]:
    """The form of a request, as far as it can be read, and what is wrong with it."""
    method, query = environ["REQUEST_METHOD"], environ.get("QUERY_STRING", "").encode("latin-1")
    try:
        body = _input(environ).read(max_body_bytes + 1) if method == "POST" else b""
    except Exception:  # each WSGI server has errors of its own for a body cut short or malformed
        return read_form(query, "", b"")[0], InvalidRequest("request is not valid")
    form, problem = read_form(query, environ.get("CONTENT_TYPE", ""), body[:max_body_bytes])
    if method not in ("GET", "HEAD", "POST"):
        problem = InvalidRequest("request method is not valid")
    elif len(body) > max_body_bytes:
        problem = InvalidRequest("request is too large")
    return form, problem


def _input(environ: WSGIEnvironment) -> IO[bytes]:
    if environ.get("wsgi.input_terminated"):  # the server says that the body ends by itself
        return cast(IO[bytes], environ["wsgi.input"])
    return get_input_stream(environ)


def failed(problem: GatewayError, record: RequestRecord) -> Failure:
    """What the client is told of a problem, which is told to who watches as well."""
    record.fail(problem)
    return Failure(str(problem), clock_mismatch=isinstance(problem, ClockMismatch))


def answer(form: Form, context: RequestContext, services: Services) -> Result:
    """Form fields in, result out; every anticipated failure comes back as Failure."""
    store, limiter, record = services.store, services.limiter, context.record
    try:
        limiter.admit(context.address)
        request = ApiRequest.from_form(form)
        lockouts, everybody = limiter.lockouts, services.settings
        account = authenticate(request, store, everybody, lockouts, context.address)
        record.account = account.id
        context.account = account
        settings = context.settings = for_account(everybody, account.options)
        limiter.admit_account(settings, "form", account.id)
        check_clock(request, settings, context.now)
        request.check_version()
        action = find_action(ACTIONS, request.section, request.action)
        record.action = f"{action.section}.{action.name}"
        given = action.given(form)
        _check_replay(request, given, context, services)
        return action.run(account, given, settings, store, context.now, record.count_rows)
    except GatewayError as error:
        return failed(error, record)


def _check_replay(
    request: ApiRequest, given: Given, context: RequestContext, services: Services
) -> None:
    if context.account and context.settings.replay != "off":
        asked = (request.section, request.action, *chain.from_iterable(given))
        replays = services.limiter.replays
        replays.check(context.settings, context.account.id, request.timestamp, asked, context.now)


def respond(form: Form, result: Result, context: RequestContext, services: Services) -> Response:
    """The result in the format that the form asks for: whole if it is short, else streamed. Raises
    LimitReached if it would be streamed and the account has as many streams as it may."""
    renderer = find_renderer(form.get("returntype"))
    context.record.format = renderer.NAME
    pieces = renderer.render(result, int(context.now.timestamp()))
    beginning = b""
    for piece in pieces:
        beginning += piece
        if len(beginning) > WHOLE_ANSWER_BYTES:
            ended = _begin_stream(context, services)
            context.record.streams = True
            response = _response(_stream(beginning, pieces, context.record.id), renderer)
            response.call_on_close(ended)
            return response
    return _response(beginning, renderer)


def _begin_stream(context: RequestContext, services: Services) -> Callable[[], None]:
    """Others are served from another connection meanwhile. Call what is returned at the end."""
    whose = context.account.id if context.account else 0
    ended = services.limiter.streams.acquire(("form", whose), context.settings.max_streams)
    reattach = services.store.detach_connection()

    def end() -> None:
        ended()
        reattach()

    return end


class WholeAnswer(Response):
    """A Flask response that leaves as it was made: no redirect, range or cookie to see to."""

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """WSGI; the body is one piece."""
        start_response(self.status, self.headers.to_wsgi_list())
        return () if environ["REQUEST_METHOD"] == "HEAD" else cast(list[bytes], self.response)


def _response(body: bytes | Iterator[bytes], renderer: Renderer) -> Response:
    made = WholeAnswer if isinstance(body, bytes) else Response
    response = made(body, content_type=renderer.CONTENT_TYPE)
    response.headers.add("Cache-Control", "no-store")  # a GET's answer is nobody else's
    return response


def _stream(beginning: bytes, pieces: Iterator[bytes], request_id: str) -> Iterator[bytes]:
    """The pieces. A fault is raised, for the server to break the connection off: a client must not
    take half an answer for a whole one."""
    try:
        yield beginning
        with translate_faults():
            yield from pieces
    except Unavailable as fault:
        log.error("request=%s broken off. %s", request_id, fault.problem)
        raise
    except Exception:
        log.exception("request=%s broken off", request_id)
        raise
