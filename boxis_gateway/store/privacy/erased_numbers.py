"""Erased numbers, as digests keyed by a secret of the store.

The secret is in the same store, so the digests are for comparison, not for protection: whoever has
both can try all numbers.
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
CACHED_DIGESTS = 65_536
SECRET = "erased_number"
NON_DIGITS = re.compile("[^0-9]+")

ADD_SECRET_SQL = "INSERT INTO secret (name, value) VALUES (?, ?) ON CONFLICT DO NOTHING"
SECRET_SQL = "SELECT value FROM secret WHERE name = ?"
ADD_SQL = """
    INSERT INTO erased_number (digest, erased_at) VALUES (?, ?) ON CONFLICT DO NOTHING
"""
COUNT_SQL = "SELECT count(*) FROM erased_number"
DIGESTS_SQL = "SELECT digest FROM erased_number"


class ErasedNumbers:
    """The erased numbers of a store, which stay for good."""

    def __init__(self, database: StoreDatabase) -> None:
        self._database = database
        self._version = (b"", 0)  # secret and number of the cached digests
        self._digests: frozenset[str] = frozenset()

    def add(self, number: str, now: datetime) -> None:
        """Store the number as erased, inside a transaction."""
        self._database.execute_sql(ADD_SECRET_SQL, (SECRET, secrets.token_hex(32)))
        digest = _digest(self._secret(), comparable(number))
        self._database.execute_sql(ADD_SQL, (digest, utc_text(now)))

    def among(self, addresses: Iterable[str]) -> set[str]:
        """The erased ones of the addresses, in any spelling. Called inside the transaction that
        would add them."""
        count = self._database.scalar(COUNT_SQL)
        if not count:
            return set()
        secret, digests = self._secret(), self._digests
        if self._version != (secret, count):  # a restore may have replaced them
            digests = frozenset(digest for (digest,) in self._database.execute_sql(DIGESTS_SQL))
            self._digests, self._version = digests, (secret, count)
        return {each for each in set(addresses) if _digest(secret, comparable(each)) in digests}

    def _secret(self) -> bytes:
        return bytes.fromhex(self._database.scalar(SECRET_SQL, (SECRET,)))


def comparable(address: str) -> str:
    """The E.164 number in an address, also among other characters (`tel:48514151563`); otherwise
    its `sender_key`."""
    return to_e164(address) or to_e164(NON_DIGITS.sub("", address)) or sender_key(address)


@lru_cache(maxsize=CACHED_DIGESTS)
def _digest(secret: bytes, key: str) -> str:
    return blake2b(key.encode(), digest_size=DIGEST_OCTETS, key=secret).hexdigest()
