"""Loading the rows of one store into another, of any engine."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import islice
from typing import NamedTuple

from peewee import DataError, IntegrityError

from boxis_gateway.errors import StoreError
from boxis_gateway.store.engines.base import BATCH_ROWS, Snapshot, StoreDatabase
from boxis_gateway.store.engines.errors import translate_errors
from boxis_gateway.store.tables import TABLES, AuditEntry, Message, MessageRow
from boxis_gateway.store.transfer.row_blocks import (
    BY_ACCOUNT,
    Block,
    Digest,
    Table,
    compared_rows,
    count_rows,
    digest_of,
    row_blocks,
    table_block,
    target_rows,
)

Progress = Callable[[int], object]
"""Callback with the number of rows done since the last call."""


class Loaded(NamedTuple):
    """Rows of each table, and the number of blocks that were replaced."""

    rows: Counter[str]
    replaced: int


def no_progress(rows: int) -> None:
    """Progress that is not shown."""


def load(snapshot: Snapshot, database: StoreDatabase, progress: Progress = no_progress) -> Loaded:
    """Replace each block of the database that differs from the snapshot, in a transaction of its
    own. Raises StoreError."""
    rows, replaced = Counter[str](), 0
    for block, digest, target_digest in compare(snapshot, database):
        if digest != target_digest:
            _replace(snapshot, database, block, is_new=not target_digest.rows)
            replaced += 1
        rows[block.table._meta.table_name] += digest.rows
        progress(digest.rows)
    _require_no_more(snapshot, database, rows)
    return Loaded(rows, replaced)


def compare(
    snapshot: Snapshot, database: StoreDatabase, *, open_ended: bool = True
) -> Iterator[tuple[Block, Digest, Digest]]:
    """Each block, with its digests in the snapshot and in the database."""
    for block in row_blocks(snapshot, open_ended=open_ended):
        with translate_errors():
            yield block, digest_of(block.rows()), digest_of(target_rows(database, block))


def replace_all(snapshot: Snapshot, database: StoreDatabase) -> None:
    """Replace all rows of the database, inside a transaction, once there are partitions for all
    messages. Raises StoreError."""
    with database.without_audit_triggers():
        for table in reversed(TABLES):
            database.execute_sql(_delete(table, compared_rows(table)))
        for block in row_blocks(snapshot):
            _insert(database, block)


def _replace(snapshot: Snapshot, database: StoreDatabase, block: Block, *, is_new: bool) -> None:
    if block.table is Message:
        _ensure_partitions(database, block)
    account_id = block.account_id
    with ExitStack() as stack:
        stack.enter_context(translate_errors())
        stack.enter_context(
            database.atomic() if account_id is None else database.write_transaction(account_id)
        )
        if block.table is AuditEntry and not is_new:
            stack.enter_context(database.without_audit_triggers())
        blocks = [block]
        if not block.parameters:
            blocks += [table_block(snapshot, table) for table in _referring_to(block.table)]
        for part in reversed(blocks):
            database.execute_sql(_delete(part.table, part.condition), part.parameters)
        for part in blocks:
            _insert(database, part)


def _ensure_partitions(database: StoreDatabase, block: Block) -> None:
    try:
        database.ensure_partitions(MessageRow(*row).sent_at for row in block.rows())
    except ValueError:
        raise _rejected(block.table, "a time is invalid") from None


def _referring_to(table: Table) -> list[Table]:
    """The tables whose rows refer to those of the table, directly or not. Without those of
    BY_ACCOUNT, which have blocks of their own."""
    tables = [table]
    for other in TABLES:
        parents = {field.rel_model for field in other._meta.refs}
        if other not in BY_ACCOUNT and parents & set(tables):
            tables.append(other)
    return tables[1:]


def _delete(table: Table, condition: str) -> str:
    return f"DELETE FROM {table._meta.table_name} WHERE {condition}"


def _insert(database: StoreDatabase, block: Block) -> None:
    inserter, rows = database.bulk_inserter(block.table), iter(block.rows())
    with _translate_rejections(block.table):
        while batch := list(islice(rows, BATCH_ROWS)):
            inserter.insert(batch)


@contextmanager
def _translate_rejections(table: Table) -> Iterator[None]:
    try:
        yield
    except (DataError, IntegrityError) as problem:
        raise _rejected(table, str(problem).partition("\n")[0].rstrip(".")) from None


def _rejected(table: Table, reason: str) -> StoreError:
    return StoreError(
        f"The target rejects rows of `{table._meta.table_name}`: {reason}. Run 'boxis-gateway "
        "verify' with the source."
    )


def _require_no_more(snapshot: Snapshot, database: StoreDatabase, rows: Counter[str]) -> None:
    """Raises StoreError if either side has rows of accounts that do not exist."""
    for table in BY_ACCOUNT:
        name = table._meta.table_name
        ((count,),) = snapshot.query(f"SELECT count(*) FROM {name}", ())
        if count != rows[name]:
            raise _rejected(table, f"{count - rows[name]} belong to no account")
        with translate_errors():
            extra = count_rows(database, table) - count
        if extra:
            raise StoreError(
                f"The target has {extra} extra rows in `{name}`, of accounts that the source "
                "lacks. Start again with an empty target."
            )
