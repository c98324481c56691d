"""Message objects and their visible properties.

See the REST protocol page, sections 3 and 5.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from marshmallow import Schema, fields

from boxis_gateway.levels import VISIBILITY
from boxis_gateway.model import Customer, Employee
from boxis_gateway.rest_api.properties import Instant, Money, object_id, text, text_list
from boxis_gateway.rest_api.visibility import can_read_texts
from boxis_gateway.sms.numbers import rest_sender, sender_key
from boxis_gateway.store import ListedSubmission, wire_id

NO_NAMES: Mapping[str, str] = MappingProxyType({})


class Message(Schema):
    """A message. Properties that are empty or hidden from the access level are left out, except
    `sent`."""

    _id = object_id()
    customer = object_id("Customer that owns the message.")
    type = text(enum=["SMS", "MMS"])
    message = text("Text, for levels that may read it.", required=False, example="This is a test")
    from_ = fields.String(
        data_key="from",
        required=True,
        metadata={"description": "Sender: a name or a number.", "example": "Voicemail"},
    )
    to = text_list("Recipients: numbers in E.164, or short codes.", example="+4581808888")
    sent = Instant("Time of sending; null while the message waits.")
    fromName = text("Name of the sender in the customer's phone book.", required=False)
    toName = text_list("Names of the recipients in the customer's phone book.", required=False)
    groupName = text("Group that the message was sent to.", required=False)
    cost = Money("Cost for the operator; for ADMIN.")
    price = Money("Price for the customer.")
    wholeSale = Money("Price for the reseller; for RESELLER and up.")


class View(NamedTuple):
    """An employee's view of a customer's messages; `names` is the customer's phone book."""

    customer_id: str
    texts: bool
    whole_sale: bool
    cost: bool
    names: Mapping[str, str] = NO_NAMES


def view_of(employee: Employee, customer: Customer) -> View:
    """The view that the employee's level allows."""
    visibility = VISIBILITY[employee.level]
    texts = can_read_texts(employee, customer)
    return View(customer.id, texts, visibility.whole_sale, visibility.cost)


def message_in(view: View, submission: ListedSubmission) -> dict[str, Any]:
    """The visible properties, by the attributes of `Message`."""
    recipients, names = submission.recipients.split("\n"), view.names
    message: dict[str, Any] = {
        "_id": submission.wire_id or wire_id(submission.id, submission.account_id),
        "customer": view.customer_id,
        "type": "SMS",
        "from_": rest_sender(submission.sender),
        "to": recipients,
        "sent": submission.sent_at,
    }
    if submission.text is not None and view.texts:
        message["message"] = submission.text
    if names:
        sender, *others = [names.get(sender_key(key)) for key in (submission.sender, *recipients)]
        message |= {"fromName": sender} if sender else {}
        message |= {"toName": known} if (known := [name for name in others if name]) else {}
    if submission.group_id and submission.group_id in names:
        message["groupName"] = names[submission.group_id]
    if submission.price is not None:
        message["price"] = submission.price
    if submission.whole_sale is not None and view.whole_sale:
        message["wholeSale"] = submission.whole_sale
    if submission.cost is not None and view.cost:
        message["cost"] = submission.cost
    return message
