"""URLs of databases, taken apart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote

from boxis_gateway.errors import ImportFailed


@dataclass(frozen=True)
class DatabaseUrl:
    """Where a database is, and who asks. A port of 0 is the usual one, a host of "" this machine.
    `parameters` are for the driver: `sslmode`, `unix_socket` and the like."""

    scheme: str
    host: str
    port: int
    name: str
    user: str
    password: str = field(repr=False)
    parameters: Mapping[str, str]

    @classmethod
    def of(cls, url: str, user: str | None = None, password: str | None = None) -> DatabaseUrl:
        """`scheme://user:password@host:port/name?parameter=value`. What the URL says of user and
        password comes first. Raises ImportFailed."""
        scheme, _, rest = url.partition("://")
        credentials, _, place = rest.rpartition("@")  # a password may hold anything
        place, _, query = place.partition("?")
        where, _, name = place.partition("/")
        host, port = _host_and_port(where)
        if not name or port is None:
            raise ImportFailed(f"The address is not {scheme}://USER@HOST:PORT/DATABASE.")
        url_user, _, url_password = credentials.partition(":")
        return cls(
            scheme,
            host,
            port,
            unquote(name),
            unquote(url_user) or user or "",
            unquote(url_password) or password or "",
            dict(parse_qsl(query)),
        )

    def __str__(self) -> str:
        """Without user and password."""
        port = f":{self.port}" if self.port else ""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}{port}/{self.name}"


def _host_and_port(where: str) -> tuple[str, int | None]:
    """The port is 0 if none is given, None if it is no number."""
    host, colon, port = where.rpartition(":")
    if not colon or port.endswith("]"):  # an address of IPv6 without port
        host, port = where, ""
    number = int(port or 0) if port.isdecimal() or not port else None
    return unquote(host).strip("[]"), number
