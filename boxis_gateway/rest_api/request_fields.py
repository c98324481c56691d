"""Fields and token of a request."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

from flask import Request

from boxis_gateway.request_limits import MAX_FIELDS, MAX_NAME_BYTES, MAX_VALUE_BYTES
from boxis_gateway.rest_api.failures import invalid

COOKIE = "token"


def read_fields(request: Request) -> dict[str, Any]:
    """Parameters of the query and, for a POST, of a JSON object or form, which wins. Raises
    RestFailure, also beyond the limits of request_limits.py."""
    fields: dict[str, Any] = request.args.to_dict()
    if request.method == "POST":
        fields |= read_body_fields(request)
    lengths = (
        (len(name), len(text) if isinstance(text, str) else 0) for name, text in fields.items()
    )
    if any(name > MAX_NAME_BYTES or text > MAX_VALUE_BYTES for name, text in lengths):
        raise invalid("body")
    return fields


def read_body_fields(request: Request) -> dict[str, Any]:
    """Parameters of a JSON object or form. Raises RestFailure."""
    body = request.get_data()
    if request.mimetype == "application/x-www-form-urlencoded":
        if body.count(b"&") >= MAX_FIELDS:
            raise invalid("body")
        return request.form.to_dict()
    if not body.strip():
        return {}
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        raise invalid("body") from None
    if not isinstance(content, dict) or len(content) > MAX_FIELDS:
        raise invalid("body")
    return content


def read_token(request: Request) -> str | None:
    """The token of the request, if it has one."""
    return _sent_token(request) or request.cookies.get(COOKIE) or None


def has_only_cookie(request: Request) -> bool:
    """True if the token is the cookie's, which a browser adds to requests of any page."""
    return not _sent_token(request)


def _sent_token(request: Request) -> str:
    scheme, _, credentials = request.headers.get("Authorization", "").partition(" ")
    bearer = credentials.strip() if scheme.lower() == "bearer" else ""
    return request.args.get("token") or bearer


def is_same_origin(request: Request) -> bool:
    """False if a browser says that a page of another server has caused the request: all do over
    HTTPS (https://www.w3.org/TR/fetch-metadata/). Other programs say nothing."""
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site in ("same-origin", "none")
    page = request.headers.get("Origin") or request.headers.get("Referer")
    with suppress(ValueError):  # a malformed address
        return page is None or urlsplit(page).netloc == request.host
    return False
