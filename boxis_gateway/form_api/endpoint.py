"""START HERE: bytes in, bytes out. The whole path of a request on one screen.

Whatever happens, the answer is an envelope in the format asked for, and its HTTP status is 200:
legacy clients read the body, and some of their libraries hide it from them under any other status.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import IO, TYPE_CHECKING, cast

from flask import Blueprint, Response, request
from werkzeug.exceptions import HTTPException
from werkzeug.wsgi import get_input_stream

from boxis_gateway.errors import ClockMismatch, GatewayError, InvalidRequest
from boxis_gateway.form_api.action import find_action
from boxis_gateway.form_api.actions import ACTIONS
from boxis_gateway.form_api.auth import authenticate, check_clock
from boxis_gateway.form_api.form import Form, read_form
from boxis_gateway.form_api.renderers import Renderer, find_renderer
from boxis_gateway.form_api.request import ApiRequest
from boxis_gateway.form_api.results import Failure, Result
from boxis_gateway.settings import Settings, for_account
from boxis_gateway.store import Store

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
Clock = Callable[[], datetime]


def form_api(store: Store, settings: Settings, clock: Clock) -> Blueprint:
    """The blueprint of the form door."""
    blueprint = Blueprint("form_api", __name__)

    def endpoint() -> Response:
        now, request_id = clock(), secrets.token_hex(8)
        form = Form({})
        try:
            form, problem = receive(request.environ, settings.max_body_bytes)
            result = Failure(str(problem)) if problem else answer(form, store, settings, now)
            response = respond(form, result, now, store, request_id)
        except Exception:
            log.exception("request=%s failed", request_id)
            result = Failure("internal error")
            response = respond(form, result, now, store, request_id)
        log.info("request=%s result=%s", request_id, getattr(result, "description", "success"))
        return response

    def elsewhere(error: HTTPException) -> Response:
        """An unknown path, a method that not even the router knows, or worse."""
        form, _ = read_form(request.query_string, "", b"")
        code = error.code or 500
        failure = Failure(ELSEWHERE.get(code, "internal error"))
        response = respond(form, failure, clock(), store)
        response.status_code = 404 if code == 404 else 200
        log.info("request=- result=%s", failure.description)
        return response

    for path in PATHS:
        blueprint.add_url_rule(path, view_func=endpoint, methods=METHODS)
    blueprint.app_errorhandler(HTTPException)(elsewhere)
    return blueprint


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


def answer(form: Form, store: Store, settings: Settings, now: datetime) -> Result:
    """Form fields in, result out; every anticipated failure comes back as Failure."""
    try:
        request = ApiRequest.from_form(form)
        account = authenticate(request, store)
        settings = for_account(settings, account.options)
        check_clock(request, settings, now)
        request.check_version()
        action = find_action(ACTIONS, request.section, request.action)
        return action.run(account, form, settings, store, now)
    except GatewayError as error:
        return Failure(str(error), clock_mismatch=isinstance(error, ClockMismatch))


def respond(
    form: Form, result: Result, now: datetime, store: Store, request_id: str = ""
) -> Response:
    """The result in the format that the form asks for: whole if it is short, else streamed."""
    renderer = find_renderer(form.get("returntype"))
    pieces = renderer.render(result, int(now.timestamp()))
    beginning = b""
    for piece in pieces:
        beginning += piece
        if len(beginning) > WHOLE_ANSWER_BYTES:
            response = _response(_stream(beginning, pieces, request_id), renderer)
            response.call_on_close(store.database.lend_connection())  # others are served meanwhile
            return response
    return _response(beginning, renderer)


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
        yield from pieces
    except Exception:
        log.exception("request=%s broken off", request_id)
        raise
