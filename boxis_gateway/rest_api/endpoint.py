"""START HERE: the whole path of a request of the REST API.

Every answer is JSON, and so is a failure: `{"code":…,"message":…,"description":…}` with the HTTP
status as its code. A token is read from the query, `Authorization: Bearer` or a cookie, in this
order.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import quote_from_bytes, urlencode

from flask import Blueprint, Request, Response, request
from werkzeug.exceptions import HTTPException
from werkzeug.routing import PathConverter

from boxis_gateway.deferred import DeferredAnswer
from boxis_gateway.errors import LimitReached, Unavailable
from boxis_gateway.monitoring import RequestRecord, get_record
from boxis_gateway.rest_api.auth import Renewals, find_session
from boxis_gateway.rest_api.failures import (
    RestFailure,
    bad_request,
    internal_error,
    method_not_allowed,
    no_id,
    not_found,
    other_origin,
    out_of_service,
    too_many_requests,
)
from boxis_gateway.rest_api.request_fields import (
    COOKIE,
    has_only_cookie,
    is_same_origin,
    read_fields,
    read_token,
)
from boxis_gateway.rest_api.resource import Answer, File, Resource, ResourceCall
from boxis_gateway.rest_api.resources import RESOURCES
from boxis_gateway.services import Services, log_faults
from boxis_gateway.settings import Settings
from boxis_gateway.store import UNKNOWN, Write

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

T = TypeVar("T")
ASCII = bytes(range(128))
JSON, EMPTY = "application/json", "text/plain"
NOT_LINKED = ("token", "offset")  # parameters left out of the link to the next page
WITHOUT_ID = ("/sms/",)
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")

log = logging.getLogger(__name__)


class AnyPath(PathConverter):
    """The rest of a path, with any slashes; may be empty."""

    regex = ".*?"
    part_isolating = False


def rest_api(services: Services) -> Blueprint:
    """The blueprint of the REST API."""
    blueprint = Blueprint("rest_api", __name__)
    blueprint.record(lambda setup: setup.app.url_map.converters.update(any_path=AnyPath))
    paths: dict[str, dict[str, Resource]] = {}
    for resource in RESOURCES:
        paths.setdefault(resource.path, {})[resource.method] = resource
    for first in sorted({path.split("/")[1] for path in paths}):
        for unknown in (f"/{first}", f"/{first}/<any_path:rest>"):
            paths.setdefault(unknown, {})
    renewals = Renewals(services.store, services.writer)
    for path, methods in paths.items():
        endpoint = endpoint_for(path, methods, services, renewals)
        blueprint.add_url_rule(path, path.lower(), endpoint, methods=METHODS)
    return blueprint


def endpoint_for(
    path: str, methods: Mapping[str, Resource], services: Services, renewals: Renewals
) -> Callable[..., Response]:
    """Make the view function of a path; an unknown path has no methods."""
    route = path.replace("<", "{").replace(">", "}") if methods else ""
    origins = services.settings.cors_origins

    def endpoint(**path_params: str) -> Response:
        sent: Request = request._get_current_object()  # type: ignore[attr-defined]
        record = get_record(sent.environ)
        record.api, record.route, record.format = "rest", route, "json"
        if methods and sent.method in METHODS:
            record.action = f"{sent.method} {route}"

        def run() -> Answer | Future[Answer]:
            with services.store.serving():
                result = answer(methods, sent, path_params, services, renewals, record)
                return services.writer.submit(result) if isinstance(result, Write) else result

        def complete(result: Answer) -> Response:
            if result.file:
                response = respond_with_file(result.file, record)
            else:
                response = respond(result, methods, sent, services.settings)
            response.headers["X-Request-Id"] = record.id
            if origins != "none":
                add_cors_headers(origins.split(), sent, response)
            return response

        result = attempt(run, record)
        if isinstance(result, Answer):
            return complete(result)
        return DeferredResponse(result, lambda: complete(attempt(result.result, record)))

    return endpoint


class DeferredResponse(Response):
    """A response that `finish` makes once the write is committed or has failed."""

    def __init__(self, future: Future[Answer], finish: Callable[[], Response]) -> None:
        super().__init__()
        self._future, self._finish_response = future, finish

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """WSGI entry point."""
        finish = self._finish_response
        return DeferredAnswer(self._future, lambda: finish()(environ, start_response))


def attempt(run: Callable[[], T], record: RequestRecord) -> T | Answer:
    """The result of the function, or an answer with its failure."""
    try:
        return run()
    except Exception as problem:
        failure = translate(problem, record)
        record.fail(failure)
        return Answer(failure.body(), failure.code, retry_after=failure.retry_after)


def translate(problem: Exception, record: RequestRecord) -> RestFailure:
    """Turn any exception into a failure, and log what the operator has to mend."""
    if isinstance(problem, RestFailure):
        return problem
    if isinstance(problem, LimitReached):
        return too_many_requests(problem)
    if isinstance(problem, Unavailable):
        log.error("request=%s %s", record.id, problem.problem)
        return out_of_service(problem)
    if isinstance(problem, HTTPException):  # a body that is too long or cut short
        return bad_request(problem.code or 400)
    log.exception("request=%s failed", record.id)
    return internal_error()


def answer(
    methods: Mapping[str, Resource],
    request: Request,
    path_params: Mapping[str, str],
    services: Services,
    renewals: Renewals,
    record: RequestRecord,
) -> Answer | Write[Answer]:
    """Request in, answer or write out. Raises RestFailure, LimitReached and HTTPException."""
    address, store, settings = request.remote_addr or "", services.store, services.settings
    services.limiter.admit(address)
    if not methods:
        raise no_id() if request.path in WITHOUT_ID else not_found()
    if request.method == "OPTIONS":
        return Answer(None, 204)
    resource = methods.get("GET" if request.method == "HEAD" else request.method)
    if resource is None or (request.method == "HEAD" and resource.unsafe):
        raise method_not_allowed()
    if not request.query_string.isascii():  # which Flask cannot read
        request.query_string = quote_from_bytes(request.query_string, ASCII).encode()
    token, now = read_token(request), services.clock()
    session = find_session(store, token, now) if resource.needs_token else None
    if session and resource.unsafe and has_only_cookie(request) and not is_same_origin(request):
        raise other_origin()
    if session:
        record.employee = session.employee.id
        services.limiter.admit_account(settings, "rest", session.employee.id)
        renewals.renew(session, settings, now)
    username = session.employee.username if session else UNKNOWN
    request.max_content_length = request.max_form_memory_size = settings.max_body_bytes
    call = ResourceCall(
        params=resource.load(read_fields(request)),
        path_params=path_params,
        session=session,
        address=address,
        token=token,
        settings=settings,
        store=store,
        limiter=services.limiter,
        now=now,
        count_rows=record.count_rows,
    )
    result = resource.run(call)
    return result.acting_as(username, address) if isinstance(result, Write) else result


def add_cors_headers(origins: Sequence[str], request: Request, response: Response) -> None:
    """Let pages of these origins read answers. They need a token, as cookies are not allowed."""
    headers, origin = response.headers, request.headers.get("Origin", "")
    headers.add("Vary", "Origin")
    if origin not in origins:
        return
    headers["Access-Control-Allow-Origin"] = origin
    headers["Access-Control-Expose-Headers"] = "Link, Retry-After, ETag, X-Request-Id"
    if request.method == "OPTIONS":
        headers["Access-Control-Allow-Methods"] = headers.get("Allow", "")
        headers["Access-Control-Allow-Headers"] = "Authorization, Content-Type, If-None-Match"
        headers["Access-Control-Max-Age"] = "600"


def respond(
    answer: Answer, methods: Mapping[str, Resource], request: Request, settings: Settings
) -> Response:
    """Turn an answer into an HTTP response, which shared caches must not store."""
    body = b""
    if answer.body is not None:
        body = json.dumps(answer.body, ensure_ascii=False, separators=(",", ":")).encode()
    response = Response(body, answer.status, content_type=JSON if body else EMPTY)
    response.headers["Cache-Control"] = "private, no-cache" if answer.cacheable else "no-store"
    response.headers["X-Content-Type-Options"] = "nosniff"
    if answer.next_page:
        kept = {name: text for name, text in request.args.items() if name not in NOT_LINKED}
        query = urlencode({**kept, **answer.next_page})
        response.headers["Link"] = f'<{request.path}?{query}>; rel="next"'
    if answer.retry_after:
        response.headers["Retry-After"] = str(answer.retry_after)
    if answer.status in (204, 405):
        head = {"HEAD"} if "GET" in methods and not methods["GET"].unsafe else set()
        response.headers["Allow"] = ", ".join(sorted({*methods, *head, "OPTIONS"}))
    if answer.cookie is not None:
        age = None if answer.cookie else 0
        response.set_cookie(
            COOKIE,
            answer.cookie,
            max_age=age,
            secure=settings.secure_cookies,
            httponly=True,
            samesite="Lax",
        )
    if answer.cacheable:
        response.add_etag()
        if request.if_none_match.contains_weak(response.get_etag()[0] or ""):
            del response.headers["Content-Type"], response.headers["Content-Length"]
            response.status_code, response.data = 304, b""
    return response


def respond_with_file(file: File, record: RequestRecord) -> Response:
    """Stream the file; other requests get another connection to the store meanwhile."""
    record.streams, record.format = True, file.name.rpartition(".")[2]
    try:
        file.rows.detach()
    except BaseException:
        file.close()
        raise
    response = Response(log_faults(file.pieces, log, record.id), content_type=file.content_type)
    response.headers["Content-Disposition"] = f'attachment; filename="{file.name}"'
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.call_on_close(file.close)
    return response
