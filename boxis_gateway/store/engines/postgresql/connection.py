"""Connections to PostgreSQL: opening, commit, silent servers."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from copy import copy
from math import inf
from typing import Any, TypeVar

import psycopg
from psycopg.conninfo import make_conninfo
from psycopg.pq import PipelineStatus, TransactionStatus
from psycopg.types.numeric import Int8Dumper
from psycopg.types.string import StrDumper

from boxis_gateway.errors import StoreError
from boxis_gateway.store.engines.base import Parameters
from boxis_gateway.store.engines.errors import TransactionLost
from boxis_gateway.store.engines.postgresql.dialect import numbered_parameters, ordered_parameters
from boxis_gateway.store.engines.postgresql.url import connection_parameters

T = TypeVar("T")
RETRY_SECONDS = 0.1  # shortest pause after a failed connection
COMMIT_SECONDS = 3.0  # shortest wait for standbys to confirm a commit
DEFAULTS = {
    "application_name": "boxis-gateway",
    "client_encoding": "utf8",
    "connect_timeout": "3",
    "keepalives_idle": "10",
    "keepalives_interval": "3",
    "keepalives_count": "3",
    "tcp_user_timeout": "15000",  # milliseconds
}

GENERIC_PLANS = """
    SELECT set_config('plan_cache_mode', 'force_generic_plan', false)
    WHERE NOT EXISTS (SELECT 1 FROM pg_extension WHERE extname = 'citus')
"""
"""Planning a history without dates looks at each month's partition, which takes longer than the
scan. A generic plan is made once, and skips earlier months when it runs. Citus needs the values to
find the shard."""


class TextDumper(StrDumper):
    """Dumper of `str` as the type `text`: the server never has to guess a type. U+FFFD stands for
    U+0000, which PostgreSQL cannot store and no SMS contains."""

    def dump(self, obj: str) -> Any:
        """The text in UTF-8."""
        return super().dump(obj.replace("\0", "\ufffd"))


class Cursor(psycopg.RawCursor[Any]):
    """Cursor that accepts the store's SQL."""

    def execute(self, query: Any, params: Parameters | None = None, **options: Any) -> Any:
        """Run a query of the store. Raises psycopg.Error."""
        sql, names = numbered_parameters(query)
        values = None if params is None else ordered_parameters(names, params)
        return super().execute(sql, values, **options)

    @property
    def rowcount(self) -> int:
        """Rows that the statement has changed or read. In a pipeline it waits for the result, and
        raises TransactionLost if a statement has failed."""
        connection: Any = self.connection
        pipeline = connection.pipeline_in_use
        if pipeline and self.pgresult is None:
            try:
                pipeline.sync()
            except psycopg.Error as error:
                raise TransactionLost from error
        return super().rowcount


class ServerSilent(psycopg.OperationalError):
    """No word from the server for `silent_seconds`."""


