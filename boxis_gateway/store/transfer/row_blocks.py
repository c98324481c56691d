"""The rows of a store in blocks, and digests of them: so stores of any two engines are compared.

A block is what a condition finds in a table, on either side. Together the blocks of a store are all
that its tables can hold, rows that only the other side has included. What may be long is cut by its
key, of numbers and times alone, which every engine puts into the same order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from hashlib import blake2b
from itertools import islice
from typing import Any, NamedTuple

from peewee import BooleanField, Model

from boxis_gateway.store.engines.base import Row, Snapshot, StoreDatabase
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
BLOCK_ROWS = 5_000  # of what is cut
KEYS: dict[Table, tuple[str, ...]] = {
    Submission: ("id",),
    Message: ("sent_at", "id"),
    AuditEntry: ("id",),
}
"""What tables are cut by, within an account if it is one of BY_ACCOUNT."""
BY_ACCOUNT = (Submission, SubmissionCount, Message)
OF_ITS_OWN: dict[type[Model], str] = {Secret: f"name NOT IN ('to_wipe', '{COPIED_FROM}')"}
"""Which rows are compared, of tables that say something of the store itself too."""
DIGEST_OCTETS = 16
ACCOUNTS_SQL = "SELECT id FROM account ORDER BY id"


class Block(NamedTuple):
    """A part of a table, by a condition and its parameters, and how to read its rows in the store
    that is walked. `account_id` is of whom they are, if they are of an account."""

    table: Table
    condition: str
    parameters: Sequence[Any]
    rows: Callable[[], Iterable[Row]]
    account_id: int | None = None


class Digest(NamedTuple):
    """How many rows, and the sum of their digests: the same in whatever order they come."""

    rows: int
    sum: int


def blocks(snapshot: Snapshot, *, to_the_end: bool = True) -> Iterator[Block]:
    """The blocks of all tables, in an order in which rows refer to earlier ones. `to_the_end` is
    whether the last one of the audit has entries that only the other side has."""
    accounts = [account_id for (account_id,) in snapshot.walk(ACCOUNTS_SQL, ())]
    for table in TABLES:
        if table in BY_ACCOUNT:
            for account_id in accounts:
                yield from _of(snapshot, table, account_id)
        elif table in KEYS:
            yield from _cut(snapshot, table, KEYS[table], None, to_the_end)
        else:
            yield whole(snapshot, table)


def _of(snapshot: Snapshot, table: Table, account_id: int) -> Iterator[Block]:
    if table in KEYS:
        yield from _cut(snapshot, table, KEYS[table], account_id)
    else:
        yield whole(snapshot, table, account_id)


def whole(snapshot: Snapshot, table: Table, account_id: int | None = None) -> Block:
    """A table, or what an account has in it, as one block."""
    condition, parameters = _of_account(table, account_id)
    sql = _select(table, condition)

    def rows() -> Iterator[Row]:
        return _normal(table, snapshot.walk(sql, parameters))

    return Block(table, condition, parameters, rows, account_id)


def _cut(
    snapshot: Snapshot,
    table: Table,
    key: Sequence[str],
    account_id: int | None,
    to_the_end: bool = True,
) -> Iterator[Block]:
    condition, parameters = _of_account(table, account_id)
    sql = f"{_select(table, condition)} ORDER BY {', '.join(key)}"
    rows = _normal(table, snapshot.walk(sql, parameters))
    places = [columns_of(table).index(name) for name in key]
    after: list[Any] | None = None
    cut = list(islice(rows, BLOCK_ROWS))
    while True:
        following = list(islice(rows, BLOCK_ROWS))
        is_open = not following and to_the_end
        until = None if is_open or not cut else [cut[-1][place] for place in places]
        words, values = _between(key, after, until)
        between = (f"{condition}{words}", (*parameters, *values))
        yield Block(table, *between, cut.__iter__, account_id)
        if not following:
            return
        cut, after = following, until


def _between(
    key: Sequence[str], after: Sequence[Any] | None, until: Sequence[Any] | None
) -> tuple[str, list[Any]]:
    """What is behind one key up to another. Its first column is compared alone too: a partition is
    found by that."""
    words, values = "", []
    names, places = ", ".join(key), ", ".join("?" * len(key))
    for bound, more, most in ((after, ">", ">="), (until, "<=", "<=")):
        if bound is not None:
            words += f" AND ({names}) {more} ({places}) AND {key[0]} {most} ?"
            values += [*bound, bound[0]]
    return words, values


def _of_account(table: Table, account_id: int | None) -> tuple[str, tuple[int, ...]]:
    if account_id is None:
        return OF_ITS_OWN.get(table, "1 = 1"), ()
    return "account_id = ?", (account_id,)


def columns_of(table: Table) -> list[str]:
    """Their names, in the order in which rows are read and inserted."""
    return [field.column_name for field in table._meta.sorted_fields]


def _select(table: Table, condition: str) -> str:
    return f"SELECT {', '.join(columns_of(table))} FROM {table._meta.table_name} WHERE {condition}"


def _normal(table: Table, rows: Iterable[Row]) -> Iterator[Row]:
    """Rows as every engine would tell them."""
    fields = table._meta.sorted_fields
    places = [n for n, field in enumerate(fields) if isinstance(field, BooleanField)]
    if not places:
        return iter(rows)
    return (_with_booleans(list(row), places) for row in rows)


def _with_booleans(row: list[Any], places: Sequence[int]) -> Row:
    for place in places:
        row[place] = bool(row[place])
    return tuple(row)


def rows_there(database: StoreDatabase, block: Block) -> Iterator[Row]:
    """What another store has of a block. Not inside a transaction."""
    sql = _select(block.table, block.condition)
    for batch in database.stream(sql, block.parameters):
        yield from _normal(block.table, batch)


def count_there(database: StoreDatabase, table: Table) -> int:
    """How many rows of a table are compared."""
    sql = f"SELECT count(*) FROM {table._meta.table_name} WHERE {OF_ITS_OWN.get(table, '1 = 1')}"
    return int(database.execute_sql(sql, ()).fetchone()[0])


def digest_of(rows: Iterable[Row]) -> Digest:
    """The digest of rows, read as they come."""
    count = total = 0
    for row in rows:
        count += 1
        octets = repr(row).encode("utf-8", "surrogatepass")
        total += int.from_bytes(blake2b(octets, digest_size=DIGEST_OCTETS).digest())
    return Digest(count, total % (1 << 8 * DIGEST_OCTETS))
