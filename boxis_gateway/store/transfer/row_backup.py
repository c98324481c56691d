"""Backups of a store that is no file: one state of it as a store in SQLite, and back, by rows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from boxis_gateway.errors import StoreError
from boxis_gateway.store.engines.base import EVERY_ACCOUNT, ROWS_AT_ONCE, Row, StoreDatabase
from boxis_gateway.store.engines.errors import translate_errors
from boxis_gateway.store.store import Store
from boxis_gateway.store.tables import AuditEntry, ErasedNumber, Message, Secret
from boxis_gateway.store.transfer.load import bring, months_of, refill
from boxis_gateway.store.transfer.row_blocks import digest_of

HAS_MESSAGES_SQL = "SELECT EXISTS (SELECT 1 FROM message)"
LAST_ENTRY_SQL = "SELECT coalesce(max(id), 0) FROM audit_entry"
ENTRIES_SQL = f"""
    SELECT id, at, who, origin, what, subject, details FROM audit_entry WHERE id > ?
    ORDER BY id LIMIT {ROWS_AT_ONCE}
"""
SECRET_SQL = "SELECT value FROM secret WHERE name = 'erased_number'"
ERASED_SQL = "SELECT digest, erased_at FROM erased_number"


class Kept(NamedTuple):
    """Of the store that is replaced: numbers that were erased since the backup was made, and those
    whose erasure cannot be known any more."""

    erased_since: int = 0
    forgotten: int = 0


def write_file(store: Store, file: Path) -> None:
    """Make the empty file a store that has what the store has now, in one piece, and compare the
    two. Raises StoreError."""
    store.require_current()
    with closing(_file_store(file, store)) as copy, translate_errors():
        copy.create()
        copy.migrate(recorded=False)
        database = copy.database
        database.execute_sql("PRAGMA synchronous = OFF")  # the file is nobody's before it is whole
        with closing(store.database.snapshot()) as snapshot, database.without_foreign_keys():
            with database.atomic():
                refill(snapshot, database)
            if bring(snapshot, database).replaced:
                raise StoreError(f"The copy is not as {store.name}. Check the disk.")
        database.execute_sql("PRAGMA journal_mode = DELETE")


def _file_store(file: Path, like: Store) -> Store:
    return Store(f"sqlite:///{file}", vault=like.vault)


def replace_rows(
    store: Store, copy: Store, subject: str, migrations: int, replace: bool
) -> tuple[int, Kept]:
    """Give the store what the copy of a backup has, in one transaction; how many messages these
    are. Whoever reads goes on with the old state until then. Raises StoreError."""
    if not store.database.get_tables():
        store.migrate(recorded=False)
    store.require_current()
    database = store.database
    with translate_errors():
        require_replaceable(store, replace)
        with closing(copy.database.snapshot()) as snapshot:
            database.ensure_partitions([month for (month,) in months_of(snapshot)])
        with database.write_transaction(EVERY_ACCOUNT):
            require_replaceable(store, replace)
            messages = _messages(copy)
            with copy.database.atomic():
                kept = _keep(database, copy.database)
                details = {"messages": messages, "migrations": migrations}
                copy.audit.record("store.restore", subject, **details)
            with closing(copy.database.snapshot()) as snapshot:
                refill(snapshot, database)
        store.maintenance.release_free_pages()
    return messages, kept


def require_replaceable(store: Store, replace: bool) -> None:
    """Raises StoreError if there are messages that are not to be replaced."""
    if not replace and store.database.execute_sql(HAS_MESSAGES_SQL, ()).fetchone()[0]:
        raise StoreError(f"The store {store.name} has messages. Add --force to replace them all.")


def _messages(copy: Store) -> int:
    return int(
        copy.database.execute_sql(
            f"SELECT count(*) FROM {Message._meta.table_name}", ()
        ).fetchone()[0]
    )


def _keep(before: StoreDatabase, copy: StoreDatabase) -> Kept:
    """Put into the copy what the store that is replaced knows alone."""
    _keep_audit(before, copy)
    ours, theirs = _secret(copy), _secret(before)
    numbers = list(before.execute_sql(ERASED_SQL, ()))
    if ours and theirs and ours != theirs:
        return Kept(forgotten=len(numbers))
    known = {digest for digest, _ in copy.execute_sql(ERASED_SQL, ())}
    since = [row for row in numbers if row[0] not in known]
    if theirs and not ours:
        copy.bulk_inserter(Secret).insert([(ErasedNumber._meta.table_name, theirs)])
    copy.bulk_inserter(ErasedNumber).insert(since)
    return Kept(erased_since=len(since))


def _secret(database: StoreDatabase) -> str:
    row = database.execute_sql(SECRET_SQL, ()).fetchone()
    return str(row[0]) if row else ""


def _keep_audit(before: StoreDatabase, copy: StoreDatabase) -> None:
    """Who did what since, if the backup was made of the store that is replaced."""
    last = int(copy.execute_sql(LAST_ENTRY_SQL, ()).fetchone()[0])
    ours = digest_of(_entries(copy, 0))
    if ours != digest_of(row for row in _entries(before, 0) if row[0] <= last):
        return
    into, since = copy.bulk_inserter(AuditEntry), _entries(before, last)
    while batch := list(islice(since, ROWS_AT_ONCE)):
        into.insert(batch)


def _entries(database: StoreDatabase, after: int) -> Iterator[Row]:
    while batch := list(database.execute_sql(ENTRIES_SQL, (after,))):
        yield from batch
        after = batch[-1][0]
