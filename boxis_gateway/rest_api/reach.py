"""Whose things an employee may see, by the table of levels.py."""

from __future__ import annotations

from boxis_gateway.levels import SIGHT, Content, Reach
from boxis_gateway.model import Customer, Employee


def reaches(employee: Employee, customer: Customer) -> bool:
    """Whether the employee may see what is that customer's."""
    reach = SIGHT[employee.level].reach
    if reach is Reach.ANY:
        return True
    own = customer.id == employee.customer_id
    sub = customer.parent_reseller_id == employee.customer_id
    return (own and reach is not Reach.NOBODY) or (sub and reach is Reach.SUB)


def reads_texts_of(employee: Employee, customer: Customer) -> bool:
    """Whether the employee may see what that customer's messages say."""
    content = SIGHT[employee.level].content
    own = customer.id == employee.customer_id
    return content is Content.ANY or (own and content is Content.OWN)
