"""Rows in every table of a store, to be compared with those of a copy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import cycle
from typing import Any

from peewee import Model

from boxis_gateway.store import Store
from boxis_gateway.store.tables import TABLES
from boxis_gateway.store.transfer import row_blocks

ODD = ("żółć", "a\0b", "\0", "\ufdd0", "\ufdd1\ufdd2", "\ufdd1", "\ufffe", "'\"\\\n\t\\N", "😀", "")
AT, LATER = "2012-05-09 12:00:00", "2012-05-09 12:00:00.001"


def all_rows(store: Store) -> dict[str, list[str]]:
    """Every row, by table; U+FFFD stands for U+0000."""
    snapshot = store.database.snapshot()
    try:
        found: dict[str, list[str]] = {}
        for table in TABLES:
            block = row_blocks.table_block(snapshot, table)
            texts = (repr(row).replace(r"\x00", "\ufffd") for row in block.rows())
            found[table._meta.table_name] = sorted(texts)
        return found
    finally:
        snapshot.close()


def without_transfers(found: dict[str, list[str]]) -> dict[str, list[str]]:
    """All rows but audit entries of copies, backups and restores."""
    own = ("'store.copy'", "'store.backup'", "'store.restore'")
    entries = [row for row in found["audit_entry"] if not any(action in row for action in own)]
    return {**found, "audit_entry": entries}


def fill(store: Store, texts: Sequence[str] = ODD) -> None:
    """Rows in every table, with these texts wherever one may be."""
    words = cycle(texts)
    keyed = [f"{text}{n}" for n, text in enumerate(texts)]  # texts of keys differ

    def put(table: type[Model], *given: tuple[Any, ...]) -> None:
        store.database.bulk_inserter(table).insert(given)

    tables = {table._meta.table_name: table for table in TABLES}
    store.database.ensure_partitions([AT])
    with store.database.atomic():
        for name, made in _made(keyed, words).items():
            put(tables[name], *made)


def _made(keyed: Sequence[str], words: Iterator[str]) -> dict[str, list[tuple[Any, ...]]]:
    ids = [f"{n:024x}" for n in range(len(keyed))]
    numbered = list(enumerate(keyed, 1))
    big = (1 << 63) - 1
    return {
        "customer": [(one, next(words), AT, None) for one in ids],
        "account": [
            (n, ids[0], next(words), one, next(words), n % 2 == 0, "{}", AT) for n, one in numbered
        ],
        "sender_name": [(1, one[:20], n) for n, one in numbered],
        "submission": [
            (
                *(n, big - n, next(words), next(words), AT, None, n % 2 == 0, True, next(words)),
                *(AT, LATER, -big - 1, 0, None, ids[0], one),
            )
            for n, one in numbered
        ],
        "submission_count": [(1, one, "2012-05", next(words), n) for n, one in numbered],
        "message": [
            (
                *(n, at, big - n, big - n, next(words), next(words), 1, 1500, "sent", "sent"),
                *(LATER, None if at == AT else one, -n, big),
            )
            for at in (AT, LATER)
            for n, one in numbered
        ],
        "delivery_report": [(n, -n, "sent", AT, LATER) for n, _ in numbered],
        "followed_log": [(one, 7, next(words), 1 << 40, 1, None) for one in keyed],
        "audit_entry": [
            (n + 1, AT, next(words), next(words), next(words), one, "{}") for n, one in numbered
        ],
        "erased_number": [(one, AT) for one in keyed],
        "secret": [("erased_number", next(words))],
        "employee": [
            (one, ids[0], next(words), next(words), key, None, "VIEWER", "ENABLED", AT)
            for one, key in zip(ids, keyed, strict=True)
        ],
        "token": [(one, ids[0], n % 2 == 0, AT, None, next(words)) for n, one in numbered],
        "contact": [(ids[0], one, next(words)) for one in keyed],
        "contact_group": [(one, ids[0], next(words)) for one in ids],
        "group_member": [(ids[0], one) for one in keyed],
    }


def opened(store: Store) -> Store:
    """The store, with keys that open the texts of `fill`."""
    store.vault.opens = lambda sealed: True  # type: ignore[method-assign]
    return store