class Connection(psycopg.Connection[Any]):
    """A connection of a store; `silent_seconds` is StoreDatabase's."""

    silent_seconds = inf
    open_snapshot: Any = None
    """The PostgresqlSnapshot that this connection holds."""
    pipeline_in_use: psycopg.Pipeline | None = None

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.cursor_factory = Cursor
        self._commit_seconds, self._commit_end = COMMIT_SECONDS, inf
        self._pipelines = ExitStack()
        self._has_warning = False
        self.add_notice_handler(self._note_warning)

    def prepare(self, lock_seconds: float) -> None:
        """Set types, timeouts and planner options of the session."""
        self.adapters.register_dumper(str, TextDumper)
        self.adapters.register_dumper(int, Int8Dumper)
        self._commit_seconds = max(lock_seconds, COMMIT_SECONDS)
        milliseconds = max(1, int(lock_seconds * 1000))
        self.execute(f"SET lock_timeout = {milliseconds}; SET jit = off; {GENERIC_PLANS}")

    def wait(self, gen: Generator[Any, Any, T], *args: Any, **options: Any) -> T:
        """Wait as psycopg does. Raises ServerSilent; TCP keepalives notice a machine that is
        gone."""
        if self.silent_seconds < inf or self._commit_end < inf:
            gen = self._timed(gen)
        result: T = super().wait(gen, *args, **options)
        return result

    def _timed(self, steps: Generator[Any, Any, T]) -> Generator[Any, Any, T]:
        """The steps, which are sent True whenever the server said something, and False at
        intervals."""
        heard_at = time.monotonic()
        try:
            wanted = next(steps)
            while True:
                is_ready = yield wanted
                now = time.monotonic()
                if is_ready:
                    heard_at = now
                elif now > heard_at + self.silent_seconds:
                    self.close()
                    raise ServerSilent("the server is silent")
                elif now > self._commit_end:
                    self._cancel_commit()
                wanted = steps.send(is_ready)
        except StopIteration as done:
            result: T = done.value
            return result

    def commit_confirmed(self) -> None:
        """Commit. Raises StoreError if standbys may not have the transaction; psycopg.Error."""
        self._has_warning = False
        self._commit_end = time.monotonic() + self._commit_seconds
        try:
            cursor = self.execute("COMMIT")
        finally:
            self._commit_end = inf
        if cursor.statusmessage != "COMMIT":  # the transaction had failed before
            raise psycopg.errors.InFailedSqlTransaction("nothing was committed")
        if self._has_warning:
            raise StoreError(
                "The transaction is committed on one server alone: its standbys have not confirmed "
                "it, or a worker of Citus has not. Check them, then run this again."
            )

    def _cancel_commit(self) -> None:
        """Cancel the wait for standbys, once: timeouts of the server don't cover it."""
        self._commit_end = inf
        with suppress(psycopg.Error):
            self.cancel_safe(timeout=self._commit_seconds)

    @contextmanager
    def pipelined(self) -> Iterator[None]:
        """Send statements without waiting for the result of each. Raises TransactionLost if one of
        them fails, or else what the block raises."""
        raised: BaseException | None = None
        try:
            self._enter_pipeline()
            yield
        except BaseException as error:
            raised = error
        try:
            self._leave_pipeline()
        except psycopg.Error as error:
            raised = raised or error
        if isinstance(raised, psycopg.Error):
            raise TransactionLost from raised
        if raised:
            raise raised

    @contextmanager
    def outside_pipeline(self) -> Iterator[None]:
        """Leave the pipeline for what cannot be part of one, such as COPY."""
        pipeline = self.pipeline_in_use
        if pipeline:
            self._leave_pipeline()
        yield
        if pipeline:
            self._enter_pipeline()

    def _enter_pipeline(self) -> None:
        self.pipeline_in_use = self._pipelines.enter_context(self.pipeline())

    def _leave_pipeline(self) -> None:
        self.pipeline_in_use = None
        self._pipelines.close()

    @property
    def has_transaction(self) -> bool:
        """True in a transaction without an error. Errors of statements in a pipeline become known
        late."""
        status = self.info.transaction_status
        if self.pipeline_in_use:
            is_aborted = self.pipeline_in_use.status == PipelineStatus.ABORTED
            return not is_aborted and status in (
                TransactionStatus.ACTIVE,
                TransactionStatus.INTRANS,
            )
        return bool(status == TransactionStatus.INTRANS)

    def _note_warning(self, notice: Any) -> None:
        # If the wait for standbys is cancelled, COMMIT succeeds with a warning. So it does on Citus
        # if a worker that promised to commit dies: it commits later.
        self._has_warning |= notice.severity_nonlocalized == "WARNING"


class ConnectionFactory:
    """Opens connections to the servers of a URL. Raises ConfigurationError for a bad URL."""

    def __init__(self, url: str) -> None:
        self._parameters: dict[str, Any] = {**DEFAULTS, **connection_parameters(url)}
        if "," in (self._parameters.get("host") or ""):
            self._parameters.setdefault("target_session_attrs", "read-write")
        self._retry_at = 0.0
        self._error = psycopg.OperationalError()

    @property
    def dbname(self) -> str:
        """Name of the database."""
        return str(self._parameters.get("dbname") or "")

    def connect(self) -> Connection:
        """A new connection; of several servers, to the one that takes writes.

        Raises psycopg.OperationalError. After a failure it raises at once, for as long as the
        attempt took: silent servers leave time for other work."""
        began = time.monotonic()
        if began < self._retry_at:
            raise copy(self._error)  # without the __context__ of the first time
        try:
            connection = Connection.connect(make_conninfo(**self._parameters), autocommit=True)
        except psycopg.OperationalError as error:
            now = time.monotonic()
            self._retry_at = now + max(RETRY_SECONDS, now - began)
            self._error = error
            raise
        self._prefer(connection.info.host, str(connection.info.port))
        return connection

    def has_transaction_pooler(self) -> bool:
        """True if one process of the server serves two of our connections: a pooler shares it
        between transactions. Raises psycopg.Error."""
        with closing(self.connect()) as first:
            served_by = _server_process(first)
            if served_by == first.info.backend_pid:
                return False  # a direct connection
            with closing(self.connect()) as second:
                return _server_process(second) == served_by

    def _prefer(self, host: str, port: str) -> None:
        """Try this server first from now on: another one may time out."""
        hosts, ports = (
            str(self._parameters.get(name) or "").split(",") for name in ("host", "port")
        )
        if len(hosts) == len(ports) > 1 and "hostaddr" not in self._parameters:
            servers = sorted(
                zip(hosts, ports, strict=True), key=lambda server: server != (host, port)
            )
            for name, values in zip(("host", "port"), zip(*servers, strict=True), strict=True):
                self._parameters[name] = ",".join(values)


def _server_process(connection: Connection) -> int:
    (number,) = connection.execute("SELECT pg_backend_pid()").fetchone() or (0,)
    return int(number)
