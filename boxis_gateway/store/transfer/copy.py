"""Copying a store into another, of any engine, while it is in use.

Each pass reads one state of the source, compares every block with the target, and replaces what
differs. So a copy that was killed continues where it was, and a pass that replaces nothing has
verified everything. Until then the target is marked as an unfinished copy of the source.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import NamedTuple

from boxis_gateway.errors import StoreError
from boxis_gateway.store.atomic_files import is_same_file
from boxis_gateway.store.engines.base import Snapshot
from boxis_gateway.store.engines.errors import translate_errors
from boxis_gateway.store.store import Store
from boxis_gateway.store.tables import COPIED_FROM, TABLES, AuditEntry, Message, Secret
from boxis_gateway.store.transfer.load import Loaded, Progress, compare, load, no_progress
from boxis_gateway.store.transfer.restore import SEALED_SQL
from boxis_gateway.store.transfer.row_blocks import count_rows

PASSES = 5  # then the writers of the source have to be stopped
ADD_MARK_SQL = f"INSERT INTO secret (name, value) VALUES ('{COPIED_FROM}', ?)"
REMOVE_MARK_SQL = f"DELETE FROM secret WHERE name = '{COPIED_FROM}'"


class Copied(NamedTuple):
    """Size of the compared stores. `was_there`: the target had everything before."""

    rows: int
    tables: int
    messages: int
    was_there: bool


def copy(source: Store, target: Store, progress: Progress = no_progress) -> Copied:
    """Make the target equal to the source, which is only read, and compare the two.

    Raises StoreError if that fails, if the target is another store, or if the source is written to
    without a pause: then what is copied stays, for a later run."""
    source.require_current()
    if _is_same_store(source, target):
        raise StoreError(f"{target.name} is the source itself. Name another target.")
    _require_opens(source, target)
    with translate_errors():
        is_unfinished = _prepare(source, target)
    if not is_unfinished:
        return _compare(source, target)
    with target.database.without_foreign_keys():
        loaded = _load(source, target, progress)
    _finish(source, target, loaded)
    return _copied(loaded.rows, was_there=False)


def _is_same_store(source: Store, target: Store) -> bool:
    if source.file and target.file:
        return is_same_file(source.file, target.file)
    return source.name == target.name


def _require_opens(source: Store, target: Store) -> None:
    """Secrets are copied encrypted. Raises StoreError unless the target's keys open them."""
    with translate_errors():
        sealed = [text for (text,) in source.database.execute_sql(SEALED_SQL)]
    if not all(map(target.vault.opens, sealed)):
        raise StoreError(
            f"The keys in {target.vault.keys.location}, for {target.name}, do not open the "
            f"secrets of {source.name}. Put the keys of that store there, or add them behind the "
            "others."
        )


def _prepare(source: Store, target: Store) -> bool:
    """Make the tables if there are none; true if the target is to be loaded."""
    target.create()
    target.require_not_newer()
    if not target.database.get_tables():
        target.migrate(recorded=False)
    origin = target.require_tables().unfinished_copy_of()
    if origin and origin != _name(source):
        raise StoreError(
            f"{target.name} is an unfinished copy of {origin}. Run that copy again, or name an "
            "empty target."
        )
    if not origin and _is_unused(target):
        with target.database.atomic():
            target.database.execute_sql(ADD_MARK_SQL, (_name(source),))
        return True
    return bool(origin)


def _name(store: Store) -> str:
    return str(store.file.absolute()) if store.file else store.name


def _is_unused(store: Store) -> bool:
    """True for a store that `init` has made and nobody has used."""
    used = [table for table in TABLES if table not in (Secret, AuditEntry)]
    return not any(count_rows(store.database, table) for table in used)


def _load(source: Store, target: Store, progress: Progress) -> Loaded:
    """Load state after state of the source, until nothing differs."""
    for _ in range(PASSES):
        with _snapshot(source) as snapshot:
            loaded = load(snapshot, target.database, progress)
        if not loaded.replaced:
            return loaded
    raise StoreError(
        f"{loaded.rows.total()} rows are copied, but {source.name} is still being written to. Stop "
        "the writers, and run this again: it copies what is new."
    )


def _finish(source: Store, target: Store, loaded: Loaded) -> None:
    """Make the target a store of its own."""
    details = {"messages": loaded.rows[Message._meta.table_name], "rows": loaded.rows.total()}
    with translate_errors(), target.database.atomic():
        target.database.execute_sql(REMOVE_MARK_SQL)
        target.audit.record("store.copy", source.name, **details)
    target.maintenance.release_free_pages()


def _compare(source: Store, target: Store) -> Copied:
    """Compare a finished copy, whose audit has gone on with the entry of the copy."""
    rows = Counter[str]()
    with _snapshot(source) as snapshot:
        for block, digest, target_digest in compare(snapshot, target.database, open_ended=False):
            if digest != target_digest:
                raise StoreError(
                    f"{target.name} is a store of its own, with other rows than {source.name}, and "
                    "stays as it is. Name an empty target."
                )
            rows[block.table._meta.table_name] += digest.rows
    return _copied(rows, was_there=True)


@contextmanager
def _snapshot(source: Store) -> Iterator[Snapshot]:
    with translate_errors(), closing(source.database.snapshot()) as snapshot:
        yield snapshot


def _copied(rows: Counter[str], *, was_there: bool) -> Copied:
    return Copied(rows.total(), len(TABLES), rows[Message._meta.table_name], was_there)
