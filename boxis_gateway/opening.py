"""Opening of the store that the settings name, with its keys.

The only place that joins a store with its keys, so that every command takes the same ones.
"""

from __future__ import annotations

import os

from boxis_gateway.settings import KEYS_VARIABLE, Settings
from boxis_gateway.store import KeySource, Replicas, Store

SERVER_LOCK_SECONDS = 0.5  # a reading request that waits blocks its process; writes wait longer


def open_store(settings: Settings, url: str = "") -> Store:
    """Open the store with a command's timeouts; `url` names another one than the settings. Raises
    ConfigurationError."""
    return Store(url or settings.database_url, keys=key_source(settings))


def open_server_store(settings: Settings) -> Store:
    """Open the store with a server's timeouts and replicas. Raises ConfigurationError."""
    return Store(
        settings.database_url,
        SERVER_LOCK_SECONDS,
        keys=key_source(settings),
        replicas=Replicas.from_setting(settings.replica_urls, settings.replica_lag_seconds),
        stream_seconds=settings.answer_seconds,
    )


def key_source(settings: Settings) -> KeySource:
    """The keys of the environment and the file of the settings (docs/secrets.md)."""
    return KeySource(os.environ.get(KEYS_VARIABLE, ""), settings.secret_key_file)
