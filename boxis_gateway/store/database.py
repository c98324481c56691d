"""Opening a store: its URL, the database behind it, and the version of its tables."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from playhouse.migrations import Runner

from boxis_gateway.errors import StoreError
from boxis_gateway.store.accounts import Accounts
from boxis_gateway.store.audit import Audit
from boxis_gateway.store.condition import Condition
from boxis_gateway.store.contacts import Contacts
from boxis_gateway.store.customers import Customers
from boxis_gateway.store.employees import Employees
from boxis_gateway.store.erasure import Erasure
from boxis_gateway.store.exports import Exports
from boxis_gateway.store.faults import FAULTS, PASSING, raise_told, reason_of
from boxis_gateway.store.followed import Followed
from boxis_gateway.store.keys import Keys
from boxis_gateway.store.messages import Messages
from boxis_gateway.store.place import beside
from boxis_gateway.store.queries import DATABASE_ERRORS, errors_explained
from boxis_gateway.store.reports import Reports
from boxis_gateway.store.retention import Retention
from boxis_gateway.store.sqlite import LAYOUT, LOCK_SECONDS, SqliteDatabase, sqlite_path
from boxis_gateway.store.submissions import Submissions
from boxis_gateway.store.tokens import Tokens
from boxis_gateway.store.upkeep import Upkeep
from boxis_gateway.store.user_keys import UserKeys
from boxis_gateway.store.vault import Vault
from boxis_gateway.store.version import MIGRATIONS, is_current, set_version

WIPE_SECONDS = 15  # for those who read to let go of the log


class Store:
    """A message store. Connections are per thread, opened by use; `close()` ends this thread's.
    `lock_seconds` is how long a writer waits for another; the keys of `vault` are those of the
    environment, or of the file beside the store, unless it is given.

    >>> store = Store("sqlite:///gateway.db").require_current()
    """

    def __init__(
        self, url: str, lock_seconds: float = LOCK_SECONDS, vault: Vault | None = None
    ) -> None:
        self.url = url
        self.path = sqlite_path(url)
        self.database = SqliteDatabase(self.path, lock_seconds)
        self.condition = Condition(self.database, self.path)
        self.audit = Audit(self.database)
        self.vault = vault or Vault(Keys(self.path))
        self.user_keys = UserKeys(self.database, self.vault)
        self.accounts = Accounts(self.database, self.user_keys)
        self.customers = Customers(self.database)
        self.contacts = Contacts(self.database)
        self.employees = Employees(self.database)
        self.tokens = Tokens(self.database)
        self.submissions = Submissions(self.database)
        self.messages = Messages(self.database)
        self.followed = Followed(self.database)
        self.exports = Exports(self.database)
        self.reports = Reports(self.database)
        self.retention = Retention(self.database)
        self.erasure = Erasure(self.database)
        self.upkeep = Upkeep(self.database)

    def create(self) -> None:
        """Make an empty file that only its owner can read, if there is none.

        Raises StoreError if that cannot be done."""
        self._require_nothing_left()
        try:
            self.path.parent.mkdir(0o700, parents=True, exist_ok=True)
            os.close(os.open(self.path, os.O_CREAT | os.O_RDWR, 0o600))
        except OSError as problem:
            raise StoreError(
                f"The store {self.path} cannot be made: {problem.strerror}. Choose another place "
                "with BOXIS_GATEWAY_DATABASE_URL."
            ) from None
        if not self.path.stat().st_size:
            empty = SqliteDatabase(self.path, pragmas=LAYOUT)
            with errors_explained(empty), empty.connection_context():
                pass

    def _require_nothing_left(self) -> None:
        """What stands beside a file that is gone may be in use, and holds what it was told last."""
        left = [] if self.path.exists() else [file for file in beside(self.path) if file.exists()]
        if left:
            raise StoreError(
                f"There is no store at {self.path}, but {left[0]} of one that was there. Stop the "
                "server and move it to that store."
            )

    def migrate(self, *, recorded: bool = True) -> list[str]:
        """Bring the tables to this version; the names of the migrations that were applied.
        `recorded` is whether the audit is told here. A store that has no key yet gets one.

        Safe beside others who do the same. Raises StoreError if the store is missing or newer."""
        self._require_file()
        applied = self._migrate(recorded)
        with suppress(StoreError):  # the next call wipes, and `doctor` says so
            self._wipe()
        return applied

    def _migrate(self, recorded: bool) -> list[str]:
        with errors_explained(self.database), self.database.atomic():
            self.database.connection().create_scalar_function("sealed", self._seal, 1)
            self._require_not_newer()
            is_new = not self.database.get_tables()
            applied: list[str] = self._runner().up()
            set_version(self.database)
            if applied and recorded:
                what = "store.init" if is_new else "store.migrate"
                self.audit.record(what, applied[-1], migrations=len(applied))
            return applied

    def _seal(self, text: str) -> str:
        """What migrations encrypt with: there may be no key yet."""
        self.vault.make_key()
        return self.vault.seal(text)

    def _wipe(self) -> None:
        """Remove what older versions wrote in the clear from free pages and from the log."""
        if self.has_to_wipe():
            self.upkeep.rewrite()
            if self.upkeep.empty_log(WIPE_SECONDS):
                with errors_explained(self.database):
                    self.database.execute_sql("DELETE FROM secret WHERE name = 'to_wipe'")

    def has_to_wipe(self) -> bool:
        """Whether the file may still have, in pages that are free, what is encrypted by now."""
        with errors_explained(self.database):
            sql = "SELECT EXISTS (SELECT 1 FROM secret WHERE name = 'to_wipe')"
            return bool(self.database.execute_sql(sql).fetchone()[0])

    def require_current(self) -> Store:
        """The store itself, if its tables are of this version; else StoreError with the remedy."""
        self._require_file()
        with errors_explained(self.database):
            self._require_not_newer()
            pending = self.pending_migrations()
            current = is_current(self.database)
        if pending or not current:
            raise StoreError(
                f"The store {self.path} is of an older version. Run 'boxis-gateway migrate'."
            )
        return self

    def require_known(self) -> Store:
        """The store itself, if it is one of this version or older, or empty; else StoreError."""
        self._require_file()
        with errors_explained(self.database):
            self._require_not_newer()
        return self

    @contextmanager
    def serving(self) -> Iterator[None]:
        """To be held around what is done for a request. The file that is at its place now is used,
        if it is a store of this version, whichever file was there before.

        Raises Unavailable for what the store cannot do at the moment; the next request may find it
        mended."""
        try:
            self.database.look_again()
            if self.database.is_closed():
                self._require_usable()
            yield
        except FAULTS as problem:
            if reason_of(problem) not in PASSING:
                self._drop_connection()
            raise_told(problem)

    def _require_usable(self) -> None:
        """As `require_current`, at a tenth of the price, and without a write."""
        plain = SqliteDatabase(self.path, pragmas={})
        with plain.connection_context():
            current = is_current(plain)
        if not current:
            raise StoreError(
                f"{self.path} is no store of this version. 'boxis-gateway doctor' looks closer."
            )

    def _drop_connection(self) -> None:
        with suppress(*DATABASE_ERRORS):
            self.close()

    def pending_migrations(self) -> list[str]:
        """Names of the migrations that the store has not seen."""
        return [row.name for row in self._runner().status() if not row.applied]

    def find_damage(self) -> str:
        """What the database says is wrong with its file, or ""."""
        with errors_explained(self.database):
            said = str(self.database.execute_sql("PRAGMA quick_check(1)").fetchone()[0])
        return "" if said == "ok" else said

    def close(self) -> None:
        """Close this thread's connection."""
        self.database.close()

    def _runner(self) -> Runner:
        return Runner(self.database, str(MIGRATIONS))

    def _require_file(self) -> None:
        try:
            self.path.stat()
        except FileNotFoundError:
            raise StoreError(
                f"There is no store at {self.path}. Run 'boxis-gateway init'."
            ) from None
        except OSError as problem:
            raise StoreError(
                f"The store {self.path} cannot be reached: {problem.strerror}. "
                "Run this as its owner."
            ) from None
        self._require_ours()

    def _require_ours(self) -> None:
        """Somebody else's database is not even opened in our way, which would change it."""
        plain = SqliteDatabase(self.path, pragmas={})
        with errors_explained(plain), plain.connection_context():
            tables = plain.get_tables()
        if tables and "schema_migration" not in tables:
            raise StoreError(f"{self.path} is not a store of boxis-gateway. Choose another file.")

    def _require_not_newer(self) -> None:
        unknown = [row.name for row in self._runner().status() if row.path is None]
        if unknown:
            raise StoreError(
                f"The store {self.path} was made by a newer version of boxis-gateway "
                f"(it has {unknown[-1]}). Install that version."
            )
