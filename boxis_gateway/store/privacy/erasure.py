"""Erasing a person from a store: whatever tells the number, or what was said to it and from it.

First the number is written down as erased (erased.py), so that no import brings it back: from then
on there can only be less of it. The rest goes on in short transactions, each of which can be done
again: an erasure that is stopped is finished by the next one of the same number.
"""

from __future__ import annotations

from datetime import datetime

from boxis_gateway.sms.mentions import mentions
from boxis_gateway.store.audit import Audit
from boxis_gateway.store.engines.base import EVERY_ACCOUNT, Maintenance, StoreDatabase
from boxis_gateway.store.engines.errors import translate_errors
from boxis_gateway.store.privacy.erased_numbers import ErasedNumbers
from boxis_gateway.store.privacy.erasing import ErasureCounts, Walk, in_texts

NAMES_SQL = """
    SELECT 'account', username, username FROM account
    UNION SELECT 'customer', name, name FROM customer
    UNION SELECT 'employee', username, username FROM employee
    UNION SELECT 'employee', username, name FROM employee
    ORDER BY 1, 2
"""


class Erasure:
    """The way to erase numbers. They are E.164, or short codes: the few digits of these may be
    anything in a text, and are left there."""

    def __init__(self, database: StoreDatabase, maintenance: Maintenance) -> None:
        self._database, self._maintenance = database, maintenance
        self._audit = Audit(database)
        self._erased = ErasedNumbers(database)

    def erase(self, number: str, now: datetime) -> ErasureCounts:
        """Erase the number. What its file has left of it is for Maintenance.vacuum_full. Raises
        StoreError."""
        self._maintenance.enable_secure_delete()
        # Once it has ended, no import is left that does not know of the number.
        with self._maintenance.throttled_transaction(EVERY_ACCOUNT):
            self._erased.add(number, now)
            self._audit.record("erase.begin")  # for one that is killed
        found = Walk(self._database, self._maintenance, number, dry_run=False).to_the_end()
        with self._maintenance.throttled_transaction():
            self._audit.record("erase", **vars(found))
        return found

    def would_erase(self, number: str) -> ErasureCounts:
        """What `erase` would find."""
        with translate_errors(), self._database.read_transaction():
            return Walk(self._database, self._maintenance, number, dry_run=True).to_the_end()

    def names_with(self, number: str) -> list[tuple[str, str]]:
        """Names that tell the number and stay, as people log in with them: ("account", the user
        name) and so on."""
        looked_for = in_texts(number)
        if not looked_for:
            return []
        with translate_errors():
            rows = self._database.execute_sql(NAMES_SQL, ()).fetchall()
        found = ((kind, name) for kind, name, told in rows if mentions(told, looked_for))
        return list(dict.fromkeys(found))
