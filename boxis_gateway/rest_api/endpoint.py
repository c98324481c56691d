"""START HERE: the whole path of a request at the REST API.

Every answer is JSON, failures too: `{"code":…,"message":…,"description":…}`, whose code is the HTTP
status. A token may stand in the query, in `Authorization: Bearer` or in a cookie, in this order.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any
from urllib.parse import quote_from_bytes, urlencode

from flask import Blueprint, Request, Response, request
from werkzeug.exceptions import HTTPException
from werkzeug.routing import PathConverter

from boxis_gateway.errors import LimitReached, Unavailable
from boxis_gateway.monitoring import RequestRecord, get_record
from boxis_gateway.rest_api.auth import find_session, renew
from boxis_gateway.rest_api.failures import (
    RestFailure,
    bad_request,
    internal_error,
    invalid,
    method_not_allowed,
    no_id,
    not_found,
    out_of_service,
    too_many_requests,
)
from boxis_gateway.rest_api.resource import Answer, Call, File, Resource
from boxis_gateway.rest_api.resources import RESOURCES
from boxis_gateway.services import Services, log_faults
from boxis_gateway.store import UNKNOWN, Store, acting

COOKIE = "token"
ASCII = bytes(range(128))
JSON, EMPTY = "application/json", "text/plain"
NOT_KEPT = ("token", "offset")  # in a link to the next page
WITHOUT_ID = ("/sms/",)
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")

log = logging.getLogger(__name__)


class Anything(PathConverter):
    """The rest of a path, with whatever slashes; or nothing."""

    regex = ".*?"
    part_isolating = False


def rest_api(services: Services) -> Blueprint:
    """The blueprint of the REST API."""
    blueprint = Blueprint("rest_api", __name__)
    blueprint.record(lambda setup: setup.app.url_map.converters.update(anything=Anything))
    addresses: dict[str, dict[str, Resource]] = {}
    for one in RESOURCES:
        addresses.setdefault(one.path, {})[one.method] = one
    for first in sorted({path.split("/")[1] for path in addresses}):
        for nowhere in (f"/{first}", f"/{first}/<anything:elsewhere>"):
            addresses.setdefault(nowhere, {})
    for path, methods in addresses.items():
        endpoint = endpoint_of(path, methods, services)
        blueprint.add_url_rule(path, path.lower(), endpoint, methods=METHODS)
    if services.settings.cors_origins != "none":
        blueprint.after_request(partial(allow_pages, services.settings.cors_origins.split()))
    return blueprint


def endpoint_of(
    path: str, methods: Mapping[str, Resource], services: Services
) -> Callable[..., Response]:
    """What serves an address; one without methods is nowhere."""
    route = path.replace("<", "{").replace(">", "}") if methods else ""

    def endpoint(**places: str) -> Response:
        record = get_record(request.environ)
        record.api, record.route, record.format = "rest", route, "json"
        if methods and request.method in METHODS:
            record.action = f"{request.method} {route}"
        try:
            with services.store.serving():
                answered = answer(methods, request, places, services, record)
        except Exception as problem:
            if isinstance(problem, RestFailure):
                failure = problem
            elif isinstance(problem, LimitReached):
                failure = too_many_requests(problem)
            elif isinstance(problem, Unavailable):
                log.error("request=%s %s", record.id, problem.problem)
                failure = out_of_service(problem)
            elif isinstance(problem, HTTPException):  # of a body that is too long, or cut short
                failure = bad_request(problem.code or 400)
            else:
                log.exception("request=%s failed", record.id)
                failure = internal_error()
            record.fail(failure)
            answered = Answer(failure.body(), failure.code, retry_after=failure.retry_after)
        if answered.file:
            response = respond_with_file(answered.file, services.store, record)
        else:
            response = respond(answered, methods, request)
        response.headers["X-Request-Id"] = record.id
        return response

    return endpoint


def answer(
    methods: Mapping[str, Resource],
    request: Request,
    places: Mapping[str, str],
    services: Services,
    record: RequestRecord,
) -> Answer:
    """What is answered. Raises RestFailure and LimitReached."""
    address, store, settings = request.remote_addr or "", services.store, services.settings
    services.limiter.admit(address)
    if not methods:
        raise no_id() if request.path in WITHOUT_ID else not_found()
    if request.method == "OPTIONS":
        return Answer(None, 204)
    found = methods.get("GET" if request.method == "HEAD" else request.method)
    if found is None or (request.method == "HEAD" and found.acts):
        raise method_not_allowed()
    if not request.query_string.isascii():  # which the framework cannot read
        request.query_string = quote_from_bytes(request.query_string, ASCII).encode()
    token, now = token_of(request), services.clock()
    session = find_session(store, token, now) if found.needs_token else None
    if session:
        record.employee = session.employee.id
        services.limiter.admit_account(settings, "rest", session.employee.id)
        renew(store, session, settings, now)
    who = session.employee.username if session else UNKNOWN
    request.max_content_length = request.max_form_memory_size = settings.max_body_bytes
    params = found.load(fields_of(request))
    known = (settings, store, services.limiter, now, record.count_rows)
    call = Call(params, places, session, address, token, *known)
    with acting(who, address or UNKNOWN):
        return found.run(call)


def allow_pages(origins: Sequence[str], response: Response) -> Response:
    """Let pages of these origins read answers; with a token, as cookies are not sent along."""
    headers, origin = response.headers, request.headers.get("Origin", "")
    headers.add("Vary", "Origin")
    if origin not in origins:
        return response
    headers["Access-Control-Allow-Origin"] = origin
    headers["Access-Control-Expose-Headers"] = "Link, Retry-After, ETag, X-Request-Id"
    if request.method == "OPTIONS":
        headers["Access-Control-Allow-Methods"] = headers.get("Allow", "")
        headers["Access-Control-Allow-Headers"] = "Authorization, Content-Type, If-None-Match"
        headers["Access-Control-Max-Age"] = "600"
    return response


def fields_of(request: Request) -> dict[str, Any]:
    """What the query and, of a POST, the body say; a JSON object or a form. The body wins."""
    given: dict[str, Any] = request.args.to_dict()
    if request.method != "POST":
        return given
    body = request.get_data()
    if request.mimetype == "application/x-www-form-urlencoded":
        return given | request.form.to_dict()
    if not body.strip():
        return given
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        raise invalid("body") from None
    if not isinstance(content, dict):
        raise invalid("body")
    return given | content


def token_of(request: Request) -> str | None:
    """The token that is shown, wherever it stands."""
    scheme, _, credentials = request.headers.get("Authorization", "").partition(" ")
    bearer = credentials.strip() if scheme.lower() == "bearer" else ""
    return request.args.get("token") or bearer or request.cookies.get(COOKIE) or None


def respond(answered: Answer, methods: Mapping[str, Resource], request: Request) -> Response:
    """The answer as it leaves. Nobody keeps it: it is for the one who asked."""
    body = b""
    if answered.body is not None:
        body = json.dumps(answered.body, ensure_ascii=False, separators=(",", ":")).encode()
    response = Response(body, answered.status, content_type=JSON if body else EMPTY)
    response.headers["Cache-Control"] = "private, no-cache" if answered.cacheable else "no-store"
    response.headers["X-Content-Type-Options"] = "nosniff"
    if answered.next_page:
        kept = {name: value for name, value in request.args.items() if name not in NOT_KEPT}
        query = urlencode({**kept, **answered.next_page})
        response.headers["Link"] = f'<{request.path}?{query}>; rel="next"'
    if answered.retry_after:
        response.headers["Retry-After"] = str(answered.retry_after)
    if answered.status in (204, 405):
        head = {"HEAD"} if "GET" in methods and not methods["GET"].acts else set()
        allowed = {*methods, *head, "OPTIONS"}
        response.headers["Allow"] = ", ".join(sorted(allowed))
    if answered.cookie is not None:
        age = None if answered.cookie else 0
        response.set_cookie(COOKIE, answered.cookie, max_age=age, httponly=True, samesite="Lax")
    if answered.cacheable:
        response.add_etag()
        if request.if_none_match.contains_weak(response.get_etag()[0] or ""):
            del response.headers["Content-Type"], response.headers["Content-Length"]
            response.status_code, response.data = 304, b""
    return response


def respond_with_file(file: File, store: Store, record: RequestRecord) -> Response:
    """The file, while others are served from another connection."""
    record.streams, record.format = True, file.name.rpartition(".")[2]
    pieces = log_faults(file.pieces, log, record.id)
    response = Response(pieces, content_type=file.content_type)
    response.headers["Content-Disposition"] = f'attachment; filename="{file.name}"'
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.call_on_close(file.close)
    response.call_on_close(store.detach_connection())
    return response
