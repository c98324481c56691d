"""Parser of database URLs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote

from boxis_gateway.errors import ImportFailed


@dataclass(frozen=True)
class DatabaseUrl:
    """Parsed database URL. Port 0 is the default port, host "" this machine; `parameters` are for
    the driver, such as `sslmode` or `unix_socket`."""

    scheme: str
    host: str
    port: int
    name: str
    user: str
    password: str = field(repr=False)
    parameters: Mapping[str, str]

    @classmethod
    def parse(cls, url: str, user: str | None = None, password: str | None = None) -> DatabaseUrl:
        """Parse `scheme://user:password@host:port/name?parameter=value`. User and password of the
        URL take precedence. Raises ImportFailed."""
        scheme, _, rest = url.partition("://")
        credentials, _, location = rest.rpartition("@")  # a password may contain any character
        location, _, query = location.partition("?")
        server, _, name = location.partition("/")
        host, port = _host_and_port(server)
        if not name or port is None:
            raise ImportFailed(f"The URL must be {scheme}://USER@HOST:PORT/DATABASE.")
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
        """URL without user, password and parameters."""
        port = f":{self.port}" if self.port else ""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}{port}/{self.name}"


def _host_and_port(server: str) -> tuple[str, int | None]:
    """Split into host and port; port 0 if there is none, None if it is no number."""
    host, colon, port = server.rpartition(":")
    if not colon or port.endswith("]"):  # an IPv6 address without port
        host, port = server, ""
    number = int(port or 0) if port.isdecimal() or not port else None
    return unquote(host).strip("[]"), number
