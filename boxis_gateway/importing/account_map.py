"""Mapping of a source's account keys to accounts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from boxis_gateway.model import Account
from boxis_gateway.settings import Settings
from boxis_gateway.store import Store


@dataclass(frozen=True)
class AccountMap:
    """Maps a source's account key to an account: first via `names` (`--map`), then as a user name.

    Messages without a key belong to the `default` account. Unknown keys are rejected, never sent to
    it: a typo in `--map` must not show one customer's messages to another."""

    store: Store
    default: Account | None
    names: Mapping[str, str]
    by_field: bool = False
    settings: Settings = field(default_factory=Settings)
    _cache: dict[str, Account | None] = field(default_factory=dict)

    @property
    def single_account_id(self) -> int:
        """Id of the account if all messages belong to one, else 0."""
        return self.default.id if self.default and not self.by_field else 0

    def find(self, key: str) -> Account | None:
        """Return the account of the key, or None."""
        account = self._cache.get(key)
        if account is None:  # an account may be added while a log is followed
            username = self.names.get(key, key)
            account = self.store.accounts.find(username) if username else self.default
            self._cache[key] = account
        return account
