"""A connection to PostgreSQL: how a server is reached, and what is held true of its answers."""

from __future__ import annotations

import time
from collections.abc import Generator
from contextlib import closing, suppress
from copy import copy
from math import inf
from threading import Timer
from typing import Any, TypeVar

import psycopg
from psycopg.conninfo import make_conninfo
from psycopg.types.numeric import Int8Dumper
from psycopg.types.string import StrDumper

from boxis_gateway.errors import StoreError
from boxis_gateway.store.engines.base import Parameters
from boxis_gateway.store.engines.postgresql.dialect import ordered_parameters, to_postgresql
from boxis_gateway.store.engines.postgresql.url import parts_of

T = TypeVar("T")
TRY_AGAIN_SECONDS = 0.1  # after the server could not be reached
COMMIT_SECONDS = 3.0  # for the standbys that have to confirm a write, at least
DEFAULTS = {
    "application_name": "boxis-gateway",
    "client_encoding": "utf8",
    "connect_timeout": "3",
    "keepalives_idle": "10",
    "keepalives_interval": "3",
    "keepalives_count": "3",
    "tcp_user_timeout": "15000",  # milliseconds
}

PLAN_ONCE = """
    SELECT set_config('plan_cache_mode', 'force_generic_plan', false)
    WHERE NOT EXISTS (SELECT 1 FROM pg_extension WHERE extname = 'citus')
"""
"""A history without dates looks at each month's partition to plan it, which takes longer than to
walk it. Plans that are made once leave out the months before the dates as they begin. Citus has
to see the values, to know where to go."""


class TextDumper(StrDumper):
    """Dumper of `str` as the type `text`, so that the server never has to guess a type. U+FFFD
    stands for U+0000, which PostgreSQL's texts cannot hold and no SMS has."""

    def dump(self, obj: str) -> Any:
        """The text in UTF-8."""
        return super().dump(obj.replace("\0", "\ufffd"))


class Cursor(psycopg.RawCursor[Any]):
    """A cursor that takes the store's SQL."""

    def execute(self, query: Any, params: Parameters | None = None, **how: Any) -> Any:
        """Run a query of the store. Raises psycopg.Error."""
        sql, names = to_postgresql(query)
        return super().execute(
            sql, None if params is None else ordered_parameters(names, params), **how
        )


class ServerSilent(psycopg.OperationalError):
    """A server did not say anything for too long."""


class Connection(psycopg.Connection[Any]):
    """A connection as the store uses it. See StoreDatabase.silent_seconds."""

    silent_seconds = inf

    def __init__(self, *args: Any, **how: Any) -> None:
        super().__init__(*args, **how)
        self.cursor_factory = Cursor
        self._patience_seconds = COMMIT_SECONDS
        self._is_doubtful = False
        self.add_notice_handler(self._note)

    def prepare(self, lock_seconds: float) -> None:
        """Tell it how this store writes and reads."""
        self.adapters.register_dumper(str, TextDumper)
        self.adapters.register_dumper(int, Int8Dumper)
        self._patience_seconds = max(lock_seconds, COMMIT_SECONDS)
        milliseconds = max(1, int(lock_seconds * 1000))
        self.execute(f"SET lock_timeout = {milliseconds}; SET jit = off; {PLAN_ONCE}")

    def wait(self, gen: Generator[Any, Any, T], *how: Any, **named: Any) -> T:
        """See psycopg. Raises ServerSilent; a machine that is gone is noticed by other means."""
        if self.silent_seconds < inf:
            gen = self._watched(gen)
        found: T = super().wait(gen, *how, **named)
        return found

    def _watched(self, steps: Generator[Any, Any, T]) -> Generator[Any, Any, T]:
        """These steps, each of which is told whether the server said something."""
        end = time.monotonic() + self.silent_seconds
        try:
            wanted = next(steps)
            while True:
                is_ready = yield wanted
                if is_ready:
                    end = time.monotonic() + self.silent_seconds
                elif time.monotonic() > end:
                    self.close()
                    raise ServerSilent("the server is silent")
                wanted = steps.send(is_ready)
        except StopIteration as done:
            found: T = done.value
            return found

    def commit_surely(self) -> None:
        """End a transaction. Raises StoreError if its standbys may not have it, psycopg.Error."""
        self._is_doubtful = False
        watchman = Timer(self._patience_seconds, self._give_up)  # no timeout of the server's counts
        watchman.start()
        try:
            cursor = self.execute("COMMIT")
        finally:
            watchman.cancel()
        if cursor.statusmessage != "COMMIT":  # an error before that was passed over
            raise psycopg.errors.InFailedSqlTransaction("nothing was committed")
        if self._is_doubtful:
            raise StoreError(
                "What was written stands in one server alone: its standbys have not confirmed it, "
                "or a worker of Citus has not. Look after them, and do it again."
            )

    def _give_up(self) -> None:
        with suppress(psycopg.Error):
            self.cancel_safe(timeout=self._patience_seconds)

    def _note(self, said: Any) -> None:
        # PostgreSQL answers COMMIT as if all were well when the wait for its standbys is cancelled;
        # and Citus, when a worker dies that has promised to commit: it will later.
        self._is_doubtful |= said.severity_nonlocalized == "WARNING"


class ConnectionFactory:
    """The servers of a URL. Raises ConfigurationError for what is no URL."""

    def __init__(self, url: str) -> None:
        self._told: dict[str, Any] = {**DEFAULTS, **parts_of(url)}
        if "," in (self._told.get("host") or ""):
            self._told.setdefault("target_session_attrs", "read-write")
        self._again_at = 0.0
        self._problem = psycopg.OperationalError()

    @property
    def dbname(self) -> str:
        """The name of the database."""
        return str(self._told.get("dbname") or "")

    def connect(self) -> Connection:
        """A new connection. Of several servers, the one that takes writes is meant.

        Raises psycopg.OperationalError: after a failure at once for as long as that has taken, so
        that servers which are silent leave time for other work."""
        began = time.monotonic()
        if began < self._again_at:
            raise copy(self._problem)  # one that was raised before has a past of its own
        try:
            connection = Connection.connect(make_conninfo(**self._told), autocommit=True)
        except psycopg.OperationalError as problem:
            now = time.monotonic()
            self._again_at = now + max(TRY_AGAIN_SECONDS, now - began)
            self._problem = problem
            raise
        self._put_first(connection.info.host, str(connection.info.port))
        return connection

    def has_transaction_pooler(self) -> bool:
        """Whether two connections of ours were the same one of the server's, one after the other:
        so it is behind a pooler that has more of the former. Raises psycopg.Error."""
        with closing(self.connect()) as one:
            served_by = _server_process(one)
            if served_by == one.info.backend_pid:
                return False  # nobody is between
            with closing(self.connect()) as other:
                return _server_process(other) == served_by

    def _put_first(self, host: str, port: str) -> None:
        """Ask that one of several servers first from now on: another one may be silent for long."""
        hosts, ports = (str(self._told.get(name) or "").split(",") for name in ("host", "port"))
        if len(hosts) == len(ports) > 1 and "hostaddr" not in self._told:
            places = sorted(zip(hosts, ports, strict=True), key=lambda place: place != (host, port))
            for name, texts in zip(("host", "port"), zip(*places, strict=True), strict=True):
                self._told[name] = ",".join(texts)


def _server_process(connection: Connection) -> int:
    row = connection.execute("SELECT pg_backend_pid()").fetchone()
    return int(row[0]) if row else 0
