"""Interface of an engine: its database, health, maintenance and schema.

To add an engine, derive these classes and Dialect (dialect.py), and add it to ENGINES in
engines/__init__.py. A method that raises NotImplementedError must be implemented; the others do
what an engine without that feature needs.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from math import inf
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from peewee import Database, Model, _savepoint

from boxis_gateway.store.engines.dialect import Dialect
from boxis_gateway.store.engines.errors import translate_errors
from boxis_gateway.store.engines.row_stream import Release, RowStream

Row = tuple[Any, ...]
"""A row of the store: values in the order of the query's columns."""
Parameters = Sequence[Any] | Mapping[str, Any]
EVERY_ACCOUNT = 0
NEW_ACCOUNT_SQL = "SELECT coalesce(max(id), 0) + 1 FROM account"
BATCH_ROWS = 1_000  # of one transaction of long work: other writers wait no longer than that


class BulkInserter(Protocol):
    """Fast way to insert rows of one table: every column, in the table's order."""

    def insert(self, rows: Sequence[Row]) -> None:
        """Insert the rows. Raises peewee's DatabaseError."""


class Snapshot(Protocol):
    """A single state of the store, held until `close`."""

    def query(self, sql: str, parameters: Parameters) -> Iterator[Row]:
        """The rows of a query, fetched as they are read."""

    def detach(self) -> Release:
        """StoreDatabase.detach of its connection."""

    def close(self) -> None:
        """Release the state; a second call does nothing."""


class Savepoint(_savepoint):
    """Savepoint with the one name of all, so that statement caches know it. Nested ones hide each
    other, therefore rolling back removes it, too."""

    def rollback(self, begin: bool = True) -> None:
        """Undo what was done since, and remove the savepoint."""
        super().rollback(begin=False)
        self.commit(begin)
        self.db.forget_uncommitted()


class StoreDatabase(Database):
    """Connections to a store, one for each thread, opened by the first use."""

    dialect: Dialect
    stream_seconds = 0
    """Longest time that a streamed answer may hold its transaction; 0 is no limit."""
    silent_seconds = inf
    """Time without a word from the server after which it counts as dead."""

    def __init__(self, *args: Any, **options: Any) -> None:
        self._detached: dict[Any, tuple[int, Release]] = {}
        super().__init__(*args, **options)

    def execute_sql(self, sql: str, params: Parameters | None = None) -> Any:
        """The cursor of a query, with less overhead than peewee's own method. Raises peewee's
        DatabaseError or InterfaceError."""
        raise NotImplementedError

    def scalar(self, sql: str, params: Parameters | None = None) -> Any:
        """The value of a query for one; None if there is no row."""
        (value,) = self.execute_sql(sql, params).fetchone() or (None,)
        return value

    def stream(self, sql: str, parameters: Sequence[Any]) -> RowStream[list[Row]]:
        """The rows of a query, which has run when this returns; dropping them releases the
        state."""
        raise NotImplementedError

    def bulk_inserter(self, table: type[Model]) -> BulkInserter:
        """The engine's fast way into a table."""
        raise NotImplementedError

    def ensure_partitions(self, times: Iterable[str]) -> None:
        """Create missing partitions for messages of these times. Call it before a long transaction
        that adds them."""

    def snapshot(self) -> Snapshot:
        """The current state, through this thread's connection."""
        raise NotImplementedError

    def new_account_id(self, customer_id: str) -> int:
        """A free id for an account of the customer. Call it in the transaction that adds it."""
        return int(self.scalar(NEW_ACCOUNT_SQL))

    def shard_of(self, account_id: int) -> int:
        """The shard of the account. One query may read accounts of one shard."""
        return 0

    def write_transaction(self, account_id: int) -> AbstractContextManager[Any]:
        """A transaction that changes messages of the account, or of EVERY_ACCOUNT, and keeps other
        writers of these out. It cannot be nested; only that of EVERY_ACCOUNT may change other
        tables as well."""
        raise NotImplementedError

    def savepoint(self) -> Savepoint:
        """A transaction inside another one."""
        return Savepoint(self, "inner")

    def write_queue(self, seconds: float) -> AbstractContextManager[None]:
        """The turn to write, which write transactions inside the context don't wait for again.
        Raises peewee's OperationalError after so many seconds."""
        return nullcontext()

    def group_transaction(
        self, account_ids: Sequence[int | None], seconds: float
    ) -> AbstractContextManager[Any]:
        """A transaction of a group of writes: it changes messages of these accounts, and other
        tables if None is among them. It waits so many seconds for a lock. Raises TransactionLost
        for an error of a statement that became known late."""
        raise NotImplementedError

    def lock_audit(self) -> None:
        """Exclude other entries of the audit until the transaction ends."""

    def has_transaction(self) -> bool:
        """True unless the transaction that this thread is in is lost, see TransactionLost."""
        raise NotImplementedError

    def forget_uncommitted(self) -> None:
        """Forget what was learnt in a transaction that is undone."""

    def read_transaction(self) -> AbstractContextManager[Any]:
        """A transaction whose queries all see one state."""
        raise NotImplementedError

    def message_transaction(self, account_id: int, *, dry_run: bool) -> AbstractContextManager[Any]:
        """`write_transaction`, but `read_transaction` for a dry run."""
        return self.read_transaction() if dry_run else self.write_transaction(account_id)

    def without_foreign_keys(self) -> AbstractContextManager[None]:
        """Suspend foreign keys, around transactions that load a whole store: rows may refer to
        later ones."""
        return nullcontext()

    def without_audit_triggers(self) -> AbstractContextManager[None]:
        """Let the audit be replaced. Use it inside a transaction."""
        raise NotImplementedError

    def version(self) -> int:
        """The number of migrations that made the tables."""
        raise NotImplementedError

    def detach(self, connection: Any) -> Release:
        """Take the connection out of use by its thread, for a stream that goes on reading; the
        thread's next query opens another. Returns the function that puts it back, which the last
        of its streams does."""
        streams, put_back = self._detached.get(connection) or (0, self._take_out(connection))
        self._detached[connection] = streams + 1, put_back
        return partial(self._reattach, connection)

    def _reattach(self, connection: Any) -> None:
        streams, put_back = self._detached.pop(connection)
        if streams > 1:
            self._detached[connection] = streams - 1, put_back
        else:
            put_back()

    def _take_out(self, connection: Any) -> Release:
        """Take the connection out of use. Returns the function that puts it back."""
        raise NotImplementedError

    def check_connection(self) -> None:
        """Close this thread's connection if it has become useless. Raises StoreError."""
        raise NotImplementedError

    on_outdated: Callable[[], bool] = staticmethod(lambda: True)
    """Called by `outdate_connections`: a thread that waits closes its connection. False if it could
    not."""

    def outdate_connections(self) -> bool:
        """Let each thread open its connection anew before its next request, where connections of
        one process share the state of a fault. False if the writer thread is in the way."""
        return True

    def connections(self) -> dict[str, int]:
        """Numbers of connections of this process: `open`, and `set_aside` (detached) among them."""
        raise NotImplementedError


