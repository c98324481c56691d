"""`GET /sms` and `GET /sms/MESSAGE_ID` (REST protocol page, sections 3, 5 and 6)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from marshmallow import Schema

from boxis_gateway.levels import SIGHT, Reach
from boxis_gateway.model import Customer, Employee
from boxis_gateway.rest_api.failures import RestFailure, access_denied
from boxis_gateway.rest_api.params import (
    Address,
    Cursor,
    Month,
    OrderWord,
    WholeNumber,
    YesOrNo,
    cursor_of,
    text,
)
from boxis_gateway.rest_api.reach import reaches, reads_texts_of
from boxis_gateway.rest_api.resource import Answer, Call, resource
from boxis_gateway.store import Filter, Submitted, from_wire_id, position_of, wire_id

MOST = 1000
MILLION = 1_000_000
NAMELESS: Mapping[str, str] = MappingProxyType({})


class SmsParams(Schema):
    """`fromDate` and `toDate` are months, both inclusive, by the time of creation."""

    offset = WholeNumber(default=0)
    limit = WholeNumber(default=100, most=MOST)
    customer = text()
    to = Address()
    from_ = Address(data_key="from")
    message = text()
    fromDate = Month(first=True)
    toDate = Month(first=False)
    sort = OrderWord()
    names = YesOrNo()
    cursor = Cursor()


@resource("GET", "/sms", SmsParams)
def list_sms(call: Call) -> Answer:
    """The messages that a customer has sent, newest first.

    A `Link` header leads to the next page by its `cursor`; such pages cost the same however far
    they are, and tell neither `offset` nor `total`."""
    customer, params = customer_asked(call), call.params
    offset, limit = params["offset"], params["limit"]
    accounts = call.store.submissions.accounts_of(customer.id)
    which = filter_of(params)
    if which.text is not None and not reads_texts_of(call.employee, customer.id):
        accounts = []  # a text that is hidden is not found either
    behind, order = params.get("cursor"), params["sort"]
    found = call.store.submissions.page(
        accounts, which, order, 0 if behind else offset, limit + 1, behind
    )
    body: dict[str, Any] = {"limit": limit}
    if not behind:
        total = call.store.submissions.count(accounts, which)
        body = {"offset": offset, "limit": limit, "total": total}
    names = names_of(call, customer.id, found[:limit])
    body["messages"] = [shown(one, customer.id, call.employee, names) for one in found[:limit]]
    more = limit and len(found) > limit
    following = cursor_of(position_of(found[limit - 1], order)) if more else None
    return Answer(body, next_page={"cursor": following} if following else None, cacheable=True)


@resource("GET", "/sms/<message_id>")
def get_sms(call: Call) -> Answer:
    """One of them."""
    if SIGHT[call.employee.level].reach is Reach.NOBODY:
        raise access_denied()
    account_id, submission_id = from_wire_id(call.parts["message_id"]) or (0, 0)
    customer = call.store.customers.of_account(account_id)
    if customer is not None and reaches(call.employee, customer):
        found = call.store.submissions.find(account_id, submission_id)
        if found:
            return Answer(shown(found, customer.id, call.employee), cacheable=True)
    raise RestFailure(404, "id", "Message not found")  # of others', as if there were none


RESOURCES = (list_sms, get_sms)


def customer_asked(call: Call) -> Customer:
    """Whose messages are asked for. Raises RestFailure."""
    reach = SIGHT[call.employee.level].reach
    if reach is Reach.NOBODY:
        raise access_denied()
    asked = call.params.get("customer") or ""
    if reach is Reach.OWN or not asked:
        asked = call.employee.customer_id
    customer = call.store.customers.find(asked)
    if customer is None:
        raise RestFailure(404, "bad_request", "Customer not found")
    if not reaches(call.employee, customer):
        raise access_denied()
    return customer


def filter_of(params: Mapping[str, Any]) -> Filter:
    """The conditions that the parameters make."""
    bounds = {}
    if "fromDate" in params:
        bounds["first_id"] = params["fromDate"]
    if "toDate" in params:
        bounds["end_id"] = params["toDate"]
    return Filter(
        recipient=params.get("to") or None,
        sender=params.get("from_") or None,
        text=params.get("message") or None,
        **bounds,
    )


def names_of(call: Call, customer_id: str, found: Sequence[Submitted]) -> Mapping[str, str]:
    """What the customer calls the numbers and groups of the messages, if that is asked for."""
    if not call.params["names"]:
        return {}
    numbers = {number for one in found for number in (one.sender, *one.recipients.split("\n"))}
    groups = {one.group_id for one in found if one.group_id}
    contacts = call.store.contacts
    return {**contacts.names(customer_id, numbers), **contacts.group_names(groups)}


def shown(
    one: Submitted, customer_id: str, employee: Employee, names: Mapping[str, str] = NAMELESS
) -> dict[str, Any]:
    """The message object as far as the level sees it; what is empty is left out, but for `sent`."""
    sight = SIGHT[employee.level]
    message: dict[str, Any] = {
        "_id": wire_id(one.id, one.account_id),
        "customer": customer_id,
        "type": "SMS",
    }
    if one.text is not None and reads_texts_of(employee, customer_id):
        message["message"] = one.text
    message["from"] = one.sender
    message["to"] = one.recipients.split("\n")
    message["sent"] = _date(one.sent_at) if one.sent_at else None
    if one.sender in names:
        message["fromName"] = names[one.sender]
    if known := [names[number] for number in message["to"] if number in names]:
        message["toName"] = known
    if one.group_id and one.group_id in names:
        message["groupName"] = names[one.group_id]
    for name, millionths, seen in (
        ("cost", one.cost, sight.cost),
        ("price", one.price, True),
        ("wholeSale", one.whole_sale, sight.whole_sale),
    ):
        if seen and millionths is not None:
            message[name] = _money(millionths)
    return message


def _date(instant: str) -> str:
    """ISO 8601 with milliseconds, of a text of the store."""
    return f"{instant.replace(' ', 'T')}{'' if '.' in instant else '.000'}Z"


def _money(millionths: int) -> int | float:
    whole, rest = divmod(millionths, MILLION)
    return millionths / MILLION if rest else whole
