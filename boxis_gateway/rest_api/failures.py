"""What the REST API answers when it can't do as asked (REST protocol page, sections 2 and 4)."""

from __future__ import annotations

from marshmallow import Schema

from boxis_gateway.errors import GatewayError, LimitReached, Unavailable
from boxis_gateway.rest_api.properties import number, words

RETRY_SECONDS = 2  # most of what makes a store unavailable is another writer


class Failure(Schema):
    """What every failure answers."""

    code = number("The HTTP status.", example=403)
    message = words(
        "A fixed word, or the name of the field that is wrong.", example="access_denied"
    )
    description = words("The same for people.", example="Insufficient access level")


OUTCOMES = {401: "refused", 403: "refused", 429: "limited", 500: "failed", 503: "unavailable"}


class RestFailure(GatewayError):
    """`code` is the HTTP status too, `key` a fixed word or the name of the field that is wrong. The
    operator's `reason` is the same, if there is no other."""

    def __init__(self, code: int, key: str, description: str, reason: str = "") -> None:
        super().__init__(description)
        self.code, self.key, self.description = code, key, description
        self.outcome, self.reason = OUTCOMES.get(code, "invalid"), reason or key
        self.retry_after = 0  # seconds

    def body(self) -> dict[str, object]:
        """The JSON object of the answer."""
        return {"code": self.code, "message": self.key, "description": self.description}


def credentials_invalid(reason: str = "token") -> RestFailure:
    """No token, an unknown one, or a login that is not right; which of these only we know."""
    return RestFailure(401, "credentials_invalid", "Authorization required, please login", reason)


def expired() -> RestFailure:
    """A token whose time is over."""
    return RestFailure(401, "expired", "Session has expired, please login")


def access_denied() -> RestFailure:
    """The level does not reach that far."""
    return RestFailure(403, "access_denied", "Insufficient access level")


def missing(field: str) -> RestFailure:
    """A field that is needed."""
    return RestFailure(404, field, f"{field[:1].upper()}{field[1:]} is missing")


def invalid(field: str) -> RestFailure:
    """A field with a value that can't be used."""
    return RestFailure(422, field, f"{field[:1].upper()}{field[1:]} is invalid")


def unavailable(field: str, description: str) -> RestFailure:
    """A value that could be used elsewhere; the description says what is missing here."""
    return RestFailure(422, field, description)


def customer_not_found() -> RestFailure:
    """A customer that there isn't; the odd word is documented (section 5)."""
    return RestFailure(404, "bad_request", "Customer not found")


def unknown_id(noun: str) -> RestFailure:
    """An id in the address that is nothing's, or of something out of reach."""
    return RestFailure(404, "id", f"{noun} not found")


def no_id() -> RestFailure:
    """An address that ends where an id is to be (section 6)."""
    return RestFailure(404, "bad_request", "Id not found in request URI")


def unknown_token() -> RestFailure:
    """A token of a machine that there isn't."""
    return RestFailure(404, "token", "Token not found")


def no_tokens_for_admins() -> RestFailure:
    """Tokens of machines are for lower levels (section 2)."""
    return RestFailure(403, "id", "Tokens are not allowed for admins")


def bad_request(code: int) -> RestFailure:
    """A request that can't be read."""
    return RestFailure(code, "bad request", "Unspecified error")


def not_found() -> RestFailure:
    """An address that nothing is at."""
    return RestFailure(404, "not_found", "Address not found")


def method_not_allowed() -> RestFailure:
    """A method that the address doesn't have."""
    return RestFailure(405, "method_not_allowed", "Method not allowed")


def too_many_requests(limit: LimitReached) -> RestFailure:
    """A limit; also who guesses, for a while."""
    failure = RestFailure(429, "too_many_requests", str(limit).capitalize(), limit.reason)
    failure.retry_after = limit.seconds
    return failure


def out_of_service(fault: Unavailable) -> RestFailure:
    """The store cannot be used at the moment."""
    failure = RestFailure(503, "unavailable", str(fault).capitalize(), fault.reason)
    failure.retry_after = RETRY_SECONDS
    return failure


def internal_error() -> RestFailure:
    """A fault of ours."""
    return RestFailure(500, "internal_error", "Internal server error")
