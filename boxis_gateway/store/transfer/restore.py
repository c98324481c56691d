"""Restoring a backup in one transaction, beside readers.

The new state is made in a temporary store: the backup, migrated, with what has to outlive the store
that it replaces. A SQLite store then gets its pages by SQLite's backup API, a store in PostgreSQL
its rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import chain
from pathlib import Path
from tempfile import gettempdir
from typing import NamedTuple

import apsw

from boxis_gateway.errors import StoreError
from boxis_gateway.store.atomic_files import is_same_file, replacement_file
from boxis_gateway.store.engines.base import BATCH_ROWS, EVERY_ACCOUNT, Row, StoreDatabase
from boxis_gateway.store.engines.errors import translate_errors
from boxis_gateway.store.engines.sqlite.database import SqliteDatabase
from boxis_gateway.store.engines.sqlite.store_file import (
    copy_pages,
    copy_to_file,
    online_backup,
    open_read_only,
    quick_check,
    translate_file_errors,
)
from boxis_gateway.store.secrets.vault import Vault
from boxis_gateway.store.store import Store
from boxis_gateway.store.tables import AuditEntry, ErasedNumber, Secret
from boxis_gateway.store.transfer.load import replace_all
from boxis_gateway.store.transfer.row_blocks import Digest, digest_of

CHECKPOINT_SECONDS = 1.0  # then the next writer does it
SEALED_SQL = """
    SELECT value FROM secret WHERE name = 'key_check' UNION ALL SELECT sealed_key FROM account
"""
HAS_SEALED_SQL = "SELECT count(*) FROM pragma_table_info('account') WHERE name = 'sealed_key'"
HAS_MESSAGES_SQL = "SELECT EXISTS (SELECT 1 FROM message)"
MONTHS_SQL = "SELECT DISTINCT substr(sent_at, 1, 7) FROM message"
LAST_ENTRY_SQL = "SELECT coalesce(max(id), 0) FROM audit_entry"
ENTRIES_SQL = f"""
    SELECT id, at, who, origin, what, subject, details FROM audit_entry WHERE id > ? AND id <= ?
    ORDER BY id LIMIT {BATCH_ROWS}
