"""`/employee/EMPLOYEE_ID/…`: machine tokens, sessions (section 2)."""

from __future__ import annotations

from marshmallow import Schema

from boxis_gateway.levels import Level, State
from boxis_gateway.model import Customer, Employee
from boxis_gateway.rest_api.auth import may_log_in, new_token, token_digest
from boxis_gateway.rest_api.failures import (
    access_denied,
    no_tokens_for_admins,
    unknown_id,
    unknown_token,
)
from boxis_gateway.rest_api.params import Flag
from boxis_gateway.rest_api.properties import success, text
from boxis_gateway.rest_api.resource import Answer, ResourceCall, resource
from boxis_gateway.rest_api.visibility import can_read_texts, can_see_messages


class NewToken(Schema):
    """A new token, shown only once."""

    success = success()
    token = text("Send it with every request.")


MANAGED = (access_denied(), unknown_id("Employee"))
"""Failures of `managed_employee`."""


@resource(
    "POST",
    "/employee/<employee_id>/token",
    answers=NewToken,
    fails=(*MANAGED, no_tokens_for_admins()),
    writes=True,
)
def add_token(call: ResourceCall) -> Answer:
    """Make a machine token, which has the employee's rights and does not expire."""
    employee, customer = managed_employee(call)
    if employee.level is Level.ADMIN:
        raise no_tokens_for_admins()
    reads_more = can_read_texts(employee, customer) and not can_read_texts(call.employee, customer)
    if reads_more or not may_log_in(employee):
        raise access_denied()  # the token would have rights that the caller lacks
    token = new_token()
    call.store.tokens.add(employee, token_digest(token), call.now, machine=True)
    return Answer({"success": True, "token": token})


@resource(
    "DELETE",
    "/employee/<employee_id>/token/<token>",
    fails=(*MANAGED, unknown_token()),
    writes=True,
)
def delete_token(call: ResourceCall) -> Answer:
    """Delete a machine token."""
    employee, _ = managed_employee(call)
    if not call.store.tokens.end(employee, token_digest(call.path_params["token"])):
        raise unknown_token()
    return Answer({"success": True})


class ClearParams(Schema):
    """Tokens to end."""

    all = Flag("End machine tokens, too.")


@resource(
    "GET",
    "/employee/<employee_id>/clearTokens",
    ClearParams,
    fails=MANAGED,
    unsafe=True,
    writes=True,
)
def clear_tokens(call: ResourceCall) -> Answer:
    """End all sessions of the employee."""
    employee, _ = managed_employee(call)
    call.store.tokens.clear(employee, machines=call.params["all"])
    return Answer({"success": True})


RESOURCES = (add_token, delete_token, clear_tokens)


def managed_employee(call: ResourceCall) -> tuple[Employee, Customer]:
    """The employee in the path and their customer, if the caller may manage them: with MANAGER or
    higher, for a visible customer, up to the caller's own level.

    Raises RestFailure; an employee of a hidden customer looks like an unknown one."""
    caller = call.employee
    if caller.level.rank < Level.MANAGER.rank:
        raise access_denied()
    employee = call.store.employees.by_id(call.path_params["employee_id"])
    customer = call.store.customers.find(employee.customer_id) if employee else None
    if employee is None or employee.state is State.DELETED or customer is None:
        raise unknown_id("Employee")
    if not can_see_messages(caller, customer):
        raise unknown_id("Employee")
    if employee.level.rank > caller.level.rank:
        raise access_denied()
    return employee, customer
