"""Monthly partitions of the table `message` in PostgreSQL.

A month's partition is created before the transaction that needs it first. It is created apart and
then attached, so neither readers nor writers wait. The next month's is created along with it, while
all is well: Citus can create none while a worker is down.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress

from boxis_gateway.store.engines.base import StoreDatabase
from boxis_gateway.store.engines.errors import DATABASE_ERRORS
from boxis_gateway.store.ids import month_number

EXISTING_SQL = """
    SELECT relname FROM pg_class
    WHERE relnamespace = current_schema()::regnamespace AND relname = ANY (?)
"""
CREATE_SQL = (
    "CREATE TABLE {name} (LIKE message INCLUDING ALL)",
    "ALTER TABLE message ATTACH PARTITION {name} FOR VALUES FROM ('{month}') TO ('{end}')",
)


class Partitions:
    """Creates partitions, and remembers which exist."""

    def __init__(self, database: StoreDatabase) -> None:
        self._database = database
        self._known: set[str] = set()

    def forget(self) -> None:
        """Look for partitions anew: they may have been created in a transaction that is undone."""
        self._known.clear()

    def ensure(self, times: Iterable[str]) -> None:
        """Create missing partitions for messages of these times."""
        months = sorted({time[:7] for time in times} - self._known)
        if not months:
            return
        self._create_missing(months)
        self._known.update(months)
        with suppress(*DATABASE_ERRORS):  # it is not needed yet
            self._create_missing([_next(months[-1])])

    def _create_missing(self, months: Sequence[str]) -> None:
        if self._missing(months):
            with self._database.atomic():
                for month in self._missing(months):
                    self._create(month)

    def _missing(self, months: Sequence[str]) -> list[str]:
        names = {partition_name(month): month for month in months}
        existing = {name for (name,) in self._database.execute_sql(EXISTING_SQL, (list(names),))}
        return [month for name, month in names.items() if name not in existing]

    def _create(self, month: str) -> None:
        end = f"{month[:5]}{int(month[5:]) + 1:02}"  # month 13 sorts between 12 and the next year
        for sql in CREATE_SQL:
            name = partition_name(month)
            self._database.execute_sql(sql.format(name=name, month=month, end=end))


def partition_name(month: str) -> str:
    """Partition of the month `yyyy-mm`. Raises ValueError for what is no month."""
    year, number = int(month[:4]), int(month[5:7])
    return f"message_{year:04}_{number:02}"


def _next(month: str) -> str:
    year, number = divmod(month_number(month) + 1, 12)
    return f"{year:04}-{number + 1:02}"
