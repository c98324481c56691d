"""Restoring: a store gets the state of a backup, in one transaction, beside those who read it.

All that is to be the new state is put together in a copy: the backup, migrated, and what must not
get lost with the store that it replaces. Then the pages of the copy go into the store through
SQLite's backup API, which is a write like any other to who else has the store open. A store that is
no file gets the rows of the copy instead (row_backup.py).
"""

from __future__ import annotations

from contextlib import AbstractContextManager, closing
from pathlib import Path
from tempfile import gettempdir
from typing import NamedTuple

import apsw

from boxis_gateway.errors import StoreError
from boxis_gateway.store.atomic_files import is_same_file, replacement_file
from boxis_gateway.store.engines.sqlite.snapshots import (
    Progress,
    copy_file,
    copy_pages,
    count_of,
    damage_of,
    no_progress,
    reading,
    replacing,
    translate_file_errors,
)
from boxis_gateway.store.secrets.vault import Vault
from boxis_gateway.store.store import Store
from boxis_gateway.store.transfer.row_backup import Kept, replace_rows

CHECKPOINT_SECONDS = 1.0  # then the next writer does it
SECRETS_DIFFER_SQL = """
    SELECT EXISTS (
        SELECT 1 FROM main.secret AS ours JOIN before.secret AS theirs USING (name)
        WHERE ours.value <> theirs.value AND name = 'erased_number'
    )
"""
SEALED_SQL = """
    SELECT value FROM secret WHERE name = 'key_check' UNION ALL SELECT sealed_key FROM account
"""
HAS_SEALED_SQL = "SELECT count(*) FROM pragma_table_info('account') WHERE name = 'sealed_key'"
ERASED_SINCE_SQL = """
    SELECT count(*) FROM before.erased_number
    WHERE digest NOT IN (SELECT digest FROM main.erased_number)
"""
KEEP_ERASED_SQL = """
    INSERT OR IGNORE INTO main.secret SELECT * FROM before.secret WHERE name = 'erased_number';
    INSERT OR IGNORE INTO main.erased_number SELECT * FROM before.erased_number;
"""
KEEP_AUDIT_SQL = """
    INSERT INTO main.audit_entry SELECT * FROM before.audit_entry
    WHERE id > (SELECT coalesce(max(id), 0) FROM main.audit_entry) AND NOT EXISTS (
        SELECT * FROM main.audit_entry EXCEPT SELECT * FROM before.audit_entry
    )
"""


class Restored(NamedTuple):
    """What a store has now, and which migrations the backup needed. `erased_since` are numbers that
    were erased after the backup was made: imports still leave them out, but the messages of the
    backup are here. `forgotten` are numbers whose erasure could not be kept."""

    messages: int
    migrations: list[str]
    erased_since: int
    forgotten: int


def restore(
    store: Store, file: Path, *, replace: bool = False, progress: Progress = no_progress
) -> Restored:
    """Bring the store to the state of a backup, or make it so if there is none.

    Raises StoreError, and leaves the store as it was, if the backup cannot be used or the store has
    messages and is not to be replaced."""
    if store.file and is_same_file(store.file, file):
        raise StoreError(f"{file} is the store itself. Name a backup.")
    with reading(file, at_rest=True) as backup:
        _require_whole(backup, file)
        _require_opens(store.vault, backup, file)
        store.create()
        store.require_known()
        room = store.file or Path(gettempdir(), file.name)
        with replacement_file(room) as part, _explained(store):
            if store.file:
                _require_replaceable(store.database.connection(), "main", store.file, replace)
            copy_file(backup, part)
            with closing(Store(f"sqlite:///{part}", vault=store.vault)) as copy:
                if store.file:
                    return _replace(store, copy, file, replace, progress)
                return _replace_rows(store, copy, file, replace)


def _explained(store: Store) -> AbstractContextManager[None]:
    return translate_file_errors(f"The store {store.name} cannot be replaced")


def _require_whole(backup: apsw.Connection, file: Path) -> None:
    damage = damage_of(backup)
    if damage:
        raise StoreError(f"The backup {file} is damaged: {damage}. Take another one.")


def _require_opens(vault: Vault, backup: apsw.Connection, file: Path) -> None:
    """Backups of older versions have nothing that is encrypted."""
    if not backup.execute(HAS_SEALED_SQL).get:
        return
    if not all(vault.opens(sealed) for (sealed,) in backup.execute(SEALED_SQL)):
        raise StoreError(
            f"The keys in {vault.keys.place} do not open the backup {file}. Add the key of that "
            "time behind the others."
        )


def _require_replaceable(
    connection: apsw.Connection, schema: str, path: Path, replace: bool
) -> None:
    if replace or "message" not in _tables(connection, schema):
        return
    if connection.execute(f"SELECT EXISTS (SELECT 1 FROM {schema}.message)").get:
        raise StoreError(f"The store {path} has messages. Add --force to replace them all.")


def _tables(connection: apsw.Connection, schema: str) -> set[str]:
    rows = connection.execute(f"SELECT name FROM {schema}.sqlite_master WHERE type = 'table'")
    return {name for (name,) in rows}


def _replace(store: Store, copy: Store, file: Path, replace: bool, progress: Progress) -> Restored:
    migrations = copy.migrate(recorded=False)
    source, target = copy.database.connection(), store.database.connection()
    _take_page_size(source, target)
    source.execute("ATTACH ? AS before", (str(store.path),))
    with replacing(target, source) as backup:
        _require_replaceable(source, "before", store.path, replace)
        kept = _keep(source)
        messages = count_of(source, "main.message")
        details = {"messages": messages, "migrations": len(migrations)}
        copy.audit.record("store.restore", file.name, **details)
        copy_pages(backup, progress)
    target.set_busy_timeout(int(CHECKPOINT_SECONDS * 1000))
    target.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    return Restored(messages, migrations, *kept)


def _replace_rows(store: Store, copy: Store, file: Path, replace: bool) -> Restored:
    migrations = copy.migrate(recorded=False)
    messages, kept = replace_rows(store, copy, file.name, len(migrations), replace)
    return Restored(messages, migrations, *kept)


def _take_page_size(source: apsw.Connection, target: apsw.Connection) -> None:
    """Pages can be copied to a store in use if they are of its size."""
    size = target.execute("PRAGMA page_size").get
    if size != source.execute("PRAGMA page_size").get:
        source.execute("PRAGMA journal_mode = DELETE").fetchall()
        source.execute(f"PRAGMA page_size = {size}; VACUUM").fetchall()


def _keep(source: apsw.Connection) -> Kept:
    """Put into the copy what the store that is replaced knows alone: numbers that were erased, and
    who did what since (if it is the store that the backup was made of)."""
    if not {"audit_entry", "erased_number", "secret"} <= _tables(source, "before"):
        return Kept()
    source.execute(KEEP_AUDIT_SQL).fetchall()
    if source.execute(SECRETS_DIFFER_SQL).get:
        return Kept(forgotten=count_of(source, "before.erased_number"))
    erased_since = int(source.execute(ERASED_SINCE_SQL).get)
    source.execute(KEEP_ERASED_SQL).fetchall()
    return Kept(erased_since)
