"""Which engine a URL names. To add one, put it into ENGINES."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from boxis_gateway.errors import ConfigurationError
from boxis_gateway.store.engines.base import Engine, StoreDatabase
from boxis_gateway.store.engines.replicas import ReadServers, Replica
from boxis_gateway.store.engines.sqlite.engine import SqliteEngine

SILENT_SECONDS = 10.0
"""Of a replica. It is frozen then, or has too much to do."""


class Replicas(NamedTuple):
    """URLs of servers that follow the store's, and how many seconds they may be behind."""

    urls: Sequence[str] = ()
    lag_seconds: float = 5.0

    @classmethod
    def named(cls, urls: str, lag_seconds: float) -> Replicas:
        """Of a setting: URLs with blanks between, or "none"."""
        return cls([] if urls == "none" else urls.split(), lag_seconds)


NO_REPLICAS = Replicas()


def engine_for_url(url: str, lock_seconds: float) -> Engine:
    """What keeps the store of that URL. Raises ConfigurationError."""
    scheme, colon, _ = url.partition("://")
    make = ENGINES.get(scheme)
    if make is None:
        raise ConfigurationError(
            "A store is sqlite:///PATH or postgresql://USER:PASSWORD@HOST/DATABASE; "
            f"{repr(scheme) if colon else 'what is no URL'} is not supported."
        )
    return make(url, lock_seconds)


def _postgresql(url: str, lock_seconds: float) -> Engine:
    """Its driver is an extra, and takes long to load."""
    try:
        from boxis_gateway.store.engines.postgresql.engine import PostgresqlEngine
    except ModuleNotFoundError:
        raise ConfigurationError(
            "The driver for PostgreSQL is not installed: pip install 'boxis-gateway[postgresql]'"
        ) from None
    return PostgresqlEngine(url, lock_seconds)


ENGINES: dict[str, Callable[[str, float], Engine]] = {
    "sqlite": SqliteEngine,
    "postgresql": _postgresql,
    "postgres": _postgresql,
}


def read_servers(primary: StoreDatabase, replicas: Replicas, lock_seconds: float) -> ReadServers:
    """The servers that a store is read from. Raises ConfigurationError."""
    engines = [engine_for_url(url, lock_seconds) for url in replicas.urls]
    if any(isinstance(one, SqliteEngine) for one in engines):
        raise ConfigurationError("A file of SQLite has no replicas; servers of PostgreSQL have.")
    for one in engines:
        one.database.silent_seconds = SILENT_SECONDS
    servers = [Replica(one.database, one.name) for one in engines]
    return ReadServers(primary, servers, replicas.lag_seconds)
