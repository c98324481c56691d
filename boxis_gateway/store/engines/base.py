"""What every engine offers to the rest of the store: a database to ask, and where that is kept.

SQL is written once, in SQLite's words with `?` for parameters; what another engine says otherwise
is told in its own module (dialect.py for PostgreSQL). To add an engine, derive both classes, and
name it in ENGINES (engines.py).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from math import inf
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from peewee import Database, Model

Row = tuple[Any, ...]
Parameters = Sequence[Any] | Mapping[str, Any]
EVERY_ACCOUNT = 0
NEW_ACCOUNT_SQL = "SELECT coalesce(max(id), 0) + 1 FROM account"
BATCH_ROWS = 1_000  # of one transaction of long work


class BulkInserter(Protocol):
    """Puts rows with every column, in the order of the table, into it."""

    def insert(self, rows: Sequence[Row]) -> None:
        """Insert the rows. Raises DatabaseError as peewee's queries do."""


class Snapshot(Protocol):
    """One state of the store, which is read until `close`."""

    def walk(self, sql: str, parameters: Parameters) -> Iterator[Row]:
        """The rows of a query, which may be many."""

    def close(self) -> None:
        """Let go of the state."""


class StoreDatabase(Database):
    """Connections to a store, one for each thread, opened by the first use."""

    merges_ordered_unions: bool
    """True if the engine merges ordered UNION ALL branches lazily; otherwise each branch needs a
    LIMIT of its own."""
    stream_seconds = 0
    """How long a transaction may last that streams an answer; 0 is for as long as that takes."""
    silent_seconds = inf
    """How long a server may say nothing before it is taken for dead."""

    def execute_sql(self, sql: str, params: Parameters | None = None) -> Any:
        """The cursor of a query, with less on the way than peewee's own method. Raises peewee's
        DatabaseError and InterfaceError."""
        raise NotImplementedError

    def stream(self, sql: str, parameters: Sequence[Any]) -> Iterator[list[Row]]:
        """Batches of rows, all of one state. The query has run when this returns; what is dropped
        lets go of the store."""
        raise NotImplementedError

    def select_in(self, sql: str, account_id: int, *lists: Sequence[Any]) -> Iterator[Row]:
        """What a frozen query finds whose parameters are the account and lists: `IN (?)` in it, of
        one item, stands for each. Nothing if a list is empty."""
        raise NotImplementedError

    def bulk_inserter(self, table: type[Model]) -> BulkInserter:
        """A quick way into a table."""
        raise NotImplementedError

    def ensure_partitions(self, times: Sequence[str]) -> None:
        """See that there is room for messages of these times, before the transaction that adds
        them."""
        raise NotImplementedError

    def snapshot(self) -> Snapshot:
        """The state of now, through this thread's connection, even if that is lent meanwhile."""
        raise NotImplementedError

    def new_account_id(self, customer_id: str) -> int:
        """An id for an account of that customer. Inside the transaction that adds it."""
        return int(self.execute_sql(NEW_ACCOUNT_SQL).fetchone()[0])

    def shard_of(self, account_id: int) -> int:
        """A number for the place of that account, the same for those that one query may ask for."""
        return 0

    def write_transaction(self, account_id: int) -> AbstractContextManager[Any]:
        """A transaction that changes messages of that account, or of EVERY_ACCOUNT. Nobody else
        changes these meanwhile. Not to be begun inside of another; only that of EVERY_ACCOUNT may
        change other things as well."""
        raise NotImplementedError

    def without_foreign_keys(self) -> AbstractContextManager[None]:
        """To be held by who brings the rows of a whole store, around their transactions: rows may
        refer to others that come later."""
        raise NotImplementedError

    def without_audit_triggers(self) -> AbstractContextManager[None]:
        """Inside a transaction: the audit can be replaced meanwhile, by that of another store."""
        raise NotImplementedError

    def read_transaction(self) -> AbstractContextManager[Any]:
        """A transaction whose queries all see one state."""
        raise NotImplementedError

    def version(self) -> int:
        """How many migrations have made the tables."""
        raise NotImplementedError

    def set_version(self, version: int) -> None:
        """Write that down, where it is not told by the migrations themselves."""
        raise NotImplementedError

    def nowait(self) -> AbstractContextManager[None]:
        """Writes don't wait for another writer, but fail."""
        raise NotImplementedError

    def detach_connection(self) -> Callable[[], None]:
        """Leave this thread's connection to who reads from it now: they go on with the state that
        they see, while whoever asks next has another one. They call what is returned when they are
        done."""
        raise NotImplementedError

    def check_connection(self) -> None:
        """Let go of this thread's connection if it is of no use any more. Raises StoreError."""
        raise NotImplementedError

    def connections(self) -> dict[str, int]:
        """How many are `open` in this process, and how many of these are `set_aside`."""
        raise NotImplementedError


