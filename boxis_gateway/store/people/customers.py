"""Customers: owners of accounts and employees, and their resellers."""

from __future__ import annotations

import secrets
from datetime import datetime
from typing import Any

from boxis_gateway import model
from boxis_gateway.errors import StoreError
from boxis_gateway.store.audit import Audit
from boxis_gateway.store.engines.base import StoreDatabase
from boxis_gateway.store.engines.sql import fetch_rows
from boxis_gateway.store.tables import Account, Customer, Employee
from boxis_gateway.zones import utc_text

FIND_SQL = "SELECT id, name, parent_reseller_id FROM customer WHERE id = ?"
OF_ACCOUNT_SQL = """
    SELECT customer.id, customer.name, customer.parent_reseller_id
    FROM customer JOIN account ON account.customer_id = customer.id WHERE account.id = ?
"""


class Customers:
    """The customers of a store, by id or by name."""

    def __init__(self, database: StoreDatabase) -> None:
        self._database = database
        self._audit = Audit(database)

    def find(self, customer_id: str) -> model.Customer | None:
        """The customer of that id, in upper or lower case."""
        row = self._database.execute_sql(FIND_SQL, (customer_id.lower(),)).fetchone()
        return model.Customer(*row) if row else None

    def of_account(self, account_id: int) -> model.Customer | None:
        """The owner of that account."""
        row = self._database.execute_sql(OF_ACCOUNT_SQL, (account_id,)).fetchone()
        return model.Customer(*row) if row else None

    def get(self, name: str) -> model.Customer:
        """The customer of that name or id. Raises StoreError."""
        customer = self._find_one(Customer.name == name) or self.find(name)
        if customer is None:
            raise StoreError(
                f"There is no customer {name!r}. 'boxis-gateway customer list' shows them."
            )
        return customer

    def all(self) -> list[model.Customer]:
        """Every customer, by name."""
        query = Customer.select(*_COLUMNS).order_by(Customer.name, Customer.id)
        return [model.Customer(*row) for row in fetch_rows(self._database, query)]

    def add(
        self, name: str, now: datetime, reseller: model.Customer | None = None
    ) -> model.Customer:
        """Add a customer, perhaps of a reseller. Raises StoreError if the name is taken."""
        with self._database.atomic():
            if self._find_one(Customer.name == name):
                raise StoreError(f"The customer {name!r} exists already.")
            customer_id = new_id()
            Customer.insert(
                id=customer_id,
                name=name,
                created_at=utc_text(now),
                parent_reseller_id=reseller.id if reseller else None,
            ).execute(self._database)
            details = {"reseller": reseller.name} if reseller else {}
            self._audit.record("customer.add", name, **details)
        return model.Customer(customer_id, name, reseller.id if reseller else None)

    def account_names(self, customer: model.Customer) -> list[str]:
        """User names of the customer's accounts at the form API."""
        query = Account.select(Account.username).where(Account.customer == customer.id)
        return sorted(name for (name,) in fetch_rows(self._database, query))

    def employee_names(self, customer: model.Customer) -> list[str]:
        """User names of the customer's employees."""
        query = Employee.select(Employee.username).where(Employee.customer == customer.id)
        return sorted(name for (name,) in fetch_rows(self._database, query))

    def _find_one(self, condition: Any) -> model.Customer | None:
        query = Customer.select(*_COLUMNS).where(condition).order_by(Customer.id).limit(1)
        rows = fetch_rows(self._database, query)
        return model.Customer(*rows[0]) if rows else None


_COLUMNS = (Customer.id, Customer.name, Customer.parent_reseller_id)


def new_id() -> str:
    """24 lower-case hexadecimal digits (REST protocol page, section 1)."""
    return secrets.token_hex(12)
