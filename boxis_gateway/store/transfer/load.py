"""Bringing the rows of one store into another, whatever engines keep them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from itertools import islice
from typing import Any, NamedTuple

from peewee import DataError, IntegrityError

from boxis_gateway.errors import StoreError
from boxis_gateway.store.engines.base import ROWS_AT_ONCE, Row, Snapshot, StoreDatabase
from boxis_gateway.store.engines.errors import translate_errors
from boxis_gateway.store.tables import TABLES, AuditEntry, Message
from boxis_gateway.store.transfer.row_blocks import (
    BY_ACCOUNT,
    OF_ITS_OWN,
    Block,
    Digest,
    Table,
    blocks,
    columns_of,
    count_there,
    digest_of,
    rows_there,
    whole,
)

SENT_AT = columns_of(Message).index("sent_at")
Progress = Callable[[int], object]
"""Is told how many rows more are done."""


class Brought(NamedTuple):
    """How many rows the tables have, and how many blocks had to be replaced."""

    rows: Counter[str]
    replaced: int


def no_progress(rows: int) -> None:
    """Tells nobody."""


def bring(snapshot: Snapshot, database: StoreDatabase, progress: Progress = no_progress) -> Brought:
    """Replace each block of the database that is not as in the snapshot, each in a transaction of
    its own. Raises StoreError."""
    rows, replaced = Counter[str](), 0
    for block, here, there in compared(snapshot, database):
        if here != there:
            _replace(snapshot, database, block, there)
            replaced += 1
        rows[block.table._meta.table_name] += here.rows
        progress(here.rows)
    _require_no_more(snapshot, database, rows)
    return Brought(rows, replaced)


def compared(
    snapshot: Snapshot, database: StoreDatabase, *, to_the_end: bool = True
) -> Iterator[tuple[Block, Digest, Digest]]:
    """Each block, and its digests in the snapshot and in the database."""
    for block in blocks(snapshot, to_the_end=to_the_end):
        with translate_errors():
            yield block, digest_of(block.rows()), digest_of(rows_there(database, block))


def refill(snapshot: Snapshot, database: StoreDatabase) -> None:
    """Replace all that the database has. Inside a transaction, and there must be room for all
    messages. Raises StoreError."""
    with database.without_audit_triggers():
        for table in reversed(TABLES):
            database.execute_sql(_delete(table, OF_ITS_OWN.get(table, "1 = 1")), ())
        for block in blocks(snapshot):
            _insert(database, block)


def _replace(snapshot: Snapshot, database: StoreDatabase, block: Block, there: Digest) -> None:
    if block.table is Message:
        _ensure_partitions(database, block)
    with ExitStack() as held:
        held.enter_context(translate_errors())
        held.enter_context(_transaction(database, block))
        if block.table is AuditEntry and there.rows:
            held.enter_context(database.without_audit_triggers())
        together = [block]
        if not block.parameters:
            together += [whole(snapshot, table) for table in _referring_to(block.table)]
        for one in reversed(together):
            database.execute_sql(_delete(one.table, one.condition), one.parameters)
        for one in together:
            _insert(database, one)


def _transaction(database: StoreDatabase, block: Block) -> AbstractContextManager[Any]:
    return (
        database.atomic()
        if block.account_id is None
        else database.write_transaction(block.account_id)
    )


def _ensure_partitions(database: StoreDatabase, block: Block) -> None:
    try:
        database.ensure_partitions([row[SENT_AT] for row in block.rows()])
    except ValueError:
        raise _unfit(block.table, "a time is none") from None


def _referring_to(table: Table) -> list[Table]:
    """The tables whose rows refer to those of that one, directly or not; but for those of accounts,
    which are replaced by themselves."""
    found = [table]
    for other in TABLES:
        parents = {field.rel_model for field in other._meta.refs}
        if other not in BY_ACCOUNT and parents & set(found):
            found.append(other)
    return found[1:]


def _delete(table: Table, condition: str) -> str:
    return f"DELETE FROM {table._meta.table_name} WHERE {condition}"


def _insert(database: StoreDatabase, block: Block) -> None:
    into, rows = database.bulk_inserter(block.table), iter(block.rows())
    with _fit(block.table):
        while batch := list(islice(rows, ROWS_AT_ONCE)):
            into.insert(batch)


@contextmanager
def _fit(table: Table) -> Iterator[None]:
    try:
        yield
    except (DataError, IntegrityError) as problem:
        raise _unfit(table, str(problem).partition("\n")[0].rstrip(".")) from None


def _unfit(table: Table, why: str) -> StoreError:
    return StoreError(
        f"Rows of {table._meta.table_name} cannot be taken: {why}. Run 'boxis-gateway verify' "
        "with the store that they come from."
    )


def _require_no_more(snapshot: Snapshot, database: StoreDatabase, rows: Counter[str]) -> None:
    """Raises StoreError if either side has rows of accounts that there are not."""
    for table in BY_ACCOUNT:
        name = table._meta.table_name
        ((here,),) = snapshot.walk(f"SELECT count(*) FROM {name}", ())
        if here != rows[name]:
            raise _unfit(table, f"{here - rows[name]} belong to no account")
        with translate_errors():
            more = count_there(database, table) - here
        if more:
            raise StoreError(
                f"There are {more} rows of {name} more, of accounts that the source does not "
                "have. Begin anew with an empty place."
            )


def months_of(snapshot: Snapshot) -> Sequence[Row]:
    """A time of each month of which there are messages."""
    return list(snapshot.walk("SELECT DISTINCT substr(sent_at, 1, 7) FROM message", ()))
