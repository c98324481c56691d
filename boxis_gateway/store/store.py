"""Opening a store: its URL, the database behind it, and the version of its tables."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from playhouse.migrations import Runner

from boxis_gateway.errors import StoreError
from boxis_gateway.store.audit import Audit
from boxis_gateway.store.engines import NO_REPLICAS, Replicas, engine_for_url, read_servers
from boxis_gateway.store.engines.base import Advice
from boxis_gateway.store.engines.errors import (
    DATABASE_ERRORS,
    FAULTS,
    PASSING,
    fault_reason,
    raise_unavailable,
    translate_errors,
)
from boxis_gateway.store.engines.schema_version import MIGRATIONS, is_current
from boxis_gateway.store.engines.sqlite.database import LOCK_SECONDS
from boxis_gateway.store.engines.sqlite.engine import sqlite_file
from boxis_gateway.store.ingest.additions import Additions
from boxis_gateway.store.ingest.log_positions import LogPositions
from boxis_gateway.store.messages.delivery_reports import DeliveryReports
from boxis_gateway.store.messages.exports import Exports
from boxis_gateway.store.messages.history import History
from boxis_gateway.store.messages.listing import Submissions
from boxis_gateway.store.people.accounts import Accounts
from boxis_gateway.store.people.contacts import Contacts
from boxis_gateway.store.people.customers import Customers
from boxis_gateway.store.people.employees import Employees
from boxis_gateway.store.people.tokens import Tokens
from boxis_gateway.store.privacy.erasure import Erasure
from boxis_gateway.store.privacy.retention import Retention
from boxis_gateway.store.secrets.key_file import Keys
from boxis_gateway.store.secrets.user_keys import UserKeys
from boxis_gateway.store.secrets.vault import Vault
from boxis_gateway.store.tables import COPIED_FROM

COPIED_FROM_SQL = f"SELECT value FROM secret WHERE name = '{COPIED_FROM}'"


class Store:
    """A message store. Connections are per thread, opened by use; `close()` ends this thread's.
    `lock_seconds` is how long a writer waits for another; the keys of `vault` are those of the
    environment, or of the file beside the store, unless it is given; `replicas` may be read from
    too (readers.py), and a stream may hold a state of
    them for `stream_seconds`, 0 is for as long as it takes.

    >>> store = Store("sqlite:///gateway.db").require_current()
    """

    def __init__(
        self,
        url: str,
        lock_seconds: float = LOCK_SECONDS,
        vault: Vault | None = None,
        replicas: Replicas = NO_REPLICAS,
        stream_seconds: int = 0,
    ) -> None:
        self.url = url
        self._engine = engine_for_url(url, lock_seconds)
        self.database = self._engine.database
        self.health, self.maintenance = self._engine.health, self._engine.maintenance
        self.audit = Audit(self.database)
        self.vault = vault or Vault(Keys(self._engine.file))
        self.user_keys = UserKeys(self.database, self.vault)
        self.accounts = Accounts(self.database, self.user_keys)
        self.customers = Customers(self.database)
        self.contacts = Contacts(self.database)
        self.employees = Employees(self.database)
        self.tokens = Tokens(self.database)
        self._servers = read_servers(self.database, replicas, lock_seconds)
        self._servers.bound_streams(stream_seconds)
        self.submissions = Submissions(self._servers)
        self.history = History(self.database, self._servers)
        self.additions = Additions(self.database)
        self.log_positions = LogPositions(self.database)
        self.exports = Exports(self.database, self._servers)
        self.delivery_reports = DeliveryReports(self.database)
        self.retention = Retention(self.database, self.maintenance)
        self.erasure = Erasure(self.database, self.maintenance)

    @property
    def path(self) -> Path:
        """The file of a store in SQLite. Raises StoreError for any other."""
        return sqlite_file(self._engine)

    @property
    def file(self) -> Path | None:
        """The same; None for any other."""
        return self._engine.file

    @property
    def name(self) -> str:
        """Where the store is, for people; without a secret."""
        return self._engine.name

    def create(self) -> None:
        """Make room for a store that only its owner can read, if there is none.

        Raises StoreError if that cannot be done."""
        self._engine.create()

    def migrate(self, *, recorded: bool = True) -> list[str]:
        """Bring the tables to this version; the names of the migrations that were applied.
        `recorded` is whether the audit is told here. A store that has no key yet gets one.

        Safe beside others who do the same. Raises StoreError if the store is missing or newer."""
        self._engine.require_own_database()
        applied = self._migrate(recorded)
        with suppress(StoreError):  # the next call wipes, and `doctor` says so
            self._engine.wipe()
        return applied

    def _migrate(self, recorded: bool) -> list[str]:
        with self._engine.migration_transaction(self._seal):
            self._require_not_newer()
            is_new = not self.database.get_tables()
            applied = self._engine.apply_migrations(self._runner())
            if applied and recorded:
                what = "store.init" if is_new else "store.migrate"
                self.audit.record(what, applied[-1], migrations=len(applied))
            return applied

    def _seal(self, text: str) -> str:
        """What migrations encrypt with: there may be no key yet."""
        self.vault.make_key()
        return self.vault.seal(text)

    def needs_wipe(self) -> bool:
        """Whether the store may still have, in room that is free, what is encrypted by now."""
        return self._engine.needs_wipe()

    def require_current(self) -> Store:
        """The store itself, if it is a whole one of this version; else StoreError with the
        remedy."""
        self.require_tables()
        if of := self.unfinished_copy_of():
            raise StoreError(
                f"{self.name} is an unfinished copy of {of}. Run that copy again, or name another "
                "store."
            )
        return self

    def require_tables(self) -> Store:
        """The same, though it may be a copy that is being made."""
        self._engine.require_own_database()
        with translate_errors():
            self._require_not_newer()
            current = not self.pending_migrations() and is_current(self.database)
            is_new = not current and not self.database.get_tables()
        if is_new:
            raise StoreError(f"{self.name} has no tables yet. Run 'boxis-gateway init'.")
        if not current:
            raise StoreError(
                f"The store {self.name} is of an older version. Run 'boxis-gateway migrate'."
            )
        return self

    def unfinished_copy_of(self) -> str:
        """What it is a copy of that has not come to its end, or ""."""
        with translate_errors():
            row = self.database.execute_sql(COPIED_FROM_SQL, ()).fetchone()
        return str(row[0]) if row else ""

    def require_known(self) -> Store:
        """The store itself, if it is one of this version or older, or empty; else StoreError."""
        self._engine.require_own_database()
        with translate_errors():
            self._require_not_newer()
        return self

    @contextmanager
    def serving(self) -> Iterator[None]:
        """To be held around what is done for a request. The file that is at its place now is used,
        if it is a store of this version, whichever file was there before.

        Raises Unavailable for what the store cannot do at the moment; the next request may find it
        mended."""
        try:
            self._servers.forget()
            self.database.check_connection()
            if self.database.is_closed():
                self._engine.require_current_schema()
            yield
        except FAULTS as problem:
            if fault_reason(problem) not in PASSING:
                self._drop_connection()
            raise_unavailable(problem)

    def _drop_connection(self) -> None:
        with suppress(*DATABASE_ERRORS):
            self.close()

    def detach_connection(self) -> Callable[[], None]:
        """Leave the connection that was read from last, of this thread, to who reads on from it.
        Whoever asks next has another one. Call what is returned at the end."""
        return self._servers.detach_connection()

    def pending_migrations(self) -> list[str]:
        """Names of the migrations that the store has not seen."""
        return [row.name for row in self._runner().status() if not row.applied]

    def find_damage(self) -> str:
        """What the database says is wrong with it, or ""."""
        return self._engine.find_damage()

    def require_no_transaction_pooler(self) -> None:
        """Raises StoreError if a pooler is between that a server cannot work behind."""
        self._engine.require_no_transaction_pooler()

    def replica_problems(self) -> list[tuple[str, str]]:
        """Names of replicas that cannot be read from, and why. Raises StoreError."""
        with translate_errors():
            return list(self._servers.problems())

    def advice(self) -> list[Advice]:
        """What of the place that keeps the store might do harm, and what to do about it. Raises
        StoreError."""
        return self._engine.advice()

    def close(self) -> None:
        """Close this thread's connections."""
        self._servers.close()
        self.database.close()

    def _runner(self) -> Runner:
        return Runner(self.database, str(MIGRATIONS))

    def _require_not_newer(self) -> None:
        unknown = [row.name for row in self._runner().status() if row.path is None]
        if unknown:
            raise StoreError(
                f"The store {self.name} was made by a newer version of boxis-gateway "
                f"(it has {unknown[-1]}). Install that version."
            )
