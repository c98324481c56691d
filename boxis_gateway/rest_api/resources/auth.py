"""`/auth/…` and `/ping` (REST protocol page, section 2)."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema

from boxis_gateway.errors import GatewayError
from boxis_gateway.rest_api.auth import check_password, find_session, open_session
from boxis_gateway.rest_api.failures import credentials_invalid
from boxis_gateway.rest_api.params import YesOrNo, needed_text, text
from boxis_gateway.rest_api.resource import Answer, Call, resource

UNTIL_LOGOUT = -1


class LoginParams(Schema):
    """User name and password. `smsKey` and `authenticatorToken` are of employees who use codes;
    there are none here."""

    username = needed_text()
    password = needed_text()
    smsKey = text()
    authenticatorToken = text()
    cookie = YesOrNo()
    persist = YesOrNo()


def log_in(call: Call) -> Answer:
    """A token for a password."""
    params = call.params
    employee = check_password(call.store, params["username"], params["password"], call.now)
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


post_login = resource("POST", "/auth/login", LoginParams, needs_token=False)(log_in)
get_login = resource("GET", "/auth/login", LoginParams, needs_token=False)(log_in)


class ValidateParams(Schema):
    """`ip` has to be where the login came from; `simple` answers by the status alone."""

    token = text()
    ip = text()
    simple = YesOrNo()
    extend = YesOrNo()


@resource("GET", "/auth/validateToken", ValidateParams, needs_token=False)
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


@resource("GET", "/auth/logout")
def log_out(call: Call) -> Answer:
    """End all tokens of the user, but for those of machines."""
    call.store.tokens.end_all(call.employee, machines=False)
    return Answer({"success": True}, cookie="")


@resource("GET", "/ping")
def ping(call: Call) -> Answer:
    """Whether the token is good; like any use it restarts its time."""
    return Answer({"success": True})


RESOURCES = (post_login, get_login, validate_token, log_out, ping)
