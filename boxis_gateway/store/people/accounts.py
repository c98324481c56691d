"""Accounts: users of the form API, found by every request."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from peewee import IntegrityError, fn

from boxis_gateway import model
from boxis_gateway.errors import StoreError
from boxis_gateway.store.audit import Audit
from boxis_gateway.store.engines.base import StoreDatabase
from boxis_gateway.store.engines.sql import fetch_rows
from boxis_gateway.store.people.customers import new_id
from boxis_gateway.store.people.employees import folded
from boxis_gateway.store.secrets.user_keys import UserKeys
from boxis_gateway.store.tables import Account, Customer, SenderName
from boxis_gateway.zones import utc_text


class Accounts:
    """The accounts of a store. User names are compared without case."""

    def __init__(self, database: StoreDatabase, user_keys: UserKeys) -> None:
        self._database, self._user_keys = database, user_keys
        self._audit = Audit(database)

    def find(self, username: str) -> model.Account | None:
        """The account of that user name, enabled or not."""
        account = self.find_or_nobody(username)
        return account if account.id else None

    def find_or_nobody(self, username: str) -> model.Account:
        """The account of that user name or, for the same work, a disabled one with the id 0. For an
        unknown name the query finds another account, so that its time tells nothing."""
        name = folded(username)
        row = self._database.execute_sql(FIND_SQL, (name,)).fetchone() or (*_NOBODY, None)
        *columns, found = row
        account = _account(columns)
        return account if found == name else NOBODY

    def get(self, username: str) -> model.Account:
        """The account of that user name. Raises StoreError."""
        account = self.find(username)
        if account is None:
            raise StoreError(
                f"There is no account {username!r}. 'boxis-gateway account list' shows them."
            )
        return account

    def all(self) -> list[model.Account]:
        """Every account, by user name."""
        query = Account.select(*_COLUMNS).order_by(Account.username_folded)
        return [_account(row) for row in fetch_rows(self._database, query)]

    def add(
        self,
        username: str,
        user_key: str,
        now: datetime,
        *,
        options: Mapping[str, str] | None = None,
        sender_names: Sequence[str] = (),
        customer: str | None = None,
    ) -> model.Account:
        """Add an account to the customer of that name (default: its own user name).

        `options` are texts, checked by the caller. Raises StoreError if the name is taken, or
        without the store's encryption key."""
        values = {
            Account.username: username,
            Account.username_folded: username.casefold(),
            Account.enabled: True,
            Account.options: json.dumps(dict(options or {})),
            Account.created_at: utc_text(now),
        }
        try:
            with self._database.atomic():
                owner = customer or username
                values[Account.sealed_key] = self._user_keys.seal(user_key)
                values[Account.customer] = owner_id = self._customer_id(owner, now)
                values[Account.id] = account_id = self._database.new_account_id(owner_id)
                Account.insert(values).execute(self._database)
                self._replace_sender_names(account_id, sender_names)
                details = {"options": dict(options or {}), "sender_names": len(sender_names)}
                self._audit.record("account.add", username, customer=owner, **details)
        except IntegrityError:
            raise StoreError(
                f"The account {username!r} exists already. 'boxis-gateway account set' changes it."
            ) from None
        return self.get(username)

    def set_enabled(self, account: model.Account, enabled: bool) -> None:
        """Enable or disable the account. Its messages stay."""
        with self._database.atomic():
            self._update(account, {Account.enabled: enabled})
            self._audit.record("account.state", account.username, enabled=enabled)

    def set_user_key(self, account: model.Account, user_key: str) -> None:
        """Replace the user key. Raises StoreError without the store's encryption key."""
        with self._database.atomic():
            self._update(account, {Account.sealed_key: self._user_keys.seal(user_key)})
            self._audit.record("account.key", account.username)

    def set_options(self, account: model.Account, changes: Mapping[str, str]) -> None:
        """Change options, given as texts and checked by the caller; "" removes one."""
        with self._database.atomic():
            options = {**account.options, **changes}
            kept = {name: text for name, text in options.items() if text != ""}
            self._update(account, {Account.options: json.dumps(kept)})
            self._audit.record("account.options", account.username, options=dict(changes))

    def sender_names(self, account: model.Account) -> list[str]:
        """The senders that the account may use."""
        query = (
            SenderName.select(SenderName.name)
            .where(SenderName.account == account.id)
            .order_by(SenderName.position)
        )
        return [name for (name,) in fetch_rows(self._database, query)]

    def set_sender_names(self, account: model.Account, names: Sequence[str]) -> None:
        """Replace the senders that the account may use."""
        with self._database.atomic():
            self._replace_sender_names(account.id, names)
            self._audit.record("account.sender_names", account.username, sender_names=len(names))

    def customer_name(self, account: model.Account) -> str:
        """The name of the customer that the account belongs to."""
        query = Customer.select(Customer.name).join(Account).where(Account.id == account.id)
        return str(query.scalar(self._database))

    def newest_creation(self) -> str | None:
        """Creation time of the newest account; None without accounts."""
        query = Account.select(fn.MAX(Account.created_at))
        newest: str | None = query.scalar(self._database)
        return newest

    def _customer_id(self, name: str, now: datetime) -> str:
        query = Customer.select(Customer.id).where(Customer.name == name)
        for (customer_id,) in fetch_rows(self._database, query):
            return str(customer_id)
        customer_id = new_id()
        Customer.insert(id=customer_id, name=name, created_at=utc_text(now)).execute(self._database)
        self._audit.record("customer.add", name)
        return customer_id

    def _replace_sender_names(self, account_id: int, names: Sequence[str]) -> None:
        SenderName.delete().where(SenderName.account == account_id).execute(self._database)
        rows = [(account_id, name, index) for index, name in enumerate(dict.fromkeys(names))]
        if rows:
            fields = (SenderName.account, SenderName.name, SenderName.position)
            SenderName.insert_many(rows, fields).execute(self._database)

    def _update(self, account: model.Account, values: Mapping[Any, Any]) -> None:
        Account.update(values).where(Account.id == account.id).execute(self._database)


_COLUMNS = (Account.id, Account.username, Account.sealed_key, Account.enabled, Account.options)
_NOBODY = (0, "", "", False, '{"networks": "none"}')  # with options, as most have
FIND_SQL = """
    SELECT id, username, sealed_key, enabled, options, username_folded FROM account
    WHERE id = coalesce(
        (SELECT id FROM account WHERE username_folded = ?), (SELECT id FROM account LIMIT 1)
    )
"""


def _account(row: Sequence[Any]) -> model.Account:
    account_id, username, sealed_key, enabled, options = row
    return model.Account(account_id, username, sealed_key, bool(enabled), _options(options))


@lru_cache(maxsize=1024)
def _options(text: str) -> Mapping[str, str]:
    return MappingProxyType(json.loads(text))


NOBODY = _account(_NOBODY)
