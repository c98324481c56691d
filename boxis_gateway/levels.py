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


class MessageScope(StrEnum):
    """Customers whose messages a level may see."""

    NOBODY = "none"
    OWN = "the own customer"
    SUB = "the own customer and its customers"
    ANY = "all customers"


class TextScope(StrEnum):
    """Customers whose texts a level may read, among visible messages."""

    NOBODY = "none"
    OWN = "the own customer"
    ANY = "all customers"


class Visibility(NamedTuple):
    """Rights of a level to see messages, texts and prices."""

    messages: MessageScope
    texts: TextScope
    whole_sale: bool
    cost: bool


VISIBILITY = {
    Level.NO_LOGIN: Visibility(MessageScope.NOBODY, TextScope.NOBODY, whole_sale=False, cost=False),
    Level.PERSONAL: Visibility(MessageScope.NOBODY, TextScope.NOBODY, whole_sale=False, cost=False),
    Level.VIEWER: Visibility(MessageScope.OWN, TextScope.NOBODY, whole_sale=False, cost=False),
    Level.MANAGER: Visibility(MessageScope.OWN, TextScope.NOBODY, whole_sale=False, cost=False),
    Level.OWNER: Visibility(MessageScope.OWN, TextScope.OWN, whole_sale=False, cost=False),
    Level.RESELLER: Visibility(MessageScope.SUB, TextScope.OWN, whole_sale=True, cost=False),
    Level.RESELLER_ADMIN: Visibility(MessageScope.ANY, TextScope.OWN, whole_sale=True, cost=False),
    Level.ADMIN: Visibility(MessageScope.ANY, TextScope.ANY, whole_sale=True, cost=True),
}
