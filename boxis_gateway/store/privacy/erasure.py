"""Erasure of a phone number, and of the texts to and from it.

First the number is stored as erased (erased_numbers.py), so that no import brings it back. The scan
(erasure_scan.py) then runs in short, repeatable transactions: if it is stopped, the next erasure of
the number finishes it.
"""

from __future__ import annotations

from datetime import datetime

from boxis_gateway.sms.mentions import mentions
from boxis_gateway.store.audit import Audit
from boxis_gateway.store.engines.base import EVERY_ACCOUNT, Maintenance, StoreDatabase
from boxis_gateway.store.engines.errors import translate_errors
from boxis_gateway.store.privacy.erased_numbers import ErasedNumbers
from boxis_gateway.store.privacy.erasure_scan import ErasureCounts, ErasureScan, number_in_texts
from boxis_gateway.store.privacy.job import Job

NAMES_SQL = """
    SELECT 'account', username, username FROM account
    UNION SELECT 'customer', name, name FROM customer
    UNION SELECT 'employee', username, username FROM employee
    UNION SELECT 'employee', username, name FROM employee
    ORDER BY 1, 2
"""


class Erasure:
    """Erasure of E.164 numbers and short codes. The few digits of a short code may mean anything in
    a text, and stay there."""

    def __init__(self, database: StoreDatabase, maintenance: Maintenance) -> None:
        self._database, self._maintenance = database, maintenance
        self._audit = Audit(database)
        self._erased = ErasedNumbers(database)

    def erase(self, number: str, now: datetime, *, dry_run: bool = False) -> ErasureCounts:
        """Erase the number; a dry run counts what that would change. What the file has left of it
        is for Maintenance.vacuum_full. Raises StoreError."""
        job = Job(self._database, self._maintenance, dry_run=dry_run)
        with job.running():
            # After its end every import knows the number.
            with job.transaction(EVERY_ACCOUNT):
                job.change(self._erased.add, number, now)
                job.change(self._audit.record, "erase.begin")  # remains if it is killed
            counts = ErasureScan(self._database, job, number).run()
            with job.transaction():
                job.change(self._audit.record, "erase", **vars(counts))
        return counts

    def names_with(self, number: str) -> list[tuple[str, str]]:
        """Names that contain the number and stay, because people log in with them: pairs of a kind,
        such as "account", and the user name."""
        in_texts = number_in_texts(number)
        if not in_texts:
            return []
        with translate_errors():
            rows = self._database.execute_sql(NAMES_SQL, ()).fetchall()
        names = ((kind, name) for kind, name, text in rows if mentions(text, in_texts))
        return list(dict.fromkeys(names))
