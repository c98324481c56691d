"""`GET /sms` and `GET /sms/MESSAGE_ID` (REST protocol page, sections 3, 5 and 6)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from marshmallow import Schema, fields

from boxis_gateway.levels import VISIBILITY, MessageScope
from boxis_gateway.model import Customer
from boxis_gateway.rest_api.failures import access_denied, customer_not_found, unknown_id
from boxis_gateway.rest_api.messages import Message, View, seen
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
from boxis_gateway.rest_api.properties import number
from boxis_gateway.rest_api.resource import Answer, Call, resource
from boxis_gateway.rest_api.visibility import can_see_messages
from boxis_gateway.store import Criteria, ListedSubmission, position_after

MOST = 1000


class SmsParams(Schema):
    """All conditions have to hold; a number, sender, text or customer that is empty is none."""

    offset = WholeNumber("How many messages to pass over, from the newest on.", default=0)
    limit = WholeNumber(f"How many messages to answer; above {MOST} means {MOST}.", 100, MOST)
    customer = text("Whose messages: for RESELLER and up; others always get their own customer's.")
    to = Address("A recipient such as `+4581808888`, exactly; the `+` may be missing.")
    from_ = Address("The sender: a number exactly, a name in any case.", data_key="from")
    message = text("What the text contains, in any case; hidden texts contain nothing.")
    fromDate = Month("The first month of creation, such as `2014-01`, UTC.")
    toDate = Month("The last month of creation.")
    sort = OrderWord()
    names = YesOrNo("Add `fromName`, `toName` and `groupName`.")
    cursor = Cursor("Where the page before ended, as its `Link` header says; in place of `offset`.")


class MessageList(Schema):
    """A page of messages."""

    offset = number("As asked for; not in pages by `cursor`.", always=False, minimum=0)
    limit = number("As asked for, at most 1000.", minimum=0, maximum=MOST)
    total = number("Messages on all pages; not in pages by `cursor`.", always=False, minimum=0)
    messages = fields.List(fields.Nested(Message), required=True)


@resource(
    "GET",
    "/sms",
    SmsParams,
    MessageList,
    fails=(access_denied(), customer_not_found()),
    cacheable=True,
)
def list_sms(call: Call) -> Answer:
    """The messages that a customer has sent, newest first.

    A `Link` header leads to the next page by its `cursor`; such pages cost the same however far
    they are, and tell neither `offset` nor `total`."""
    customer, params = customer_asked(call), call.params
    view = View.of(call.employee, customer)
    offset, limit = params["offset"], params["limit"]
    accounts = call.store.submissions.accounts_of(customer.id)
    which = criteria_from(params)
    if which.text is not None and not view.texts:
        accounts = []  # a text that is hidden is not found either
    place, order = params.get("cursor"), params["sort"]
    submissions = call.store.submissions
    body: dict[str, Any] = {"limit": limit}
    if place:
        found = submissions.page_behind(accounts, which, order, limit + 1, place)
    else:
        found, total = submissions.page(accounts, which, order, offset, limit + 1)
        body = {"offset": offset, "limit": limit, "total": total}
    view = view._replace(names=names_of(call, customer.id, found[:limit]))
    body["messages"] = [seen(one, view) for one in found[:limit]]
    call.count_rows(len(body["messages"]))
    more = limit and len(found) > limit
    following = cursor_of(position_after(found[limit - 1], order)) if more else None
    return Answer(body, next_page={"cursor": following} if following else None)


@resource(
    "GET",
    "/sms/<message_id>",
    answers=Message,
    fails=(access_denied(), unknown_id("Message")),
    cacheable=True,
)
def get_sms(call: Call) -> Answer:
    """One message."""
    if VISIBILITY[call.employee.level].reach is MessageScope.NOBODY:
        raise access_denied()
    for found in call.store.submissions.find(call.parts["message_id"]):
        customer = call.store.customers.of_account(found.account_id)
        if customer is not None and can_see_messages(call.employee, customer):
            return Answer(seen(found, View.of(call.employee, customer)))
    raise unknown_id("Message")  # of others', as if there were none


RESOURCES = (list_sms, get_sms)


def customer_asked(call: Call) -> Customer:
    """Whose messages are asked for. Raises RestFailure."""
    reach = VISIBILITY[call.employee.level].reach
    if reach is MessageScope.NOBODY:
        raise access_denied()
    asked = call.params.get("customer") or call.employee.customer_id
    if reach is MessageScope.OWN:
        asked = call.employee.customer_id
    customer = call.store.customers.find(asked)
    if customer is None:
        raise customer_not_found()
    if not can_see_messages(call.employee, customer):
        raise access_denied()
    return customer


def criteria_from(params: Mapping[str, Any]) -> Criteria:
    """The conditions that the parameters make."""
    return Criteria(
        first_month=params.get("fromDate", ""),
        last_month=params.get("toDate", ""),
        recipient=params.get("to") or None,
        sender=params.get("from_") or None,
        text=params.get("message") or None,
    )


def names_of(call: Call, customer_id: str, found: Sequence[ListedSubmission]) -> Mapping[str, str]:
    """What the customer calls the numbers and groups of the messages, if that is asked for."""
    if not call.params["names"]:
        return {}
    numbers = {number for one in found for number in (one.sender, *one.recipients.split("\n"))}
    groups = {one.group_id for one in found if one.group_id}
    contacts = call.store.contacts
    return {**contacts.names(customer_id, numbers), **contacts.group_names(groups)}
