"""Backups: a SQLite file of one state of a store in use."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from boxis_gateway.errors import StoreError
from boxis_gateway.store.atomic_files import fsync, is_same_file
from boxis_gateway.store.engines.errors import translate_errors
from boxis_gateway.store.engines.schema_version import is_current
from boxis_gateway.store.engines.sqlite.store_file import (
    copy_to_file,
    count_rows,
    open_read_only,
    quick_check,
    translate_file_errors,
    user_version,
)
from boxis_gateway.store.store import Store
from boxis_gateway.store.target_files import target_file
from boxis_gateway.store.transfer.load import load


class BackedUp(NamedTuple):
    """Size of a backup."""

    messages: int
    octets: int


def back_up(store: Store, file: Path, *, replace: bool = False) -> BackedUp:
    """Copy the store to the file: whole and closed to other users, or absent. The file is a store
    itself. A SQLite store of an older version is copied as it is.

    Raises StoreError if that fails, or if the file exists and `replace` is false."""
    store.require_not_newer()
    if store.file and is_same_file(store.file, file):
        raise StoreError(f"{file} is the store itself. Choose another file.")
    with (
        translate_file_errors(f"{file} cannot be made"),
        target_file(file, store.own_files(), replace=replace, is_backup=True) as part,
    ):
        copy = _copy_pages if store.file else _copy_rows
        messages = copy(store, part, f"The backup {file} cannot be made")
    made = BackedUp(messages, file.stat().st_size)
    _record(store, file, made)
    return made


def _copy_pages(store: Store, part: Path, failure: str) -> int:
    """Copy the file by SQLite's backup API, and check the copy; the number of messages."""
    with open_read_only(store.path) as source:
        with translate_file_errors(failure):
            copy_to_file(source, part)
        with open_read_only(part, at_rest=True) as copy:
            if damage := quick_check(copy):
                raise StoreError(
                    f"The store {store.name} is damaged, so no backup was made: {damage}. "
                    "Run 'boxis-gateway verify'."
                )
            _require_equal(user_version(copy) == user_version(source), store)
            return count_rows(copy, "message")


def _copy_rows(store: Store, part: Path, failure: str) -> int:
    """Copy the rows of one snapshot, and compare them; the number of messages."""
    store.require_current()
    with translate_file_errors(failure):
        with closing(Store(f"sqlite:///{part}", vault=store.vault)) as copy:
            copy.create()
            copy.migrate(recorded=False)
            copy.database.execute_sql("PRAGMA synchronous = OFF")  # synced as a whole
            with (
                translate_errors(),
                closing(store.database.snapshot()) as snapshot,
                copy.database.without_foreign_keys(),
            ):
                load(snapshot, copy.database)
                loaded = load(snapshot, copy.database)
            _require_equal(not loaded.replaced, store)
            copy.database.execute_sql("PRAGMA journal_mode = DELETE")  # one file, without a -wal
        fsync(part)
    return loaded.rows["message"]


def _require_equal(is_equal: bool, store: Store) -> None:
    if not is_equal:
        raise StoreError(f"The copy differs from {store.name}. Check the disk.")


def _record(store: Store, file: Path, made: BackedUp) -> None:
    """Stores of older versions may have no audit."""
    try:
        with translate_errors(), store.database.atomic():
            if is_current(store.database):
                store.audit.record("store.backup", file.name, messages=made.messages)
    except StoreError as problem:
        raise StoreError(f"{file} is made, but not recorded in the audit. {problem}") from None