class Sizes(NamedTuple):
    """Bytes of the store, of its write-ahead log, and of the room that its disk has left; None for
    what only the server knows."""

    file: int
    log: int | None
    free: int | None


class Health(ABC):
    """How a store is at the moment, for who watches it. Nothing here waits or takes long."""

    @abstractmethod
    def unready_reason(self) -> str:
        """One word why requests can't be answered, or nothing can be written; or ""."""

    @abstractmethod
    def sizes(self) -> Sizes:
        """The sizes."""

    @abstractmethod
    def connections(self) -> dict[str, int]:
        """See StoreDatabase.connections."""


class Maintenance(ABC):
    """Work on a store that takes long, beside those who use it; and the room that it takes."""

    @abstractmethod
    def throttled_transaction(self, account_id: int | None = None) -> AbstractContextManager[None]:
        """A short transaction of many; of what belongs to an account, if one is given. Behind it
        others have their turn. Raises StoreError."""

    @abstractmethod
    def enable_secure_delete(self) -> None:
        """From now on, what this connection deletes is overwritten, if the engine can."""

    @property
    @abstractmethod
    def can_release_pages(self) -> bool:
        """Whether room that is free goes back to the disk without a rewrite."""

    @abstractmethod
    def release_free_pages(self) -> None:
        """Give free room back to the disk, some at a time."""

    @abstractmethod
    def vacuum_full(self) -> None:
        """Rewrite the whole store. After a `checkpoint_wal` nothing deleted is left in it."""

    @abstractmethod
    def checkpoint_wal(self, wait_seconds: float) -> bool:
        """Bring what the log holds into the store, and empty it; whether that was done."""


class Advice(NamedTuple):
    """What might do harm, the remedy, and whether it has to be mended."""

    text: str
    remedy: str
    is_grave: bool = False


class Engine(ABC):
    """Where a store is kept, and by what. `name` is for people, and holds no secret; `file` is
    None if the store is in no file of its own."""

    name: str
    file: Path | None = None
    database: StoreDatabase
    health: Health
    maintenance: Maintenance

    @abstractmethod
    def create(self) -> None:
        """Make room for a store, if there is none. Raises StoreError."""

    @abstractmethod
    def require_own_database(self) -> None:
        """Raises StoreError unless there is a place for a store, which nobody else uses."""

    @abstractmethod
    def migration_transaction(self, seal: Callable[[str], str]) -> AbstractContextManager[None]:
        """A transaction for changes of tables. Nobody else writes meanwhile. `seal` encrypts."""

    @abstractmethod
    def apply_migrations(self, runner: Any) -> list[str]:
        """Bring the tables to this version, inside `migration_transaction`; the names of the
        migrations that were applied."""

    @abstractmethod
    def needs_wipe(self) -> bool:
        """Whether free room may still have, in the clear, what is encrypted by now."""

    @abstractmethod
    def wipe(self) -> None:
        """Remove that, if it can be done now. Raises StoreError."""

    @abstractmethod
    def require_current_schema(self) -> None:
        """As `Store.require_current`, at a tenth of the price. Raises StoreError."""

    @abstractmethod
    def find_damage(self) -> str:
        """What the engine says is wrong with the store, or ""."""

    def require_no_transaction_pooler(self) -> None:
        """Raises StoreError if connections are not ours alone for as long as they are open."""
        return

    def advice(self) -> list[Advice]:
        """What might do harm, and what to do about it."""
        return []