class Sizes(NamedTuple):
    """Octets: the store, its write-ahead log, free space of its disk. None for what only a
    database server knows."""

    file: int
    log: int | None
    free: int | None


class Health(ABC):
    """State of a store for monitoring. No method blocks."""

    @abstractmethod
    def unready_reason(self) -> str:
        """A word for why requests cannot be answered or nothing can be written; else ""."""

    @abstractmethod
    def sizes(self) -> Sizes:
        """Current sizes; 0 for a store that cannot be read."""


class Maintenance(ABC):
    """Long work beside a running server, in short transactions; free space."""

    def __init__(self, database: StoreDatabase) -> None:
        self._database = database

    @contextmanager
    def throttled_transaction(self, account_id: int | None = None) -> Iterator[None]:
        """A short transaction of a long job, for messages of an account if one is given. It
        pauses afterwards for as long as it took: disks and replicas need rest, and so do programs
        that wait for SQLite's lock outside of our queue. Raises StoreError."""
        database = self._database
        with (
            translate_errors(),
            database.atomic() if account_id is None else database.write_transaction(account_id),
        ):
            began = time.monotonic()
            yield
        time.sleep(time.monotonic() - began)

    def enable_secure_delete(self) -> None:
        """Overwrite what this connection deletes from now on, if the engine can."""
        return

    @property
    @abstractmethod
    def can_release_pages(self) -> bool:
        """True if free space can be released without `vacuum_full`."""

    @abstractmethod
    def release_free_pages(self) -> None:
        """Release free space, in short transactions."""

    @abstractmethod
    def vacuum_full(self) -> None:
        """Rewrite the whole store, while other writers wait. After the next `checkpoint_wal`
        nothing deleted is left in it."""

    def checkpoint_wal(self, wait_seconds: float) -> bool:
        """Copy the write-ahead log into the store and truncate it; True if that is done. It waits
        for readers of older states."""
        return True


class Advice(NamedTuple):
    """A dangerous setting and its remedy; `is_grave` if it must be changed."""

    text: str
    remedy: str
    is_grave: bool = False


class Engine(ABC):
    """A store's database and its administration. `name` is shown to people and has no secret;
    `file` is None if the store is not a file."""

    name: str
    file: Path | None = None
    database: StoreDatabase
    health: Health
    maintenance: Maintenance

    @abstractmethod
    def create(self) -> None:
        """Create an empty store if there is none. Raises StoreError."""

    @abstractmethod
    def require_own_database(self) -> None:
        """Raise StoreError if there is no database, or one with tables of something else."""

    @abstractmethod
    def migration_transaction(self, seal: Callable[[str], str]) -> AbstractContextManager[None]:
        """A transaction that may change tables and keeps all writers out. `seal` encrypts."""

    @abstractmethod
    def apply_migrations(self, runner: Any) -> list[str]:
        """Bring the tables to this version, in a `migration_transaction`. Returns the names of the
        migrations that were applied."""

    def needs_wipe(self) -> bool:
        """True if free pages may still contain, in the clear, what is encrypted by now."""
        return False

    def wipe(self) -> None:
        """Rewrite the store so that `needs_wipe` is over, if that works now. Raises StoreError."""
        return

    @abstractmethod
    def require_current_schema(self) -> None:
        """Raise StoreError if the tables are not of this version; cheaper than
        Store.require_current."""

    def find_damage(self) -> str:
        """Damage that the engine finds in a quick check, or ""."""
        return ""

    def require_no_transaction_pooler(self) -> None:
        """Raise StoreError if a pooler changes connections between transactions."""
        return

    def connection_limit(self) -> int | None:
        """Connections that the server has for this user and database; None for a file. Raises
        StoreError."""
        return None

    def advice(self) -> list[Advice]:
        """Advice on dangerous settings. Raises StoreError."""
        return []
