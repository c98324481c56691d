"""Phone books: what a customer calls a number, and groups of numbers."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from peewee import EXCLUDED

from boxis_gateway.model import Customer
from boxis_gateway.sms.numbers import sender_key
from boxis_gateway.store.audit import Audit
from boxis_gateway.store.engines.base import StoreDatabase
from boxis_gateway.store.engines.sql import fetch_rows
from boxis_gateway.store.people.customers import new_id
from boxis_gateway.store.privacy.erased_numbers import ErasedNumbers
from boxis_gateway.store.tables import Contact, ContactGroup, GroupMember

NUMBERS_AT_ONCE = 500


class Contacts:
    """The phone books of a store. Numbers, and senders that are names, stand there by their
    `sender_key`."""

    def __init__(self, database: StoreDatabase) -> None:
        self._database = database
        self._audit = Audit(database)
        self._erased = ErasedNumbers(database)

    def names(self, customer_id: str, numbers: Collection[str]) -> Mapping[str, str]:
        """What the customer calls these numbers, as far as they have names; by their keys."""
        found: dict[str, str] = {}
        for some in _portions(sorted(set(map(sender_key, numbers)))):
            mine = (Contact.customer == customer_id) & Contact.number.in_(some)
            found.update(self._pairs(Contact.select(Contact.number, Contact.name).where(mine)))
        return found

    def group_names(self, group_ids: Collection[str]) -> Mapping[str, str]:
        """The names of groups, by id."""
        found: dict[str, str] = {}
        for some in _portions(sorted(set(group_ids))):
            mine = ContactGroup.id.in_(some)
            query = ContactGroup.select(ContactGroup.id, ContactGroup.name).where(mine)
            found.update(self._pairs(query))
        return found

    def add(self, customer: Customer, entries: Sequence[tuple[str, str, str]]) -> int:
        """Put (number, name, group) into the customer's phone book, all or nothing; how many.
        Numbers that were erased are passed over.

        A number that is there gets the new name; a group that is new is made, "" is none."""
        with self._database.atomic():
            erased = self._erased.among(number for number, _, _ in entries)
            entries = [entry for entry in entries if entry[0] not in erased]
            names = {sender_key(number): name for number, name, _ in entries}
            contacts = [(customer.id, number, name) for number, name in names.items()]
            query = ContactGroup.select(ContactGroup.name, ContactGroup.id)
            groups = dict(self._pairs(query.where(ContactGroup.customer == customer.id)))
            members = {
                (self._group(customer, groups, group), sender_key(number))
                for number, _, group in entries
                if group
            }
            for some in _portions(contacts):
                Contact.insert_many(
                    some, [Contact.customer, Contact.number, Contact.name]
                ).on_conflict(
                    conflict_target=[Contact.customer, Contact.number],
                    update={Contact.name: EXCLUDED.name},
                ).execute(self._database)
            for some in _portions(sorted(members)):
                rows = GroupMember.insert_many(some, [GroupMember.group, GroupMember.number])
                rows.on_conflict_ignore().execute(self._database)
            self._audit.record("contacts.add", customer.name, contacts=len(entries))
        return len(entries)

    def _group(self, customer: Customer, groups: dict[str, str], name: str) -> str:
        if name not in groups:
            groups[name] = new_id()
            row = {"id": groups[name], "customer": customer.id, "name": name}
            ContactGroup.insert(row).execute(self._database)
        return groups[name]

    def _pairs(self, query: Any) -> Iterable[tuple[str, str]]:
        return ((str(one), str(other)) for one, other in fetch_rows(self._database, query))


def _portions(items: Sequence[Any]) -> Iterable[Sequence[Any]]:
    for first in range(0, len(items), NUMBERS_AT_ONCE):
        yield items[first : first + NUMBERS_AT_ONCE]
