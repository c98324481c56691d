"""Backups: a copy of one state of a store, made while others read and write."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

import apsw

from boxis_gateway.errors import StoreError
from boxis_gateway.store.atomic_files import is_same_file, replacement_file, sync
from boxis_gateway.store.engines.errors import translate_errors
from boxis_gateway.store.engines.schema_version import is_current
from boxis_gateway.store.engines.sqlite.snapshots import (
    Progress,
    copy_file,
    count_of,
    damage_of,
    no_progress,
    reading,
    translate_file_errors,
    user_version,
)
from boxis_gateway.store.store import Store
from boxis_gateway.store.transfer.row_backup import write_file


class BackedUp(NamedTuple):
    """What a backup has, and how many octets it takes."""

    messages: int
    octets: int


def back_up(
    store: Store, file: Path, *, replace: bool = False, progress: Progress = no_progress
) -> BackedUp:
    """Copy the store to the file, which is a store itself, whole and closed to other users, or is
    not there. A store of an older version is copied as it is.

    Raises StoreError if that cannot be done, or if the file is there and not to be replaced."""
    store.require_known()
    with translate_file_errors(f"{file} cannot be made"):
        _require_free(store, file, replace)
    with replacement_file(file) as part:
        if store.file is None:
            messages = _written(store, part, file)
        else:
            messages = _copied(store.file, part, file, progress)
        os.replace(part, file)
        sync(file.parent)
    made = BackedUp(messages, file.stat().st_size)
    _record(store, file, made)
    return made


def _copied(path: Path, part: Path, file: Path, progress: Progress) -> int:
    with reading(path) as source:
        with translate_file_errors(f"The backup {file} cannot be made"):
            copy_file(source, part, progress)
        return _checked(part, source, path)


def _written(store: Store, part: Path, file: Path) -> int:
    with translate_file_errors(f"The backup {file} cannot be made"):
        write_file(store, part)
        sync(part)
    with reading(part, at_rest=True) as copy:
        return count_of(copy, "message")


def _require_free(store: Store, file: Path, replace: bool) -> None:
    if store.file and is_same_file(store.file, file):
        raise StoreError(f"{file} is the store itself. Choose another file.")
    if file.exists() and not file.is_file():
        raise StoreError(f"{file} is a folder or a device. Name a file.")
    if file.exists() and not replace:
        raise StoreError(f"{file} is there already. Choose another, or replace it with --force.")


def _checked(part: Path, source: apsw.Connection, store: Path) -> int:
    """How many messages the copy has. Raises StoreError if it is not as it should be."""
    with reading(part, at_rest=True) as copy:
        damage = damage_of(copy)
        if damage:
            raise StoreError(
                f"The store {store} is damaged, so no backup was made: {damage}. "
                "'boxis-gateway verify' looks closer."
            )
        if user_version(copy) != user_version(source):
            raise StoreError(f"The copy is not as {store}. Check the disk.")
        return count_of(copy, "message")


def _record(store: Store, file: Path, made: BackedUp) -> None:
    """Older stores have no audit."""
    try:
        with translate_errors(), store.database.atomic():
            if is_current(store.database):
                store.audit.record("store.backup", file.name, messages=made.messages)
    except StoreError as problem:
        raise StoreError(f"{file} is made, but the audit does not say so. {problem}") from None
