"""The partitions of the table of messages in PostgreSQL: one for each month of `sent_at`.

A month that nobody has written to yet gets its partition before the transaction that needs it: it
is made apart and attached, which neither readers nor writers have to wait for. With it comes that
of the next month, while all is well: Citus can make none as long as one of its workers is down.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from boxis_gateway.store.engines.base import StoreDatabase
from boxis_gateway.store.engines.errors import DATABASE_ERRORS
from boxis_gateway.store.ids import number_of

THERE_SQL = """
    SELECT relname FROM pg_class
    WHERE relnamespace = current_schema()::regnamespace AND relname = ANY (?)
"""
MAKE_SQL = (
    "CREATE TABLE {name} (LIKE message INCLUDING ALL)",
    "ALTER TABLE message ATTACH PARTITION {name} FOR VALUES FROM ('{month}') TO ('{after}')",
)


class Partitions:
    """The partitions that are known to be there."""

    def __init__(self, database: StoreDatabase) -> None:
        self._database = database
        self._known: set[str] = set()

    def make(self, times: Sequence[str]) -> None:
        """See that there is room for messages of these times. Not inside a transaction."""
        months = sorted({time[:7] for time in times} - self._known)
        if not months:
            return
        self._make_all(months)
        self._known.update(months)
        with suppress(*DATABASE_ERRORS):  # of which another will come
            self._make_all([_next(months[-1])])

    def _make_all(self, months: Sequence[str]) -> None:
        if self._missing(months):
            with self._database.atomic():
                for month in self._missing(months):
                    self._make(month)

    def _missing(self, months: Sequence[str]) -> list[str]:
        names = {name_of(month): month for month in months}
        there = {name for (name,) in self._database.execute_sql(THERE_SQL, (list(names),))}
        return [month for name, month in names.items() if name not in there]

    def _make(self, month: str) -> None:
        after = f"{month[:5]}{int(month[5:]) + 1:02}"  # 13, too, is behind 12 and before the next
        for sql in MAKE_SQL:
            words = sql.format(name=name_of(month), month=month, after=after)
            self._database.execute_sql(words)


def name_of(month: str) -> str:
    """Of the partition of a month `yyyy-mm`. Raises ValueError for what is none."""
    year, number = int(month[:4]), int(month[5:7])
    return f"message_{year:04}_{number:02}"


def _next(month: str) -> str:
    year, number = divmod(number_of(month) + 1, 12)
    return f"{year:04}-{number + 1:02}"
