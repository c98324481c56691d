"""Failures of the REST API (REST protocol page, sections 2 and 4)."""

from __future__ import annotations

from marshmallow import Schema

from boxis_gateway.errors import GatewayError, LimitReached, Unavailable
from boxis_gateway.rest_api.properties import number, text

RETRY_SECONDS = 2  # mostly another writer keeps the store busy


class FailureSchema(Schema):
    """Body of every failure."""

    code = number("The HTTP status.", example=403)
    message = text("A fixed word, or the name of the wrong field.", example="access_denied")
    description = text("Explanation in English.", example="Insufficient access level")


OUTCOMES = {401: "refused", 403: "refused", 429: "limited", 500: "failed", 503: "unavailable"}


class RestFailure(GatewayError):
    """A failure: `code` is also the HTTP status, `key` a fixed word or the name of the wrong field.
    `reason` is for the operator alone, and by default the key."""

    def __init__(self, code: int, key: str, description: str, reason: str = "") -> None:
        super().__init__(description)
        self.code, self.key, self.description = code, key, description
        self.outcome, self.reason = OUTCOMES.get(code, "invalid"), reason or key
        self.retry_after = 0  # seconds

    def body(self) -> dict[str, object]:
        """JSON object of the answer."""
        return {"code": self.code, "message": self.key, "description": self.description}


def credentials_invalid(reason: str = "token") -> RestFailure:
    """A missing or unknown token, or a wrong login; only the operator sees which."""
    return RestFailure(401, "credentials_invalid", "Authorization required, please login", reason)


def expired() -> RestFailure:
    """An expired token."""
    return RestFailure(401, "expired", "Session has expired, please login")


def access_denied() -> RestFailure:
    """An access level that is too low."""
    return RestFailure(403, "access_denied", "Insufficient access level")


def other_origin() -> RestFailure:
    """A link or picture on a page of another server, followed with our cookie."""
    return RestFailure(403, "access_denied", "Request of another origin", "origin")


def missing(field: str) -> RestFailure:
    """A required field without a value."""
    return RestFailure(404, field, f"{field[:1].upper()}{field[1:]} is missing")


def invalid(field: str) -> RestFailure:
    """A field with an invalid value."""
    return RestFailure(422, field, f"{field[:1].upper()}{field[1:]} is invalid")


def unavailable(field: str, description: str) -> RestFailure:
    """A value that needs a package that this server lacks; the description names it."""
    return RestFailure(422, field, description)


def customer_not_found() -> RestFailure:
    """An unknown customer; the odd key is documented (section 5)."""
    return RestFailure(404, "bad_request", "Customer not found")


def unknown_id(noun: str) -> RestFailure:
    """An unknown id in the path, or one that the employee may not see."""
    return RestFailure(404, "id", f"{noun} not found")


def no_id() -> RestFailure:
    """A path without its id (section 6)."""
    return RestFailure(404, "bad_request", "Id not found in request URI")


def unknown_token() -> RestFailure:
    """An unknown machine token."""
    return RestFailure(404, "token", "Token not found")


def no_tokens_for_admins() -> RestFailure:
    """A machine token for an ADMIN, which section 2 forbids."""
    return RestFailure(403, "id", "Tokens are not allowed for admins")


def bad_request(code: int) -> RestFailure:
    """A request that cannot be read."""
    return RestFailure(code, "bad request", "Unspecified error")


def not_found() -> RestFailure:
    """An unknown path."""
    return RestFailure(404, "not_found", "Address not found")


def method_not_allowed() -> RestFailure:
    """A method that the path lacks."""
    return RestFailure(405, "method_not_allowed", "Method not allowed")


def too_many_requests(limit: LimitReached) -> RestFailure:
    """A rate limit or a lockout."""
    failure = RestFailure(429, "too_many_requests", str(limit).capitalize(), limit.reason)
    failure.retry_after = limit.seconds
    return failure


def out_of_service(fault: Unavailable) -> RestFailure:
    """A store that cannot be used at the moment."""
    failure = RestFailure(503, "unavailable", str(fault).capitalize(), fault.reason)
    failure.retry_after = RETRY_SECONDS
    return failure


def internal_error() -> RestFailure:
    """A bug."""
    return RestFailure(500, "internal_error", "Internal server error")
