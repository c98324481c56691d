"""User keys of accounts: encrypted in the store, decrypted in memory.

The row `key_check` of the table `secret`, encrypted with the same key, detects a wrong key also in
a store without accounts.
"""

from __future__ import annotations

import secrets
from typing import NamedTuple

from boxis_gateway import model
from boxis_gateway.bounded_cache import BoundedCache
from boxis_gateway.errors import ConfigurationError, StoreError
from boxis_gateway.store.audit import Audit
from boxis_gateway.store.engines.base import StoreDatabase
from boxis_gateway.store.engines.errors import translate_errors
from boxis_gateway.store.secrets.vault import Vault

CHECKED = "boxis-gateway"  # plain text of key_check
NOBODYS = secrets.token_hex(12)
CACHED_KEYS = 100_000

ACCOUNTS_SQL = "SELECT id, username, sealed_key FROM account ORDER BY username_folded"
CHANGE_SQL = "UPDATE account SET sealed_key = ? WHERE id = ?"
CHECK_SQL = "SELECT value FROM secret WHERE name = 'key_check'"
CHANGE_CHECK_SQL = """
    INSERT INTO secret (name, value) VALUES ('key_check', ?)
    ON CONFLICT (name) DO UPDATE SET value = excluded.value
"""


class Rotated(NamedTuple):
    """Number of re-encrypted user keys, and accounts whose keys were lost."""

    accounts: int
    forgotten: list[str]


class UserKeys:
    """The user keys of a store."""

    def __init__(self, database: StoreDatabase, vault: Vault) -> None:
        self._database, self._vault = database, vault
        self._audit = Audit(database)
        self._opened = BoundedCache(vault.open, CACHED_KEYS)

    def get(self, account: model.Account) -> str:
        """The account's key; a random one for no account. Raises StoreError."""
        return self._opened[account.sealed_key] if account.sealed_key else NOBODYS

    def seal(self, user_key: str) -> str:
        """The key, encrypted, inside the transaction that stores it. Raises StoreError without the
        store's encryption key."""
        self._vault.open(self._check())
        return self._vault.seal(user_key)

    def require_open(self) -> None:
        """Raise StoreError unless the keys open everything that is encrypted."""
        with translate_errors():
            self._vault.open(self._check())
            lost = [name for _, name, sealed in self._accounts() if not self._vault.opens(sealed)]
        if lost:
            raise StoreError(
                f"The keys in {self._vault.keys.location} do not open the user keys of {len(lost)} "
                f"accounts, {lost[0]} among them. Add the key that does, or give these accounts "
                "new ones with 'boxis-gateway account rotate-key'."
            )

    def rotate(self, *, drop_old: bool = False, forget: bool = False) -> Rotated:
        """Encrypt everything with a new key, or with the first one if the store lacks it.

        `drop_old` removes the others from their file. `forget` replaces user keys that don't open
        by random ones. The keys open the store also if this is killed. Raises StoreError."""
        if drop_old and self._vault.keys.in_environment:
            raise ConfigurationError(
                f"The keys come from {self._vault.keys.location}. Take the old ones out there."
            )
        if not forget:
            self.require_open()
        with translate_errors(), self._database.atomic():
            rotated = self._rotate(forget)
            details = {**rotated._asdict(), "forgotten": len(rotated.forgotten)}
            self._audit.record("secrets.rotate", "user keys", **details, drop_old=drop_old)
        if drop_old:
            self._drop_old()
        return rotated

    def _rotate(self, forget: bool) -> Rotated:
        self._vault.renew(self._check())
        forgotten = []
        accounts = self._accounts()
        for account_id, username, sealed in accounts:
            if forget and not self._vault.opens(sealed):
                forgotten.append(username)
                user_key = secrets.token_hex()
            else:
                user_key = self._vault.open(sealed)
            self._database.execute_sql(CHANGE_SQL, (self._vault.seal(user_key), account_id))
        self._database.execute_sql(CHANGE_CHECK_SQL, (self._vault.seal(CHECKED),))
        return Rotated(len(accounts) - len(forgotten), forgotten)

    def _drop_old(self) -> None:
        """Runs in a transaction, as `seal` does: so no text is sealed with a dropped key."""
        with translate_errors(), self._database.atomic():
            sealed = [self._check(), *(key for _, _, key in self._accounts())]
            if all(map(self._vault.is_sealed_with_first, sealed)):
                self._vault.keys.keep_first()

    def _accounts(self) -> list[tuple[int, str, str]]:
        return list(self._database.execute_sql(ACCOUNTS_SQL, ()))

    def _check(self) -> str:
        return str(self._database.scalar(CHECK_SQL, ()) or "")
