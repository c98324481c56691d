"""Whose things an employee may see, by the table of levels.py."""

from __future__ import annotations

from boxis_gateway.levels import VISIBILITY, MessageScope, TextScope
from boxis_gateway.model import Customer, Employee


def can_see_messages(employee: Employee, customer: Customer) -> bool:
    """Whether the employee may see what is that customer's."""
    reach = VISIBILITY[employee.level].reach
    if reach is MessageScope.ANY:
        return True
    own = customer.id == employee.customer_id
    sub = customer.parent_reseller_id == employee.customer_id
    return (own and reach is not MessageScope.NOBODY) or (sub and reach is MessageScope.SUB)


def can_read_texts(employee: Employee, customer: Customer) -> bool:
    """Whether the employee may see what that customer's messages say."""
    content = VISIBILITY[employee.level].content
    own = customer.id == employee.customer_id
    return content is TextScope.ANY or (own and content is TextScope.OWN)
