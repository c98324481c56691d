"""Access levels, and what each may see (REST protocol page, section 3)."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class Level(StrEnum):
    """Access levels of employees, in rising order."""

    NO_LOGIN = "NO_LOGIN"
    PERSONAL = "PERSONAL"
    VIEWER = "VIEWER"
    MANAGER = "MANAGER"
    OWNER = "OWNER"
    RESELLER = "RESELLER"
    RESELLER_ADMIN = "RESELLER_ADMIN"
    ADMIN = "ADMIN"

    @property
    def rank(self) -> int:
        """Position in the order; a higher level has more rights."""
        return list(Level).index(self)


class State(StrEnum):
    """State of an employee; a deleted one is kept as a record."""

    ENABLED = "ENABLED"
    DISABLED = "DISABLED"
    DELETED = "DELETED"


class Scope(StrEnum):
    """Customers whose messages a level may see, or whose texts it may read."""

    NOBODY = "none"
    OWN = "their own customer"
    SUB = "their own customer and its customers"
    ANY = "all customers"


class Visibility(NamedTuple):
    """Rights of a level: to see messages, to read their texts, to see prices."""

    messages: Scope
    texts: Scope
    whole_sale: bool
    cost: bool


VISIBILITY = {
    Level.NO_LOGIN: Visibility(Scope.NOBODY, Scope.NOBODY, whole_sale=False, cost=False),
    Level.PERSONAL: Visibility(Scope.NOBODY, Scope.NOBODY, whole_sale=False, cost=False),
    Level.VIEWER: Visibility(Scope.OWN, Scope.NOBODY, whole_sale=False, cost=False),
    Level.MANAGER: Visibility(Scope.OWN, Scope.NOBODY, whole_sale=False, cost=False),
    Level.OWNER: Visibility(Scope.OWN, Scope.OWN, whole_sale=False, cost=False),
    Level.RESELLER: Visibility(Scope.SUB, Scope.OWN, whole_sale=True, cost=False),
    Level.RESELLER_ADMIN: Visibility(Scope.ANY, Scope.OWN, whole_sale=True, cost=False),
    Level.ADMIN: Visibility(Scope.ANY, Scope.ANY, whole_sale=True, cost=True),
}
