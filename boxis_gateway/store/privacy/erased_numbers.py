"""The numbers whose owners are not to come back: their digests, under a secret of the store.

The secret stands in the same file, so a digest hides a number only from those who don't try all
numbers. It is there to compare, not to protect.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable
from datetime import datetime
from functools import lru_cache
from hashlib import blake2b

from boxis_gateway.sms.numbers import sender_key, to_e164
from boxis_gateway.store.engines.base import StoreDatabase
from boxis_gateway.zones import utc_text

DIGEST_OCTETS = 16
ADDRESSES_KEPT = 65_536  # whose digests are remembered
SECRET = "erased_number"
NO_DIGIT = re.compile("[^0-9]+")

ADD_SECRET_SQL = "INSERT INTO secret (name, value) VALUES (?, ?) ON CONFLICT DO NOTHING"
SECRET_SQL = "SELECT value FROM secret WHERE name = ?"
ADD_SQL = """
    INSERT INTO erased_number (digest, erased_at) VALUES (?, ?) ON CONFLICT DO NOTHING
"""
COUNT_SQL = "SELECT count(*) FROM erased_number"
DIGESTS_SQL = "SELECT digest FROM erased_number"


class ErasedNumbers:
    """The erased numbers of a store. None is ever taken out again."""

    def __init__(self, database: StoreDatabase) -> None:
        self._database = database
        self._read = (b"", 0)  # the secret, and how many digests there were
        self._digests: frozenset[str] = frozenset()

    def add(self, number: str, now: datetime) -> None:
        """From now on the number is erased. To be called inside a transaction."""
        self._database.execute_sql(ADD_SECRET_SQL, (SECRET, secrets.token_hex(32)))
        digest = _digest(self._secret(), number_in(number))
        self._database.execute_sql(ADD_SQL, (digest, utc_text(now)))

    def among(self, addresses: Iterable[str]) -> set[str]:
        """Those of the addresses that are erased, in any spelling. To be called inside the
        transaction that would add them."""
        (count,) = self._database.execute_sql(COUNT_SQL, ()).fetchone()
        if not count:
            return set()
        secret, digests = self._secret(), self._digests
        if self._read != (secret, count):  # a restore may have brought others
            digests = frozenset(one for (one,) in self._database.execute_sql(DIGESTS_SQL, ()))
            self._digests, self._read = digests, (secret, count)
        return {one for one in set(addresses) if _digest(secret, number_in(one)) in digests}

    def _secret(self) -> bytes:
        return bytes.fromhex(self._database.execute_sql(SECRET_SQL, (SECRET,)).fetchone()[0])


def number_in(address: str) -> str:
    """What an address is compared by: a number in any spelling, also if it stands among other
    characters (`tel:48514151563`); else as `sender_key` has it."""
    return to_e164(address) or to_e164(NO_DIGIT.sub("", address)) or sender_key(address)


@lru_cache(maxsize=ADDRESSES_KEPT)
def _digest(secret: bytes, key: str) -> str:
    return blake2b(key.encode(), digest_size=DIGEST_OCTETS, key=secret).hexdigest()
