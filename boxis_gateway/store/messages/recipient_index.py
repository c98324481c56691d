"""Keys of the recipient index, which starts with ten days."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from boxis_gateway.store.engines.base import StoreDatabase
from boxis_gateway.store.ids import month_number

SPAN_SQL = """
    SELECT (SELECT sent_at FROM message WHERE account_id = ? ORDER BY sent_at LIMIT 1),
           (SELECT sent_at FROM message WHERE account_id = ? ORDER BY sent_at DESC LIMIT 1)
"""


def account_prefixes(database: StoreDatabase, account_id: int) -> Sequence[str]:
    """The prefixes `yyyy-mm-d` of all days from the account's oldest message to its newest."""
    first, last = database.execute_sql(SPAN_SQL, (account_id, account_id)).fetchone()
    return day_prefixes((first or "")[:10], (last or "")[:10])


@lru_cache(maxsize=1024)
def day_prefixes(first: str, last: str) -> Sequence[str]:
    """The prefixes of all days between two, both `yyyy-mm-dd`; none if the first is ""."""
    if not first:
        return ()
    months = range(month_number(first[:7]), month_number(last[:7]) + 1)
    prefixes = (f"{n // 12:04}-{n % 12 + 1:02}-{digit}" for n in months for digit in range(4))
    return tuple(prefix for prefix in prefixes if first[:9] <= prefix <= last[:9])
