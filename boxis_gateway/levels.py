"""What a level of access lets an employee do (REST protocol page, section 3)."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class Level(StrEnum):
    """The levels, in rising order."""

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
        """Higher means more."""
        return list(Level).index(self)


class State(StrEnum):
    """Whether an employee may log in; of one who is deleted only the record is left."""

    ENABLED = "ENABLED"
    DISABLED = "DISABLED"
    DELETED = "DELETED"


class MessageScope(StrEnum):
    """Whose messages somebody may see."""

    NOBODY = "nobody's"
    OWN = "those of the own customer"
    SUB = "those of the own customer and of its customers"
    ANY = "everybody's"


class TextScope(StrEnum):
    """Whose texts somebody may read, of the messages within reach."""

    NOBODY = "nobody's"
    OWN = "those of the own customer"
    ANY = "everybody's"


class Visibility(NamedTuple):
    """What a level sees of messages."""

    reach: MessageScope
    content: TextScope
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
"""The one table of visibility."""
