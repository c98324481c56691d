"""URLs of PostgreSQL, read by libpq; what is said of them has no password."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict

from boxis_gateway.errors import ConfigurationError


def parts_of(url: str) -> dict[str, Any]:
    """What a URL says, by libpq's names. Raises ConfigurationError."""
    try:
        told = conninfo_to_dict(url)
    except psycopg.Error as problem:
        raise _unusable(_without_words_of(url, str(problem))) from None
    if any("@" in str(told.get(name)) for name in ("host", "port", "dbname")):
        raise _unusable("it has more than one @, or a / before it")  # of a password, mostly
    return told


def name_of(url: str) -> str:
    """Server and database, without user and password. Raises ConfigurationError."""
    told = parts_of(url)
    hosts = str(told.get("host") or "").split(",")
    ports = str(told.get("port") or "").split(",")
    if len(ports) == 1:
        ports *= len(hosts)  # one port is for all
    places = (f"{host}:{port}".rstrip(":") for host, port in zip(hosts, ports, strict=False))
    return f"postgresql://{','.join(places)}/{told.get('dbname') or ''}"


def _without_words_of(url: str, said: str) -> str:
    """The first line of what libpq says, which quotes what it cannot read: a password, perhaps."""
    line = said.strip().partition("\n")[0]
    if line.startswith("invalid URI query parameter") and "password=" not in url:
        return line
    return line.partition(":")[0]


def _unusable(why: str) -> ConfigurationError:
    return ConfigurationError(
        f"The URL of the store cannot be used: {why}. It is postgresql://USER:PASSWORD@HOST:PORT/"
        "DATABASE; in USER and PASSWORD write % as %25, / as %2F, : as %3A and @ as %40."
    )
