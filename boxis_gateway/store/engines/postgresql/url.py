"""URLs of PostgreSQL stores; texts about them have no password."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict

from boxis_gateway.errors import ConfigurationError


def connection_parameters(url: str) -> dict[str, Any]:
    """The URL's parameters by libpq's keywords. Raises ConfigurationError."""
    try:
        parameters = conninfo_to_dict(url)
    except psycopg.Error as error:
        raise _unusable(_without_quotes(url, str(error))) from None
    if any("@" in str(parameters.get(name)) for name in ("host", "port", "dbname")):
        raise _unusable("it has more than one @, or a / before it")  # mostly in a password
    return parameters


def display_name(url: str) -> str:
    """Server and database, without user and password. Raises ConfigurationError."""
    parameters = connection_parameters(url)
    hosts = str(parameters.get("host") or "").split(",")
    ports = str(parameters.get("port") or "").split(",")
    if len(ports) == 1:
        ports *= len(hosts)  # libpq takes one port for all hosts
    servers = (f"{host}:{port}".rstrip(":") for host, port in zip(hosts, ports, strict=False))
    return f"postgresql://{','.join(servers)}/{parameters.get('dbname') or ''}"


def _without_quotes(url: str, message: str) -> str:
    """The first line of libpq's message, which quotes what it cannot parse: maybe a password."""
    line = message.strip().partition("\n")[0]
    if line.startswith("invalid URI query parameter") and "password=" not in url:
        return line
    return line.partition(":")[0]


def _unusable(reason: str) -> ConfigurationError:
    return ConfigurationError(
        f"The URL of the store cannot be used: {reason}. It is postgresql://USER:PASSWORD@HOST:"
        "PORT/DATABASE; in USER and PASSWORD write % as %25, / as %2F, : as %3A and @ as %40."
    )
