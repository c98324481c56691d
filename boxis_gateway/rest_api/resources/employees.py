"""`/employee/EMPLOYEE_ID/…`: tokens of machines, and the end of sessions (section 2)."""

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
from boxis_gateway.rest_api.params import YesOrNo
from boxis_gateway.rest_api.properties import done, words
from boxis_gateway.rest_api.resource import Answer, Call, resource
from boxis_gateway.rest_api.visibility import can_read_texts, can_see_messages


class NewToken(Schema):
    """A token that is shown this once."""

    success = done()
    token = words("To be shown from now on.")


MANAGED = (access_denied(), unknown_id("Employee"))
"""What `employee_managed` raises."""


@resource(
    "POST",
    "/employee/<employee_id>/token",
    answers=NewToken,
    fails=(*MANAGED, no_tokens_for_admins()),
)
def add_token(call: Call) -> Answer:
    """A token for a machine: it acts with the employee's rights and does not expire."""
    employee, customer = employee_managed(call)
    if employee.level is Level.ADMIN:
        raise no_tokens_for_admins()
    reads_more = can_read_texts(employee, customer) and not can_read_texts(call.employee, customer)
    if reads_more or not may_log_in(employee):
        raise access_denied()  # the token would lend what the caller lacks
    token = new_token()
    call.store.tokens.add(employee, token_digest(token), call.now, machine=True)
    return Answer({"success": True, "token": token})


@resource("DELETE", "/employee/<employee_id>/token/<token>", fails=(*MANAGED, unknown_token()))
def delete_token(call: Call) -> Answer:
    """The token is good no more."""
    employee, _ = employee_managed(call)
    if not call.store.tokens.end(employee, token_digest(call.parts["token"])):
        raise unknown_token()
    return Answer({"success": True})


class ClearParams(Schema):
    """`all` ends tokens of machines too."""

    all = YesOrNo("End tokens of machines too.")


@resource("GET", "/employee/<employee_id>/clearTokens", ClearParams, fails=MANAGED, acts=True)
def clear_tokens(call: Call) -> Answer:
    """All sessions of the employee end."""
    employee, _ = employee_managed(call)
    call.store.tokens.clear(employee, machines=call.params["all"])
    return Answer({"success": True})


RESOURCES = (add_token, delete_token, clear_tokens)


def employee_managed(call: Call) -> tuple[Employee, Customer]:
    """The employee of the address, if the caller may manage them: from MANAGER up, of a customer
    within reach, and of no higher level than the own; and their customer.

    Raises RestFailure; nobody learns of employees out of reach."""
    mine = call.employee
    if mine.level.rank < Level.MANAGER.rank:
        raise access_denied()
    employee = call.store.employees.by_id(call.parts["employee_id"])
    customer = call.store.customers.find(employee.customer_id) if employee else None
    if employee is None or employee.state is State.DELETED or customer is None:
        raise unknown_id("Employee")
    if not can_see_messages(mine, customer):
        raise unknown_id("Employee")
    if employee.level.rank > mine.level.rank:
        raise access_denied()
    return employee, customer
