"""Class Store: opened by URL, migrated, checked."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from playhouse.migrations import Runner

from boxis_gateway.errors import StoreError
from boxis_gateway.store.audit import Audit
from boxis_gateway.store.engines import NO_REPLICAS, Replicas, engine_for_url, read_servers
from boxis_gateway.store.engines.base import Advice
from boxis_gateway.store.engines.errors import (
    DATABASE_ERRORS,
    KEEP_CONNECTION,
    STORE_FAULTS,
    fault_reason,
    raise_unavailable,
    translate_errors,
)
from boxis_gateway.store.engines.schema_version import MIGRATIONS, is_current
from boxis_gateway.store.engines.sqlite.database import LOCK_SECONDS
from boxis_gateway.store.engines.sqlite.file_identity import store_files
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
from boxis_gateway.store.secrets.key_file import Keys, KeySource
from boxis_gateway.store.secrets.user_keys import UserKeys
from boxis_gateway.store.secrets.vault import Vault
from boxis_gateway.store.tables import COPIED_FROM

KEYS_BESIDE = KeySource()  # in the file beside the store
COPIED_FROM_SQL = f"SELECT value FROM secret WHERE name = '{COPIED_FROM}'"


class Store:
    """A message store. Each thread has its own connection, opened by the first use; `close()`
    closes this thread's.

    `lock_seconds` is how long a writer waits for another. Its secrets are encrypted with `keys`, or
    by the `vault` of the store that it is a copy of; opening.py takes the keys from the settings.
    Histories and lists may come from `replicas` (engines/replicas.py). A stream may hold its state
    for `stream_seconds`; 0 is no limit.

    >>> store = Store("sqlite:///gateway.db").require_current()
    """

    def __init__(
        self,
        url: str,
        lock_seconds: float = LOCK_SECONDS,
        keys: KeySource = KEYS_BESIDE,
        vault: Vault | None = None,
        replicas: Replicas = NO_REPLICAS,
        stream_seconds: int = 0,
    ) -> None:
        self.url = url
        self._engine = engine_for_url(url, lock_seconds)
        self.database = self._engine.database
        self.health, self.maintenance = self._engine.health, self._engine.maintenance
        self.audit = Audit(self.database)
        self.vault = vault or Vault(Keys(keys, self._engine.file))
        self.user_keys = UserKeys(self.database, self.vault)
        self.accounts = Accounts(self.database, self.user_keys)
        self.customers = Customers(self.database)
        self.contacts = Contacts(self.database)
        self.employees = Employees(self.database)
        self.tokens = Tokens(self.database)
        self._servers = read_servers(self.database, replicas, lock_seconds)
        self._servers.limit_streams(stream_seconds)
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
        """The file of a store in SQLite. Raises StoreError for other engines."""
        if self.file is None:
            raise StoreError(f"{self.name} is no file. Name a store in SQLite.")
        return self.file

    def own_files(self) -> list[Path]:
        """Files that no command may overwrite: of the store, whether or not they exist, and of its
        keys."""
        file, keys = self.file, self.vault.keys
        own = store_files(file) if file else []
        return own + ([] if keys.in_environment or not keys.are_named else [keys.path])

    @property
    def file(self) -> Path | None:
        """The file of a store in SQLite; None for other engines."""
        return self._engine.file

    @property
    def name(self) -> str:
        """The store's file, or its server and database, without secrets."""
        return self._engine.name

    def create(self) -> None:
        """Create an empty store that only its owner can read, if there is none.

        Raises StoreError."""
        self._engine.create()

    def migrate(self, *, recorded: bool = True) -> list[str]:
        """Bring the tables to this version, and make a key if there is none. Returns the names of
        the migrations that were applied; the audit has them if `recorded`.

        Safe in several processes at once. Raises StoreError if the store is missing or newer."""
        self._engine.require_own_database()
        applied = self._migrate(recorded)
        with suppress(StoreError):  # `doctor` reports it, and the next migrate() wipes
            self._engine.wipe()
        return applied

    def _migrate(self, recorded: bool) -> list[str]:
        with self._engine.migration_transaction(self._seal):
            self._require_known_migrations()
            is_new = not self.database.get_tables()
            applied = self._engine.apply_migrations(self._runner())
            if applied and recorded:
                action = "store.init" if is_new else "store.migrate"
                self.audit.record(action, applied[-1], migrations=len(applied))
            return applied

    def _seal(self, text: str) -> str:
        self.vault.make_key()  # a new store has none yet
        return self.vault.seal(text)

    def needs_wipe(self) -> bool:
        """True if free pages may still contain, in the clear, what is encrypted by now."""
        return self._engine.needs_wipe()

    def require_current(self) -> Store:
        """The store itself, if it is complete and of this version. Raises StoreError."""
        self.require_tables()
        if source := self.unfinished_copy_of():
            raise StoreError(
                f"{self.name} is an unfinished copy of {source}. Run that copy again, or name "
                "another store."
            )
        return self

    def require_tables(self) -> Store:
        """Weaker than `require_current`: the store may be an unfinished copy."""
        self._engine.require_own_database()
        with translate_errors():
            self._require_known_migrations()
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
        """The source that this store is an unfinished copy of, or ""."""
        with translate_errors():
            return str(self.database.scalar(COPIED_FROM_SQL) or "")

    def require_not_newer(self) -> Store:
        """The store itself, if it is empty, older or of this version. Raises StoreError."""
        self._engine.require_own_database()
        with translate_errors():
            self._require_known_migrations()
        return self

    @contextmanager
    def serving(self) -> Iterator[None]:
        """Serve one request inside the context: it sees the file that has the store's name now, if
        that is a store of this version.

        Raises Unavailable for a fault of the store. The next request tries again."""
        try:
            self.database.check_connection()
            if self.database.is_closed():
                self._engine.require_current_schema()
            yield
        except STORE_FAULTS as error:
            if fault_reason(error) not in KEEP_CONNECTION:
                self.database.outdate_connections()
                with suppress(*DATABASE_ERRORS):
                    self.close()
            raise_unavailable(error)

    def pending_migrations(self) -> list[str]:
        """Names of the migrations that are not applied yet."""
        return [row.name for row in self._runner().status() if not row.applied]

    def find_damage(self) -> str:
        """Damage that the engine finds in a quick check, or ""."""
        return self._engine.find_damage()

    def require_no_transaction_pooler(self) -> None:
        """Raise StoreError if a pooler changes connections between transactions."""
        self._engine.require_no_transaction_pooler()

    def replica_problems(self) -> list[tuple[str, str]]:
        """Names of unusable replicas and why. Raises StoreError."""
        with translate_errors():
            return list(self._servers.problems())

    def connection_limit(self) -> int | None:
        """Connections that the database server has for us; None for a file. Raises StoreError."""
        return self._engine.connection_limit()

    def advice(self) -> list[Advice]:
        """Advice on dangerous settings of the database. Raises StoreError."""
        return self._engine.advice()

    def close(self) -> None:
        """Close this thread's connections."""
        self._servers.close()
        self.database.close()

    def _runner(self) -> Runner:
        return Runner(self.database, str(MIGRATIONS))

    def _require_known_migrations(self) -> None:
        unknown = [row.name for row in self._runner().status() if row.path is None]
        if unknown:
            raise StoreError(
                f"The store {self.name} was made by a newer version of boxis-gateway "
                f"(it has {unknown[-1]}). Install that version."
            )