"""
ERASED_SECRET_SQL = "SELECT name, value FROM secret WHERE name = 'erased_number'"
ERASED_SQL = "SELECT digest, erased_at FROM erased_number"


class Kept(NamedTuple):
    """Erased numbers of the replaced store: those that the backup lacked, and those that are lost
    because the backup has another secret."""

    erased_since: int = 0
    forgotten: int = 0


class Restored(NamedTuple):
    """Messages of the restored store, and the migrations that the backup needed. Imports still
    leave out the numbers `erased_since` the backup, but its messages of theirs are back."""

    messages: int
    migrations: list[str]
    erased_since: int
    forgotten: int


def restore(store: Store, file: Path, *, replace: bool = False) -> Restored:
    """Bring the store to the state of a backup, or create it.

    Raises StoreError, and leaves the store unchanged, if the backup is unusable, or if the store
    has messages and `replace` is false."""
    if store.file and is_same_file(store.file, file):
        raise StoreError(f"{file} is the store itself. Name a backup.")
    with open_read_only(file, at_rest=True) as backup:
        _require_whole(backup, file)
        _require_opens(store.vault, backup, file)
        store.create()
        store.require_not_newer()
        beside = store.file or Path(gettempdir(), file.name)
        with (
            replacement_file(beside) as part,
            translate_file_errors(f"The store {store.name} cannot be replaced"),
            translate_errors(),
        ):
            _require_replaceable(store.database, store.name, replace)
            copy_to_file(backup, part)
            with closing(Store(f"sqlite:///{part}", vault=store.vault)) as copy:
                return _replace(store, copy, file.name, replace)


def _require_whole(backup: apsw.Connection, file: Path) -> None:
    if damage := quick_check(backup):
        raise StoreError(f"The backup {file} is damaged: {damage}. Take another one.")


def _require_opens(vault: Vault, backup: apsw.Connection, file: Path) -> None:
    """Backups of older versions hold nothing encrypted."""
    if not backup.execute(HAS_SEALED_SQL).get:
        return
    if not all(vault.opens(sealed) for (sealed,) in backup.execute(SEALED_SQL)):
        raise StoreError(
            f"The keys in {vault.keys.location} do not open the backup {file}. Add the key of that "
            "time behind the others."
        )


def _require_replaceable(database: StoreDatabase, name: str, replace: bool) -> None:
    if replace or "message" not in database.get_tables():
        return
    if database.scalar(HAS_MESSAGES_SQL):
        raise StoreError(f"The store {name} has messages. Replace them all with --force.")


def _replace(store: Store, copy: Store, backup: str, replace: bool) -> Restored:
    migrations = copy.migrate(recorded=False)
    replacement = _replacing_pages if store.file else _replacing_rows
    with replacement(store, copy) as before:
        _require_replaceable(before, store.name, replace)
        kept = _keep(before, copy.database)
        messages = copy.database.scalar("SELECT count(*) FROM message")
        details = {"messages": messages, "migrations": len(migrations)}
        copy.audit.record("store.restore", backup, **details)
    return Restored(messages, migrations, *kept)


@contextmanager
def _replacing_pages(store: Store, copy: Store) -> Iterator[StoreDatabase]:
    """The store as it was, while nobody else writes; at the end it gets the pages of the copy."""
    source, target = copy.database.connection(), store.database.connection()
    _take_page_size(source, target)
    before = SqliteDatabase(store.path, pragmas={})
    with before.connection_context(), online_backup(target, source) as backup:
        yield before
        copy_pages(backup)
    target.set_busy_timeout(int(CHECKPOINT_SECONDS * 1000))
    target.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def _take_page_size(source: apsw.Connection, target: apsw.Connection) -> None:
    """Pages can be copied to a store in use only if they have its size."""
    size = target.execute("PRAGMA page_size").get
    if size != source.execute("PRAGMA page_size").get:
        source.execute("PRAGMA journal_mode = DELETE").fetchall()
        source.execute(f"PRAGMA page_size = {size}; VACUUM").fetchall()


@contextmanager
def _replacing_rows(store: Store, copy: Store) -> Iterator[StoreDatabase]:
    """The store as it was, while nobody else writes; at the end it gets the rows of the copy."""
    if not store.database.get_tables():
        store.migrate(recorded=False)
    store.require_current()
    months = copy.database.execute_sql(MONTHS_SQL).fetchall()
    store.database.ensure_partitions([month for (month,) in months])
    with store.database.write_transaction(EVERY_ACCOUNT):
        yield store.database
        with closing(copy.database.snapshot()) as snapshot:
            replace_all(snapshot, store.database)
    store.maintenance.release_free_pages()


def _keep(before: StoreDatabase, copy: StoreDatabase) -> Kept:
    """Add to the copy what only the replaced store has: audit entries and erased numbers."""
    if not {"audit_entry", "erased_number", "secret"} <= set(before.get_tables()):
        return Kept()
    with copy.atomic():
        _keep_audit(before, copy)
        erased = before.execute_sql(ERASED_SQL).fetchall()
        secret = copy.execute_sql(ERASED_SECRET_SQL).fetchall()
        secret_before = before.execute_sql(ERASED_SECRET_SQL).fetchall()
        if secret and secret_before and secret != secret_before:
            return Kept(forgotten=len(erased))
        known = {digest for digest, _ in copy.execute_sql(ERASED_SQL)}
        since = [(digest, at) for digest, at in erased if digest not in known]
        if not secret:
            copy.bulk_inserter(Secret).insert(secret_before)
        copy.bulk_inserter(ErasedNumber).insert(since)
        return Kept(erased_since=len(since))


def _keep_audit(before: StoreDatabase, copy: StoreDatabase) -> None:
    """Add the entries since the backup, if it was made of the replaced store."""
    last = copy.scalar(LAST_ENTRY_SQL)
    newest = before.scalar(LAST_ENTRY_SQL)
    if _digest_of_entries(before, last) == _digest_of_entries(copy, last):
        for entries in _entries(before, last, newest):
            copy.bulk_inserter(AuditEntry).insert(entries)


def _digest_of_entries(database: StoreDatabase, last: int) -> Digest:
    return digest_of(chain.from_iterable(_entries(database, 0, last)))


def _entries(database: StoreDatabase, after: int, last: int) -> Iterator[list[Row]]:
    while entries := database.execute_sql(ENTRIES_SQL, (after, last)).fetchall():
        yield entries
        *_, (after, *_) = entries
