"""PostgreSQL connections of a store: pool, retries, advisory locks.

SQLite has one writer at a time. Here writers of one account's messages exclude each other, and all
other writers exclude each other, by advisory locks that end with the transaction. Both kinds add
entries to the audit, for which there is a third lock. A change of tables, or of messages of any
account, excludes all writers of messages.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from threading import Lock
from typing import Any
from weakref import WeakSet

import psycopg
from peewee import Model, PostgresqlDatabase, __exception_wrapper__  # type: ignore[attr-defined, unused-ignore]
from psycopg.pq import TransactionStatus

from boxis_gateway.store.engines.base import EVERY_ACCOUNT, Parameters, Row, StoreDatabase
from boxis_gateway.store.engines.errors import DATABASE_ERRORS
from boxis_gateway.store.engines.postgresql.citus import ShardMap
from boxis_gateway.store.engines.postgresql.connection import ConnectionFactory, ServerSilent
from boxis_gateway.store.engines.postgresql.dialect import PostgresqlDialect
from boxis_gateway.store.engines.postgresql.partitions import Partitions
from boxis_gateway.store.engines.postgresql.rows import CopyInserter, PostgresqlSnapshot, stream
from boxis_gateway.store.engines.row_stream import Release, RowStream

LOCKS = 0x626F7869  # first key of our advisory locks; accounts have the next number
MESSAGES, OTHERS, AUDIT = 0, 1, 2
POOL_SIZE = 8  # idle connections kept, beside the one of each thread
BEGIN = f"BEGIN; SELECT pg_advisory_xact_lock({LOCKS}, {OTHERS})"
LOCK_AUDIT = f"SELECT pg_advisory_xact_lock({LOCKS}, {AUDIT})"
BEGIN_READING = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
BEGIN_ACCOUNT = (
    f"BEGIN; SELECT pg_advisory_xact_lock_shared({LOCKS}, {MESSAGES}); "
    f"SELECT pg_advisory_xact_lock({LOCKS + 1}, {{}})"
)
BEGIN_ALONE = f"{BEGIN}; SELECT pg_advisory_xact_lock({LOCKS}, {MESSAGES})"


class PostgresDatabase(StoreDatabase, PostgresqlDatabase):
    """A database of a server. Each thread has a connection, opened by the first use; those that
    come back from streams are pooled."""

    param = "?"
    index_value_literals = True  # peewee's: DDL takes no parameters
    _state: Any

    def __init__(self, url: str, lock_seconds: float) -> None:
        self._connections = ConnectionFactory(url)
        self._lock_seconds = lock_seconds
        self._pool: list[Any] = []
        self._opened: WeakSet[Any] = WeakSet()  # by all threads; may be closed since
        self._guard = Lock()
        super().__init__(self._connections.dbname, prefer_psycopg3=True)
        self._partitions, self.shard_map = Partitions(self), ShardMap(self)
        self.dialect = PostgresqlDialect(self.shard_map)

    def execute_sql(self, sql: str, params: Parameters | None = None) -> Any:
        """Run a query. A SELECT that finds its connection lost is retried once."""
        with __exception_wrapper__:
            return self._execute(sql, params, may_retry=sql.lstrip().startswith("SELECT"))

    def _execute(self, sql: str, parameters: Parameters | None, *, may_retry: bool) -> Any:
        cursor = self.cursor()
        may_retry = may_retry and is_idle(cursor.connection)
        try:
            return cursor.execute(sql, parameters)
        except psycopg.OperationalError as error:
            if not (may_retry and cursor.connection.closed) or isinstance(error, ServerSilent):
                raise
        self._drop_connections()
        return self.cursor().execute(sql, parameters)

    def stream(self, sql: str, parameters: Sequence[Any]) -> RowStream[list[Row]]:
        with __exception_wrapper__:
            is_distributed = self.shard_map.is_distributed
            return stream(
                self.execute_sql,
                self._shared_snapshot,
                sql,
                parameters,
                is_distributed=is_distributed,
            )

    def _shared_snapshot(self) -> PostgresqlSnapshot:
        """The snapshot that streams of this thread's connection read, or a new one."""
        snapshot: PostgresqlSnapshot | None = self.connection().open_snapshot
        return snapshot.share() if snapshot else self.snapshot()

    def bulk_inserter(self, table: type[Model]) -> CopyInserter:
        return CopyInserter(self, table)

    def ensure_partitions(self, times: Iterable[str]) -> None:
        self._partitions.ensure(times)

    def new_account_id(self, customer_id: str) -> int:
        return self.shard_map.colocated_id(customer_id) or super().new_account_id(customer_id)

    def shard_of(self, account_id: int) -> int:
        return self.shard_map.shard_of(account_id)

    def snapshot(self) -> PostgresqlSnapshot:
        with __exception_wrapper__:
            self._execute("SELECT 1", (), may_retry=True)  # replaces a lost connection
            return PostgresqlSnapshot(self.connection(), self.detach, self.stream_seconds)

    def begin(self, sql: str | None = BEGIN) -> None:
        """Begin a transaction, by default one that excludes other writers."""
        with __exception_wrapper__:
            try:
                self._execute(sql or BEGIN, None, may_retry=True)
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
        """Commit on the transaction's own connection. Raises StoreError, see Connection."""
        with __exception_wrapper__:
            self._state.conn.commit_confirmed()

    def rollback(self) -> None:
        """Roll back; a lost connection has done so."""
        self.forget_uncommitted()
        if not self.is_closed() and not self._state.conn.closed:
            super().rollback()

    def write_transaction(self, account_id: int) -> AbstractContextManager[Any]:
        sql = BEGIN_ALONE if account_id == EVERY_ACCOUNT else BEGIN_ACCOUNT.format(int(account_id))
        transaction: AbstractContextManager[Any] = self.atomic(sql)
        return transaction

    @contextmanager
    def group_transaction(
        self, account_ids: Sequence[int | None], seconds: float
    ) -> Iterator[None]:
        with self.transaction(_begin_sql(account_ids, seconds)):
            if len(account_ids) == 1 or self.shard_map.is_distributed:
                yield
                return
            with self.connection().pipelined():
                yield

    def lock_audit(self) -> None:
        self.execute_sql(LOCK_AUDIT)

    def has_transaction(self) -> bool:
        return bool(self.connection().has_transaction)

    def forget_uncommitted(self) -> None:
        self._partitions.forget()

    def read_transaction(self) -> AbstractContextManager[Any]:
        transaction: AbstractContextManager[Any] = self.transaction(BEGIN_READING)
        return transaction

    @contextmanager
    def without_audit_triggers(self) -> Iterator[None]:
        self.execute_sql("ALTER TABLE audit_entry DISABLE TRIGGER USER")
        yield
        self.execute_sql("ALTER TABLE audit_entry ENABLE TRIGGER USER")

    def version(self) -> int:
        sql = "SELECT count(*) FROM schema_migration"
        with __exception_wrapper__:
            try:
                (applied,) = self._execute(sql, (), may_retry=True).fetchone()
                return int(applied)
            except psycopg.errors.UndefinedTable:
                return 0

    def get_tables(self, schema: str | None = None) -> list[str]:
        """Names of the tables, without their partitions."""
        sql = "SELECT relname FROM pg_class WHERE relnamespace = current_schema()::regnamespace "
        rows = self.execute_sql(f"{sql} AND relkind IN ('r', 'p') AND NOT relispartition")
        return sorted(name for (name,) in rows)

    def check_connection(self) -> None:
        if not self.is_closed() and self.connection().closed:
            self._drop_connections()

    def _take_out(self, connection: Any) -> Release:
        self._state.reset()

        def put_back() -> None:
            if not connection.closed and not is_idle(connection):
                with suppress(psycopg.Error):
                    connection.rollback()
            if connection.closed or len(self._pool) >= POOL_SIZE:
                connection.close()
            elif self.is_closed():
                self._state.set_connection(connection)
            else:
                self._pool.append(connection)

        return put_back

    def has_transaction_pooler(self) -> bool:
        """ConnectionFactory.has_transaction_pooler, with peewee's errors."""
        with __exception_wrapper__:
            return self._connections.has_transaction_pooler()

    def connections(self) -> dict[str, int]:
        with self._guard:
            opened = sum(not connection.closed for connection in self._opened)
        return {"open": opened, "set_aside": len(self._detached)}

    def close(self) -> bool:
        """Close this thread's connection and the pool."""
        with suppress(IndexError):
            while True:
                self._pool.pop().close()
        closed: bool = super().close()
        return closed

    def _drop_connections(self) -> None:
        # The pool's connections are as old as the lost one.
        with suppress(*DATABASE_ERRORS):
            self.close()

    def _connect(self) -> Any:
        with suppress(IndexError):
            while (connection := self._pool.pop()).closed:
                pass
            return connection
        connection = self._connections.connect()
        connection.prepare(self._lock_seconds)
        connection.silent_seconds = self.silent_seconds
        with self._guard:
            self._opened.add(connection)
        return connection


def _begin_sql(account_ids: Sequence[int | None], seconds: float) -> str:
    """BEGIN with the locks of these accounts, and of other tables if None is among them. All take
    their locks in one order, so that none waits for another in a circle."""
    others, messages = f"({LOCKS}, {OTHERS})", f"({LOCKS}, {MESSAGES})"
    accounts = sorted({account for account in account_ids if account is not None})
    if EVERY_ACCOUNT in accounts:
        locks = [f"pg_advisory_xact_lock{others}", f"pg_advisory_xact_lock{messages}"]
    else:
        locks = [f"pg_advisory_xact_lock{others}"] if None in account_ids else []
        locks += [f"pg_advisory_xact_lock_shared{messages}"] if accounts else []
        locks += [f"pg_advisory_xact_lock({LOCKS + 1}, {int(account)})" for account in accounts]
    timeout = f"SET LOCAL lock_timeout = {max(1, int(seconds * 1000))}"
    return "; ".join(["BEGIN", timeout, *(f"SELECT {lock}" for lock in locks)])


def is_idle(connection: Any) -> bool:
    """True if the connection is in no transaction."""
    return bool(connection.info.transaction_status == TransactionStatus.IDLE)
