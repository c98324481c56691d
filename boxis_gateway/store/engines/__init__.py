"""Engines by the scheme of a store's URL. Add new ones to ENGINES."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from boxis_gateway.errors import ConfigurationError
from boxis_gateway.store.engines.base import Engine, StoreDatabase
from boxis_gateway.store.engines.replicas import ReadServers, Replica
from boxis_gateway.store.engines.sqlite.engine import SqliteEngine

SILENT_SECONDS = 10.0  # of a replica: longer silence counts as a frozen or overloaded server


class Replicas(NamedTuple):
    """URLs of a store's replicas, and how many seconds they may lag behind."""

    urls: Sequence[str] = ()
    lag_seconds: float = 5.0

    @classmethod
    def from_setting(cls, urls: str, lag_seconds: float) -> Replicas:
        """Replicas by the setting `replica_urls`: URLs separated by blanks, or "none"."""
        return cls([] if urls == "none" else urls.split(), lag_seconds)


NO_REPLICAS = Replicas()


def engine_for_url(url: str, lock_seconds: float) -> Engine:
    """The engine of a store's URL. Raises ConfigurationError."""
    scheme, colon, _ = url.partition("://")
    make_engine = ENGINES.get(scheme)
    if make_engine is None:
        raise ConfigurationError(
            "A store is sqlite:///PATH or postgresql://USER:PASSWORD@HOST/DATABASE; "
            f"{repr(scheme) if colon else 'what is no URL'} is not supported."
        )
    return make_engine(url, lock_seconds)


def _postgresql(url: str, lock_seconds: float) -> Engine:
    # Imported late: the driver is an extra, and slow to import.
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
    if any(isinstance(engine, SqliteEngine) for engine in engines):
        raise ConfigurationError("A SQLite file has no replicas; PostgreSQL servers have.")
    for engine in engines:
        engine.database.silent_seconds = SILENT_SECONDS
    servers = [Replica(engine.database, engine.name) for engine in engines]
    return ReadServers(primary, servers, replicas.lag_seconds)
