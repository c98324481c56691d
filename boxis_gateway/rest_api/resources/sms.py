"""`GET /sms` and `GET /sms/MESSAGE_ID` (sections 3, 5 and 6)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from marshmallow import Schema, fields

from boxis_gateway.levels import VISIBILITY, Scope
from boxis_gateway.model import Customer
from boxis_gateway.rest_api.failures import access_denied, customer_not_found, unknown_id
from boxis_gateway.rest_api.messages import Message, message_in, view_of
from boxis_gateway.rest_api.params import (
    Flag,
    Month,
    PageCursor,
    SmsAddress,
    SortOrder,
    WholeNumber,
    format_cursor,
    optional_text,
)
from boxis_gateway.rest_api.properties import number
from boxis_gateway.rest_api.resource import Answer, ResourceCall, resource
from boxis_gateway.rest_api.visibility import can_see_messages
from boxis_gateway.store import Criteria, ListedSubmission, ListQuery, position_after

MAX_LIMIT = 1000


class SmsParams(Schema):
    """Filters, which all have to match; an empty one is ignored."""

    offset = WholeNumber("Number of messages to skip, from the newest on.", default=0)
    limit = WholeNumber(
        f"Number of messages to return; above {MAX_LIMIT} means {MAX_LIMIT}.", 100, MAX_LIMIT
    )
    customer = optional_text("Customer id, for RESELLER and up; otherwise the employee's own.")
    to = SmsAddress("Recipient such as `+4581808888`, exactly; the `+` may be missing.")
    from_ = SmsAddress("Sender: a number exactly, a name in any case.", data_key="from")
    message = optional_text("Part of the text, in any case; hidden texts never match.")
    fromDate = Month("First month of creation, such as `2014-01`, in UTC.")
    toDate = Month("Last month of creation.")
    sort = SortOrder()
    names = Flag("Add `fromName`, `toName` and `groupName`.")
    cursor = PageCursor("Position of the next page, from its `Link` header; replaces `offset`.")


class MessageList(Schema):
    """A page of messages."""

    offset = number("As requested; absent in pages by `cursor`.", required=False, minimum=0)
    limit = number(f"As requested, at most {MAX_LIMIT}.", minimum=0, maximum=MAX_LIMIT)
    total = number("Messages on all pages; absent in pages by `cursor`.", required=False, minimum=0)
    messages = fields.List(fields.Nested(Message), required=True)


@resource(
    "GET",
    "/sms",
    SmsParams,
    MessageList,
    fails=(access_denied(), customer_not_found()),
    cacheable=True,
)
def list_sms(call: ResourceCall) -> Answer:
    """List a customer's messages, newest first.

    The `Link` header leads to the next page by its `cursor`. Such a page costs the same at any
    depth, and has neither `offset` nor `total`."""
    customer, params = requested_customer(call), call.params
    view, submissions = view_of(call.employee, customer), call.store.submissions
    offset, limit, order = params["offset"], params["limit"], params["sort"]
    accounts, criteria = submissions.accounts_of(customer.id), criteria_from(params)
    if criteria.text is not None and not view.texts:
        accounts = []  # hidden texts never match
    query = ListQuery(accounts, criteria, order, limit + 1, offset, params.get("cursor"))
    rows, total = submissions.page(query)
    body: dict[str, Any] = {"limit": limit}
    if query.after is None:
        body = {"offset": offset, "limit": limit, "total": total}
    page = rows[:limit]
    view = view._replace(names=contact_names(call, customer.id, page))
    body["messages"] = [message_in(view, submission) for submission in page]
    call.count_rows(len(page))
    has_more = limit and len(rows) > limit
    cursor = format_cursor(position_after(page[-1], order)) if has_more else None
    return Answer(body, next_page={"cursor": cursor} if cursor else None)


@resource(
    "GET",
    "/sms/<message_id>",
    answers=Message,
    fails=(access_denied(), unknown_id("Message")),
    cacheable=True,
)
def get_sms(call: ResourceCall) -> Answer:
    """Get one message."""
    if VISIBILITY[call.employee.level].messages is Scope.NOBODY:
        raise access_denied()
    for submission in call.store.submissions.find(call.path_params["message_id"]):
        customer = call.store.customers.of_account(submission.account_id)
        if customer is not None and can_see_messages(call.employee, customer):
            return Answer(message_in(view_of(call.employee, customer), submission))
    raise unknown_id("Message")  # also for one that the employee may not see


RESOURCES = (list_sms, get_sms)


def requested_customer(call: ResourceCall) -> Customer:
    """The customer whose messages are requested. Raises RestFailure."""
    scope, customer_id = VISIBILITY[call.employee.level].messages, call.employee.customer_id
    if scope is Scope.NOBODY:
        raise access_denied()
    if scope is not Scope.OWN:
        customer_id = call.params.get("customer") or customer_id
    customer = call.store.customers.find(customer_id)
    if customer is None:
        raise customer_not_found()
    if not can_see_messages(call.employee, customer):
        raise access_denied()
    return customer


def criteria_from(params: Mapping[str, Any]) -> Criteria:
    """Filters of the list."""
    return Criteria(
        first_month=params.get("fromDate", ""),
        last_month=params.get("toDate", ""),
        recipient=params.get("to") or None,
        sender=params.get("from_") or None,
        text=params.get("message") or None,
    )


def contact_names(
    call: ResourceCall, customer_id: str, submissions: Sequence[ListedSubmission]
) -> Mapping[str, str]:
    """Names in the customer's phone book by number and group id, if `names` is set."""
    if not call.params["names"]:
        return {}
    numbers = {key for row in submissions for key in (row.sender, *row.recipients.split("\n"))}
    groups = {row.group_id for row in submissions if row.group_id}
    contacts = call.store.contacts
    return {**contacts.names(customer_id, numbers), **contacts.group_names(customer_id, groups)}
