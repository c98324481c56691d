"""Employees' rights to customers' messages, by the table of levels.py."""

from __future__ import annotations

from boxis_gateway.levels import VISIBILITY, Scope
from boxis_gateway.model import Customer, Employee


def can_see_messages(employee: Employee, customer: Customer) -> bool:
    """True if the employee may see the customer's messages and employees."""
    scope = VISIBILITY[employee.level].messages
    if scope is Scope.ANY:
        return True
    is_own = customer.id == employee.customer_id
    is_sub = customer.parent_reseller_id == employee.customer_id
    return (is_own and scope is not Scope.NOBODY) or (is_sub and scope is Scope.SUB)


def can_read_texts(employee: Employee, customer: Customer) -> bool:
    """True if the employee may read the texts of the customer's messages."""
    scope = VISIBILITY[employee.level].texts
    is_own = customer.id == employee.customer_id
    return scope is Scope.ANY or (is_own and scope is Scope.OWN)
