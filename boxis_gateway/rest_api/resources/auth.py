"""`/auth/…` and `/ping` (REST protocol page, section 2)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from marshmallow import Schema

from boxis_gateway.errors import GatewayError
from boxis_gateway.rest_api.auth import check_password, find_session, open_session
from boxis_gateway.rest_api.failures import credentials_invalid
from boxis_gateway.rest_api.params import YesOrNo, needed_text, text
from boxis_gateway.rest_api.properties import an_id, done, level, number, words
from boxis_gateway.rest_api.resource import Answer, Call, resource

UNTIL_LOGOUT = -1


class LoginParams(Schema):
    """User name and password. `smsKey` and `authenticatorToken` are of employees who use codes;
    there are none here."""

    username = needed_text(
        "The employee's e-mail address or user name.", example="anna@example.com"
    )
    password = needed_text("The employee's password.", format="password")
    smsKey = text("Not looked at: no employee here has codes.")
    authenticatorToken = text("Not looked at: no employee here has codes.")
    cookie = YesOrNo("Set a cookie with the token, too.")
    persist = YesOrNo("A token that lasts until logout.")


class LoggedIn(Schema):
    """A token, and whose it is."""

    token = words("To be shown from now on.")
    expiresInMinutes = number("How long it lasts; -1 until logout.", example=15)
    employee = an_id()
    customer = an_id()
    accessLevel = level()


def log_in(call: Call) -> Answer:
    """A token for a password."""
    params = call.params
    username, password = params["username"], params["password"]
    lockouts = call.limiter.lockouts
    employee = check_password(call.store, lockouts, username, password, call.address)
    token = open_session(
        call.store,
        employee,
        call.settings,
        call.now,
        address=call.address,
        persist=params["persist"],
    )
    return Answer(
        {
            "token": token,
            "expiresInMinutes": UNTIL_LOGOUT if params["persist"] else call.settings.token_minutes,
            "employee": employee.id,
            "customer": employee.customer_id,
            "accessLevel": employee.level.value,
        },
        cookie=token if params["cookie"] else None,
    )


LOGIN: Mapping[str, Any] = MappingProxyType(
    {"needs_token": False, "fails": (credentials_invalid(),)}
)
post_login = resource("POST", "/auth/login", LoginParams, LoggedIn, **LOGIN)(log_in)
get_login = resource("GET", "/auth/login", LoginParams, LoggedIn, acts=True, **LOGIN)(log_in)


class ValidateParams(Schema):
    """`ip` has to be where the login came from; `simple` answers by the status alone."""

    token = text("The token to check; if not here, it may stand where any request has it.")
    ip = text("The token is not good if its login came from another address.")
    simple = YesOrNo("Answer by the status alone: 200, or 403 if the token is not good.")
    extend = YesOrNo("Tell names too.")


class Validated(Schema):
    """Whether a token is good; if so, whose it is."""

    success = done()
    employee = an_id(always=False)
    customer = an_id(always=False)
    accessLevel = level(always=False)
    name = words("The employee's, with `extend`.", always=False)
    customerName = words("The customer's, with `extend`.", always=False)


@resource(
    "GET", "/auth/validateToken", ValidateParams, Validated, needs_token=False, empty=(200, 403)
)
def validate_token(call: Call) -> Answer:
    """Whether a token is good, and whose it is."""
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


@resource("GET", "/auth/logout", acts=True)
def log_out(call: Call) -> Answer:
    """End all tokens of the user, but for those of machines."""
    call.store.tokens.log_out(call.employee)
    return Answer({"success": True}, cookie="")


@resource("GET", "/ping")
def ping(call: Call) -> Answer:
    """Whether the token is good; like any use it restarts its time."""
    return Answer({"success": True})


RESOURCES = (post_login, get_login, validate_token, log_out, ping)
