"""Copying a store into another place, of any engine, while the one that is copied goes on.

Each pass walks one state of the source, compares every block with the target, and replaces what is
not the same. So a copy that was killed is taken up where it was, and a pass that found nothing to
replace has verified all of it. Until then the target says of itself what it is a copy of.
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
from boxis_gateway.store.transfer.load import Brought, Progress, bring, compared, no_progress
from boxis_gateway.store.transfer.restore import SEALED_SQL
from boxis_gateway.store.transfer.row_blocks import count_there

PASSES = 5  # then whoever writes to the source has to be stopped
ADD_MARK_SQL = f"INSERT INTO secret (name, value) VALUES ('{COPIED_FROM}', ?)"
END_MARK_SQL = f"DELETE FROM secret WHERE name = '{COPIED_FROM}'"


class Copied(NamedTuple):
    """What both sides have, compared; and whether the target had all of it before."""

    rows: int
    tables: int
    messages: int
    was_there: bool


def copy(source: Store, target: Store, progress: Progress = no_progress) -> Copied:
    """Make the target as the source, which is only read, and compare the two.

    Raises StoreError if that cannot be done, if the target has something else, or if somebody
    writes to the source all the time: then what is copied stays, for a later run."""
    source.require_current()
    if is_one(source, target):
        raise StoreError(f"{target.name} is the source itself. Name another place.")
    _require_opens(source, target)
    with translate_errors():
        goes_on = _prepare(source, target)
    if not goes_on:
        return _compare(source, target)
    with target.database.without_foreign_keys():
        brought = _bring(source, target, progress)
    _finish(source, target, brought)
    return _copied(brought.rows, was_there=False)


def is_one(source: Store, target: Store) -> bool:
    """Whether both are the same store."""
    if source.file and target.file:
        return is_same_file(source.file, target.file)
    return source.name == target.name


def _require_opens(source: Store, target: Store) -> None:
    """Secrets are copied as they are. Raises StoreError unless the target's keys open them."""
    with translate_errors():
        sealed = [one for (one,) in source.database.execute_sql(SEALED_SQL, ())]
    if not all(map(target.vault.opens, sealed)):
        raise StoreError(
            f"The keys in {target.vault.keys.place}, which {target.name} is to be used with, do "
            f"not open the secrets of {source.name}. Put the keys of that store there, or add them "
            "behind the others."
        )


def _prepare(source: Store, target: Store) -> bool:
    """Make the tables if there are none; whether the target is to get what the source has."""
    target.create()
    target.require_known()
    if not target.database.get_tables():
        target.migrate(recorded=False)
    of = target.require_tables().unfinished_copy_of()
    if of and of != _name(source):
        raise StoreError(
            f"{target.name} is a copy of {of} that has not come to its end. Run that copy again, "
            "or name an empty place."
        )
    if not of and _is_empty(target):
        with target.database.atomic():
            target.database.execute_sql(ADD_MARK_SQL, (_name(source),))
        return True
    return bool(of)


def _name(store: Store) -> str:
    return str(store.file.absolute()) if store.file else store.name


def _is_empty(store: Store) -> bool:
    """Whether nobody has used it: it may have been made by `init`."""
    used = [table for table in TABLES if table not in (Secret, AuditEntry)]
    return not any(count_there(store.database, table) for table in used)


def _bring(source: Store, target: Store, progress: Progress) -> Brought:
    """Pass after pass, until one has found all as it is in the source."""
    for _ in range(PASSES):
        with _snapshot(source) as snapshot:
            brought = bring(snapshot, target.database, progress)
        if not brought.replaced:
            return brought
    raise StoreError(
        f"{brought.rows.total()} rows are copied, but somebody goes on writing to {source.name}. "
        "Stop that, and run this again: it copies what is new."
    )


def _finish(source: Store, target: Store, brought: Brought) -> None:
    """From now on the target is a store of its own."""
    messages = brought.rows[Message._meta.table_name]
    with translate_errors(), target.database.atomic():
        target.database.execute_sql(END_MARK_SQL, ())
        details = {"messages": messages, "rows": brought.rows.total()}
        target.audit.record("store.copy", source.name, **details)
    target.maintenance.release_free_pages()


def _compare(source: Store, target: Store) -> Copied:
    """Of a target that is a store of its own. Its audit has gone on, by the entry of the copy."""
    rows = Counter[str]()
    with _snapshot(source) as snapshot:
        for block, here, there in compared(snapshot, target.database, to_the_end=False):
            if here != there:
                raise StoreError(
                    f"{target.name} is a store of its own, with other rows than {source.name}. "
                    "Nothing of it is replaced. Name an empty place."
                )
            rows[block.table._meta.table_name] += here.rows
    return _copied(rows, was_there=True)


@contextmanager
def _snapshot(source: Store) -> Iterator[Snapshot]:
    with translate_errors(), closing(source.database.snapshot()) as snapshot:
        yield snapshot


def _copied(rows: Counter[str], *, was_there: bool) -> Copied:
    return Copied(rows.total(), len(TABLES), rows[Message._meta.table_name], was_there)
