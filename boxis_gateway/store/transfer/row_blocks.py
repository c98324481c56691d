"""Rows of a store in blocks, with digests that any engine can match.

A block is a condition on a table, for either side of a comparison. Together the blocks cover
everything that the tables can hold, also rows that only the target has. Long tables are cut by a
key of numbers and times, which every engine sorts alike.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from hashlib import blake2b
from itertools import islice
from typing import Any, NamedTuple

from peewee import BooleanField, Model

from boxis_gateway.store.engines.base import Row, Snapshot, StoreDatabase
from boxis_gateway.store.engines.sql import columns_of
from boxis_gateway.store.tables import (
    COPIED_FROM,
    TABLES,
    AuditEntry,
    Message,
    Secret,
    Submission,
    SubmissionCount,
)

Table = type[Model]
BLOCK_ROWS = 5_000
KEYS: dict[Table, tuple[str, ...]] = {
    Submission: ("id",),
    Message: ("sent_at", "id"),
    AuditEntry: ("id",),
}
"""Keys that long tables are cut by; those of BY_ACCOUNT within an account."""
BY_ACCOUNT = (Submission, SubmissionCount, Message)
DIGEST_OCTETS = 16
ACCOUNTS_SQL = "SELECT id FROM account ORDER BY id"


class Block(NamedTuple):
    """Rows of a table under a condition, and a function that reads them from the snapshot.
    `account_id` is None if they belong to no single account."""

    table: Table
    condition: str
    parameters: Sequence[Any]
    rows: Callable[[], Iterable[Row]]
    account_id: int | None = None


class Digest(NamedTuple):
    """Number of rows, and the sum of their digests, which does not depend on their order."""

    rows: int
    sum: int


def row_blocks(snapshot: Snapshot, *, open_ended: bool = True) -> Iterator[Block]:
    """The blocks of all tables; rows refer to earlier blocks only. Unless `open_ended`, the last
    block of the audit ends with the snapshot's last entry."""
    accounts = [account_id for (account_id,) in snapshot.query(ACCOUNTS_SQL, ())]
    for table in TABLES:
        for account_id in accounts if table in BY_ACCOUNT else [None]:
            if table in KEYS:
                is_open = open_ended or table in BY_ACCOUNT
                yield from _cut(snapshot, table, KEYS[table], account_id, is_open)
            else:
                yield table_block(snapshot, table, account_id)


def table_block(snapshot: Snapshot, table: Table, account_id: int | None = None) -> Block:
    """A whole table, or the rows of an account, as one block."""
    condition, parameters = _of_account(table, account_id)
    sql = _select(table, condition)

    def rows() -> Iterator[Row]:
        return _normalized(table, snapshot.query(sql, parameters))

    return Block(table, condition, parameters, rows, account_id)


def _cut(
    snapshot: Snapshot, table: Table, key: Sequence[str], account_id: int | None, open_ended: bool
) -> Iterator[Block]:
    condition, parameters = _of_account(table, account_id)
    sql = f"{_select(table, condition)} ORDER BY {', '.join(key)}"
    rows = _normalized(table, snapshot.query(sql, parameters))
    after: list[Any] | None = None
    batch = list(islice(rows, BLOCK_ROWS))
    while True:
        following = list(islice(rows, BLOCK_ROWS))
        is_last = not following
        until = None
        if batch and not (is_last and open_ended):
            last = dict(zip(columns_of(table), batch[-1], strict=True))
            until = [last[name] for name in key]
        bounds, values = _bounds(key, after, until)
        yield Block(
            table, f"{condition}{bounds}", (*parameters, *values), batch.__iter__, account_id
        )
        if is_last:
            return
        batch, after = following, until


def _bounds(
    key: Sequence[str], after: Sequence[Any] | None, until: Sequence[Any] | None
) -> tuple[str, list[Any]]:
    """A condition on keys after one up to another, and its parameters. It repeats the first column
    alone, by which PostgreSQL finds a partition."""
    condition, values = "", []
    names, marks = ", ".join(key), ", ".join("?" * len(key))
    for bound, operator, first_operator in ((after, ">", ">="), (until, "<=", "<=")):
        if bound is not None:
            condition += f" AND ({names}) {operator} ({marks}) AND {key[0]} {first_operator} ?"
            values += [*bound, bound[0]]
    return condition, values


def _of_account(table: Table, account_id: int | None) -> tuple[str, tuple[int, ...]]:
    if account_id is None:
        return compared_rows(table), ()
    return "account_id = ?", (account_id,)


def compared_rows(table: Table) -> str:
    """SQL condition of the rows that are compared: without those about the store itself."""
    return f"name NOT IN ('to_wipe', '{COPIED_FROM}')" if table is Secret else "1 = 1"


def _select(table: Table, condition: str) -> str:
    return f"SELECT {', '.join(columns_of(table))} FROM {table._meta.table_name} WHERE {condition}"


def _normalized(table: Table, rows: Iterable[Row]) -> Iterator[Row]:
    """Rows with booleans for SQLite's 0 and 1."""
    fields = table._meta.sorted_fields
    indexes = [index for index, field in enumerate(fields) if isinstance(field, BooleanField)]
    if not indexes:
        return iter(rows)
    return (_with_booleans(list(row), indexes) for row in rows)


def _with_booleans(row: list[Any], indexes: Sequence[int]) -> Row:
    for index in indexes:
        row[index] = bool(row[index])
    return tuple(row)


def target_rows(database: StoreDatabase, block: Block) -> Iterator[Row]:
    """Rows of a block in another store. Not inside a transaction."""
    sql = _select(block.table, block.condition)
    with closing(database.snapshot()) as snapshot:
        yield from _normalized(block.table, snapshot.query(sql, block.parameters))


def count_rows(database: StoreDatabase, table: Table) -> int:
    """Number of compared rows of a table."""
    sql = f"SELECT count(*) FROM {table._meta.table_name} WHERE {compared_rows(table)}"
    return int(database.scalar(sql))


def digest_of(rows: Iterable[Row]) -> Digest:
    """The digest of rows, read one by one. U+0000, of old SQLite stores, counts as U+FFFD."""
    count = total = 0
    for row in rows:
        count += 1
        octets = repr(row).replace(r"\x00", "\ufffd").encode("utf-8", "surrogatepass")
        total += int.from_bytes(blake2b(octets, digest_size=DIGEST_OCTETS).digest())
    return Digest(count, total % (1 << 8 * DIGEST_OCTETS))
