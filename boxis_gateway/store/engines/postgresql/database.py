"""PostgreSQL as a store uses it: psycopg 3, connections that are kept, locks of our own.

SQLite has one writer at a time. Here those who change messages exclude each other by account, and
all others exclude each other, by advisory locks that end with the transaction; whoever changes
tables, or messages of any account, excludes everybody who changes messages.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from typing import Any

import psycopg
from peewee import Model, PostgresqlDatabase, __exception_wrapper__  # type: ignore[attr-defined, unused-ignore]
from psycopg.pq import TransactionStatus

from boxis_gateway.store.engines.base import EVERY_ACCOUNT, Parameters, Row, StoreDatabase
from boxis_gateway.store.engines.errors import DATABASE_ERRORS
from boxis_gateway.store.engines.postgresql.citus import ShardMap
from boxis_gateway.store.engines.postgresql.connection import ConnectionFactory, ServerSilent
from boxis_gateway.store.engines.postgresql.partitions import Partitions
from boxis_gateway.store.engines.postgresql.rows import Copy, Snapshot, stream

LOCKS = 0x626F7869  # advisory locks of ours; accounts have the next number
MESSAGES, OTHERS = 0, 1
IDLE_KEPT = 8  # connections, beside the one of a thread
BEGIN = f"BEGIN; SELECT pg_advisory_xact_lock({LOCKS}, {OTHERS})"
BEGIN_READING = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
BEGIN_WRITING = (
    f"BEGIN; SELECT pg_advisory_xact_lock_shared({LOCKS}, {MESSAGES}); "
    f"SELECT pg_advisory_xact_lock({LOCKS + 1}, {{}})"
)
BEGIN_ALONE = f"{BEGIN}; SELECT pg_advisory_xact_lock({LOCKS}, {MESSAGES})"


class PostgresDatabase(StoreDatabase, PostgresqlDatabase):
    """A database of PostgreSQL. Connections are per thread, opened by use; those that were lent are
    kept for the next."""

    merges_ordered_unions = False
    param = "?"
    _state: Any
    index_value_literals = True  # of peewee: DDL takes no parameters

    def __init__(self, url: str, lock_seconds: float) -> None:
        self._connections = ConnectionFactory(url)
        self._lock_seconds = lock_seconds
        self._idle: list[Any] = []
        self._set_aside = 0
        super().__init__(self._connections.dbname, prefer_psycopg3=True)
        self._partitions, self.shard_map = Partitions(self), ShardMap(self)

    def execute_sql(self, sql: str, params: Parameters | None = None) -> Any:
        """See StoreDatabase. A query that finds its connection lost is run again, once."""
        with __exception_wrapper__:
            return self._run(sql, params, sql.lstrip().startswith("SELECT"))

    def _run(self, sql: str, parameters: Parameters | None, may_repeat: bool) -> Any:
        cursor = self.cursor()
        may_repeat = may_repeat and is_idle(cursor.connection)
        try:
            return cursor.execute(sql, parameters)
        except psycopg.OperationalError as problem:
            if not (may_repeat and cursor.connection.closed) or isinstance(problem, ServerSilent):
                raise
        self._part()
        return self.cursor().execute(sql, parameters)

    def stream(self, sql: str, parameters: Sequence[Any]) -> Iterator[list[Row]]:
        """See StoreDatabase; what is long is read by a cursor of the server's."""
        with __exception_wrapper__:
            spread = self.shard_map.is_distributed
            return stream(self.execute_sql, self.snapshot, sql, parameters, spread=spread)

    def select_in(self, sql: str, account_id: int, *lists: Sequence[Any]) -> Iterator[Row]:
        """See StoreDatabase."""
        if not all(lists):
            return iter(())
        sql = sql.replace("IN (?)", "= ANY (?)")
        rows: Iterator[Row] = self.execute_sql(sql, (account_id, *map(list, lists)))
        return rows

    def bulk_inserter(self, table: type[Model]) -> Copy:
        """See StoreDatabase."""
        return Copy(self, table)

    def ensure_partitions(self, times: Sequence[str]) -> None:
        """See StoreDatabase."""
        self._partitions.make(times)

    def new_account_id(self, customer_id: str) -> int:
        """See StoreDatabase."""
        return self.shard_map.near(customer_id) or super().new_account_id(customer_id)

    def shard_of(self, account_id: int) -> int:
        """See StoreDatabase."""
        return self.shard_map.of(account_id)

    def snapshot(self) -> Snapshot:
        """See StoreDatabase."""
        with __exception_wrapper__:
            self._run("SELECT 1", (), may_repeat=True)  # a connection that is lost is renewed here
            return Snapshot(self.connection(), self.stream_seconds)

    def begin(self, words: str | None = BEGIN) -> None:
        """Begin a transaction that excludes others, or another by other words."""
        with __exception_wrapper__:
            try:
                self._run(words or BEGIN, None, may_repeat=True)
            except psycopg.Error:
                with suppress(*DATABASE_ERRORS):
                    self.rollback()
                raise

    def cursor(self, named_cursor: str | None = None) -> Any:
        """A cursor; of a new connection, if the last one is known to be lost."""
        if not self.in_transaction():
            self.check_connection()
        return super().cursor(named_cursor)  # type: ignore[no-untyped-call]

    def commit(self) -> None:
        """See Connection. Never by another connection than that of the transaction."""
        with __exception_wrapper__:
            self._state.conn.commit_surely()

    def rollback(self) -> None:
        """Undo a transaction; what was lost with its connection is undone."""
        if not self.is_closed() and not self._state.conn.closed:
            super().rollback()

    def write_transaction(self, account_id: int) -> AbstractContextManager[Any]:
        """See StoreDatabase."""
        words = BEGIN_WRITING.format(int(account_id))
        whole = BEGIN_ALONE if account_id == EVERY_ACCOUNT else words
        transaction: AbstractContextManager[Any] = self.transaction(whole)
        return transaction

    def without_foreign_keys(self) -> AbstractContextManager[None]:
        """See StoreDatabase; nothing refers to what comes later."""
        return nullcontext()

    @contextmanager
    def without_audit_triggers(self) -> Iterator[None]:
        """See StoreDatabase; nobody else sees it without its triggers."""
        self.execute_sql("ALTER TABLE audit_entry DISABLE TRIGGER USER")
        yield
        self.execute_sql("ALTER TABLE audit_entry ENABLE TRIGGER USER")

    def read_transaction(self) -> AbstractContextManager[Any]:
        """See StoreDatabase."""
        transaction: AbstractContextManager[Any] = self.transaction(BEGIN_READING)
        return transaction

    def version(self) -> int:
        """See StoreDatabase."""
        sql = "SELECT count(*) FROM schema_migration"
        with __exception_wrapper__:
            try:
                return int(self._run(sql, (), may_repeat=True).fetchone()[0])
            except psycopg.errors.UndefinedTable:
                return 0

    def set_version(self, version: int) -> None:
        """Nothing: the table of migrations tells."""

    def nowait(self) -> AbstractContextManager[None]:
        """See StoreDatabase; nobody waits for a whole store here."""
        return nullcontext()

    def get_tables(self, schema: str | None = None) -> list[str]:
        """The names of our tables, without their partitions."""
        sql = "SELECT relname FROM pg_class WHERE relnamespace = current_schema()::regnamespace "
        rows = self.execute_sql(f"{sql} AND relkind IN ('r', 'p') AND NOT relispartition")
        return sorted(name for (name,) in rows)

    def check_connection(self) -> None:
        """See StoreDatabase; what a server did meanwhile shows by use."""
        if not self.is_closed() and self.connection().closed:
            self._part()

    def detach_connection(self) -> Callable[[], None]:
        """See StoreDatabase."""
        connection = self.connection()
        self._state.reset()
        self._set_aside += 1

        def take_back() -> None:
            """Use it again."""
            self._set_aside -= 1
            if not connection.closed and not is_idle(connection):
                with suppress(psycopg.Error):
                    connection.rollback()
            if connection.closed or len(self._idle) >= IDLE_KEPT:
                connection.close()
            elif self.is_closed():
                self._state.set_connection(connection)
            else:
                self._idle.append(connection)

        return take_back

    def has_transaction_pooler(self) -> bool:
        """See ConnectionFactory."""
        with __exception_wrapper__:
            return self._connections.has_transaction_pooler()

    def connections(self) -> dict[str, int]:
        """See StoreDatabase."""
        used = self._set_aside + (not self.is_closed())
        return {"open": used + len(self._idle), "set_aside": self._set_aside}

    def close(self) -> bool:
        """Close this thread's connection, and those that are kept."""
        while self._idle:
            self._idle.pop().close()
        closed: bool = super().close()
        return closed

    def _part(self) -> None:
        """Let go of a connection that is lost, and of those that are kept: they are as old."""
        with suppress(*DATABASE_ERRORS):
            self.close()

    def _connect(self) -> Any:
        while self._idle:
            connection = self._idle.pop()
            if not connection.closed:
                return connection
        connection = self._connections.connect()
        connection.prepare(self._lock_seconds)
        connection.silent_seconds = self.silent_seconds
        return connection


def is_idle(connection: Any) -> bool:
    """Whether it is in no transaction."""
    return bool(connection.info.transaction_status == TransactionStatus.IDLE)
