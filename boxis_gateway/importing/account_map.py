"""Whose messages they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from boxis_gateway.model import Account
from boxis_gateway.settings import Settings
from boxis_gateway.store import Store


@dataclass(frozen=True)
class AccountMap:
    """Whose a message is: the account of its key, through `names` if it stands there; the default
    account's if it has no key. A key that nobody knows is nobody's: a slip in `names` must not show
    one customer's messages to another. `settings` are for what accounts leave open."""

    store: Store
    default: Account | None
    names: Mapping[str, str]
    by_field: bool = False
    settings: Settings = field(default_factory=Settings)
    _found: dict[str, Account | None] = field(default_factory=dict)

    @property
    def one_id(self) -> int:
        """The id of the account, if all messages are of one; else 0."""
        return self.default.id if self.default and not self.by_field else 0

    def find(self, key: str) -> Account | None:
        """The account, or None if there is none for the key."""
        if self._found.get(key) is None:  # it may be made while a log is followed
            username = self.names.get(key, key)
            self._found[key] = self.store.accounts.find(username) if username else self.default
        return self._found[key]
