"""`/auth/…` and `/ping` (REST protocol page, section 2)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from marshmallow import Schema

from boxis_gateway.errors import GatewayError
from boxis_gateway.model import MAX_USERNAME_LENGTH, Employee
from boxis_gateway.passwords import MAX_LENGTH
from boxis_gateway.rest_api.auth import PasswordCheck, find_session, open_session
from boxis_gateway.rest_api.failures import credentials_invalid
from boxis_gateway.rest_api.params import Flag, optional_text, required_text
from boxis_gateway.rest_api.properties import access_level, number, object_id, success, text
from boxis_gateway.rest_api.resource import Answer, ResourceCall, resource
from boxis_gateway.store import Write

UNTIL_LOGOUT = -1


class LoginParams(Schema):
    """User name and password. `smsKey` and `authenticatorToken` are for two-factor logins, which
    are not supported."""

    username = required_text(
        "E-mail address or user name of the employee.",
        MAX_USERNAME_LENGTH,
        example="anna@example.com",
    )
    password = required_text("Password of the employee.", MAX_LENGTH, format="password")
    smsKey = optional_text("Ignored: two-factor logins are not supported.")
    authenticatorToken = optional_text("Ignored: two-factor logins are not supported.")
    cookie = Flag("Set the token as a cookie, too.")
    persist = Flag("Make a token that lasts until logout.")


class LoggedIn(Schema):
    """A token and its employee."""

    token = text("Send it with every request.")
    expiresInMinutes = number("Lifetime of the token; -1 means until logout.", example=15)
    employee = object_id()
    customer = object_id()
    accessLevel = access_level()


def log_in(call: ResourceCall) -> Write[Answer]:
    """Log in: get a token for a password."""
    params, lockouts = call.params, call.limiter.lockouts
    check = PasswordCheck(
        call.store, lockouts, params["username"], params["password"], call.address
    )
    return Write(lambda: _logged_in(call, check.employee), prepare=check.run)


def _logged_in(call: ResourceCall, employee: Employee | None) -> Answer:
    assert employee  # of a right password
    persist = call.params["persist"]
    token = open_session(
        call.store, employee, call.settings, call.now, address=call.address, persist=persist
    )
    return Answer(
        {
            "token": token,
            "expiresInMinutes": UNTIL_LOGOUT if persist else call.settings.token_minutes,
            "employee": employee.id,
            "customer": employee.customer_id,
            "accessLevel": employee.level.value,
        },
        cookie=token if call.params["cookie"] else None,
    )


LOGIN: Mapping[str, Any] = MappingProxyType(
    {"needs_token": False, "fails": (credentials_invalid(),)}
)
post_login = resource("POST", "/auth/login", LoginParams, LoggedIn, **LOGIN)(log_in)
get_login = resource("GET", "/auth/login", LoginParams, LoggedIn, unsafe=True, **LOGIN)(log_in)


class ValidateParams(Schema):
    """Token to check, and form of the answer."""

    token = optional_text("Token to check; by default the token of the request.")
    ip = optional_text("Client address; a token whose login came from another one is not valid.")
    simple = Flag("Answer by the status alone: 200, or 403 if the token is not valid.")
    extend = Flag("Add names.")


class Validated(Schema):
    """Validity of a token, and its employee if it is valid."""

    success = success()
    employee = object_id(required=False)
    customer = object_id(required=False)
    accessLevel = access_level(required=False)
    name = text("Name of the employee; only with `extend`.", required=False)
    customerName = text("Name of the customer; only with `extend`.", required=False)


@resource(
    "GET", "/auth/validateToken", ValidateParams, Validated, needs_token=False, empty=(200, 403)
)
def validate_token(call: ResourceCall) -> Answer:
    """Check a token."""
    try:
        session = find_session(call.store, call.token, call.now)
        ip = call.params.get("ip")
        if ip is not None and session.address is not None and ip != session.address:
            raise credentials_invalid()
    except GatewayError:
        return Answer(None, 403) if call.params["simple"] else Answer({"success": False})
    if call.params["simple"]:
        return Answer(None)
    employee = session.employee
    body: dict[str, Any] = {
        "success": True,
        "employee": employee.id,
        "customer": employee.customer_id,
        "accessLevel": employee.level.value,
    }
    if call.params["extend"]:
        customer = call.store.customers.find(employee.customer_id)
        body["name"] = employee.name
        body["customerName"] = customer.name if customer else ""
    return Answer(body)


@resource("GET", "/auth/logout", unsafe=True, writes=True)
def log_out(call: ResourceCall) -> Answer:
    """Log out: end all tokens of the employee, except machine tokens."""
    call.store.tokens.log_out(call.employee)
    return Answer({"success": True}, cookie="")


@resource("GET", "/ping")
def ping(call: ResourceCall) -> Answer:
    """Check the token of the request, and extend its lifetime like any request."""
    return Answer({"success": True})


RESOURCES = (post_login, get_login, validate_token, log_out, ping)
