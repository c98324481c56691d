"""Limit of open files of a process, and the connections for which it suffices."""

from __future__ import annotations

import logging
import resource
from dataclasses import replace

from boxis_gateway.errors import ConfigurationError
from boxis_gateway.settings import Settings

SPARE_DESCRIPTORS = 128  # the store, its journal, logs, counters, modules that load late
STREAM_DESCRIPTORS = 3  # files of a store's snapshot, beside the client's socket

log = logging.getLogger(__name__)


def fit_connections(settings: Settings) -> Settings:
    """Raise the soft limit of this process and its forks. Returns the settings with the
    `max_connections` for which the hard limit suffices, and logs if they are fewer. Raises
    ConfigurationError if ten are too many."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    reserved = SPARE_DESCRIPTORS + STREAM_DESCRIPTORS * settings.max_process_streams
    wanted = settings.max_connections + reserved
    limit = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < limit:
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
    if limit == wanted:
        return settings
    return replace(settings, max_connections=_fewer_connections(settings, hard, limit - reserved))


def _fewer_connections(settings: Settings, hard: int, connections: int) -> int:
    needs = f"max_connections={settings.max_connections} needs more than {hard} open files"
    if connections < 10:
        raise ConfigurationError(f"{needs}, and so would ten connections. Raise 'ulimit -Hn'.")
    log.warning(
        "%s: a process accepts %d connections. Raise 'ulimit -Hn' or LimitNOFILE, or lower "
        "BOXIS_GATEWAY_MAX_CONNECTIONS.",
        needs,
        connections,
    )
    return connections
