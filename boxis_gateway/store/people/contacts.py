"""Contacts: phone books of customers, with names and groups of numbers."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from peewee import EXCLUDED

from boxis_gateway.model import Customer
from boxis_gateway.sms.numbers import sender_key
from boxis_gateway.store.audit import Audit
from boxis_gateway.store.engines.base import StoreDatabase
from boxis_gateway.store.engines.sql import chunks, fetch_rows
from boxis_gateway.store.people.customers import new_id
from boxis_gateway.store.privacy.erased_numbers import ErasedNumbers
from boxis_gateway.store.tables import Contact, ContactGroup, GroupMember


class Contacts:
    """The phone books of a store, keyed by `sender_key` of a number or sender name."""

    def __init__(self, database: StoreDatabase) -> None:
        self._database = database
        self._audit = Audit(database)
        self._erased = ErasedNumbers(database)

    def names(self, customer_id: str, numbers: Collection[str]) -> Mapping[str, str]:
        """The customer's names of these numbers, by key; numbers without a name are left out."""
        names: dict[str, str] = {}
        for keys in chunks(sorted(set(map(sender_key, numbers)))):
            condition = (Contact.customer == customer_id) & Contact.number.in_(keys)
            names.update(self._pairs(Contact.select(Contact.number, Contact.name).where(condition)))
        return names

    def group_names(self, customer_id: str, group_ids: Collection[str]) -> Mapping[str, str]:
        """The names of the customer's groups, by id."""
        names: dict[str, str] = {}
        for ids in chunks(sorted(set(group_ids))):
            query = ContactGroup.select(ContactGroup.id, ContactGroup.name)
            condition = (ContactGroup.customer == customer_id) & ContactGroup.id.in_(ids)
            names.update(self._pairs(query.where(condition)))
        return names

    def add(self, customer: Customer, entries: Sequence[tuple[str, str, str]]) -> int:
        """Add (number, name, group) to the customer's phone book in one transaction; how many.

        Erased numbers are left out, known numbers renamed, new groups made; "" is no group."""
        with self._database.atomic():
            erased = self._erased.among(number for number, _, _ in entries)
            entries = [
                (number, name, group) for number, name, group in entries if number not in erased
            ]
            names = {sender_key(number): name for number, name, _ in entries}
            contacts = [(customer.id, number, name) for number, name in names.items()]
            query = ContactGroup.select(ContactGroup.name, ContactGroup.id)
            groups = dict(self._pairs(query.where(ContactGroup.customer == customer.id)))
            members = {
                (self._group(customer, groups, group), sender_key(number))
                for number, _, group in entries
                if group
            }
            for rows in chunks(contacts):
                Contact.insert_many(
                    rows, [Contact.customer, Contact.number, Contact.name]
                ).on_conflict(
                    conflict_target=[Contact.customer, Contact.number],
                    update={Contact.name: EXCLUDED.name},
                ).execute(self._database)
            for pairs in chunks(sorted(members)):
                insert = GroupMember.insert_many(pairs, [GroupMember.group, GroupMember.number])
                insert.on_conflict_ignore().execute(self._database)
            self._audit.record("contacts.add", customer.name, contacts=len(entries))
        return len(entries)

    def _group(self, customer: Customer, groups: dict[str, str], name: str) -> str:
        if name not in groups:
            groups[name] = new_id()
            row = {"id": groups[name], "customer": customer.id, "name": name}
            ContactGroup.insert(row).execute(self._database)
        return groups[name]

    def _pairs(self, query: Any) -> Iterable[tuple[str, str]]:
        return ((str(key), str(name)) for key, name in fetch_rows(self._database, query))
