"""The message object (REST protocol page, sections 3 and 5): its properties, and who sees which."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from marshmallow import Schema, fields

from boxis_gateway.levels import VISIBILITY
from boxis_gateway.model import Customer, Employee
from boxis_gateway.rest_api.properties import Instant, Money, an_id, texts, words
from boxis_gateway.rest_api.visibility import can_read_texts
from boxis_gateway.sms.numbers import rest_sender, sender_key
from boxis_gateway.store import ListedSubmission, wire_id

NAMELESS: Mapping[str, str] = MappingProxyType({})


class Message(Schema):
    """A message. What is empty, or out of the level's sight, is left out, but for `sent`."""

    _id = an_id()
    customer = an_id("Whose message it is.")
    type = words(enum=["SMS", "MMS"])
    message = words("The text; for those who may read it.", always=False, example="This is a test")
    from_ = fields.String(
        data_key="from",
        required=True,
        metadata={"description": "The sender, a name or a number.", "example": "Voicemail"},
    )
    to = texts("The recipients: numbers in E.164, or short codes.", example="+4581808888")
    sent = Instant("When it was sent; null while it waits.")
    fromName = words("The sender by the customer's phone book.", always=False)
    toName = texts("The recipients by the customer's phone book.", always=False)
    groupName = words("The group that it was sent to.", always=False)
    cost = Money("What it costs the operator; for ADMIN.")
    price = Money("What it costs the customer.")
    wholeSale = Money("What it costs the reseller; for RESELLER and up.")


class View(NamedTuple):
    """How an employee sees the messages of a customer."""

    customer_id: str
    texts: bool
    whole_sale: bool
    cost: bool
    names: Mapping[str, str] = NAMELESS

    @classmethod
    def of(cls, employee: Employee, customer: Customer) -> View:
        """By the table of levels.py."""
        sight = VISIBILITY[employee.level]
        return cls(customer.id, can_read_texts(employee, customer), sight.whole_sale, sight.cost)


def seen(one: ListedSubmission, view: View) -> dict[str, Any]:
    """What of the message is seen, by the attributes of `Message`."""
    recipients, names = one.recipients.split("\n"), view.names
    message: dict[str, Any] = {
        "_id": one.wire_id or wire_id(one.id, one.account_id),
        "customer": view.customer_id,
        "type": "SMS",
        "from_": rest_sender(one.sender),
        "to": recipients,
        "sent": one.sent_at,
    }
    if one.text is not None and view.texts:
        message["message"] = one.text
    if names:
        called = [names.get(sender_key(address)) for address in (one.sender, *recipients)]
        message |= {"fromName": called[0]} if called[0] else {}
        message |= {"toName": known} if (known := [name for name in called[1:] if name]) else {}
    if one.group_id and one.group_id in names:
        message["groupName"] = names[one.group_id]
    if one.price is not None:
        message["price"] = one.price
    if one.whole_sale is not None and view.whole_sale:
        message["wholeSale"] = one.whole_sale
    if one.cost is not None and view.cost:
        message["cost"] = one.cost
    return message
