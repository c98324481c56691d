"""Database servers: PostgreSQL (psycopg), MySQL and MariaDB (pymysql).

The drivers are optional extras, imported on use. Errors pass on the first line of the driver's
message, without the password.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

from boxis_gateway.errors import ImportFailed
from boxis_gateway.importers.reading.lines import ReadOptions
from boxis_gateway.importers.reading.tables.database_url import DatabaseUrl
from boxis_gateway.importers.reading.tables.paging import Database, Values

CONNECT_SECONDS = 10
READ_SECONDS = 600  # for a page, from a table whose key has no index

Fetch = Callable[[str, Values], list[Values]]


@contextmanager
def open_server(url: str, options: ReadOptions) -> Iterator[Database]:
    """Open the database of a URL; the options may give user and password. Raises ImportFailed, also
    from queries inside the context."""
    address = DatabaseUrl.parse(url, options.username, options.secret)
    extra, connect, quote = ("mysql", _mysql, "`")
    if address.scheme.startswith("postgres"):
        extra, connect, quote = ("postgresql", _postgresql, '"')
    try:
        connection, fetch = connect(address)
    except ModuleNotFoundError:
        raise ImportFailed(
            f"The driver for {extra} is not installed: pip install 'boxis-gateway[{extra}]'"
        ) from None
    except Exception as problem:  # of the driver, a socket or TLS
        raise ImportFailed(
            f"{address} cannot be opened: {_reason(problem, address)}. Check the URL, the user "
            "name and the password."
        ) from None
    with closing(connection):
        yield Database(_translating_errors(fetch, address), quote=quote)


def _postgresql(address: DatabaseUrl) -> tuple[Any, Fetch]:
    import psycopg
    from psycopg.conninfo import make_conninfo

    settings: dict[str, Any] = {
        "host": address.host,
        "port": address.port,
        "user": address.user,
        "password": address.password,
        "dbname": address.name,
        "connect_timeout": CONNECT_SECONDS,
        "client_encoding": "utf8",
        **address.parameters,
    }
    conninfo = make_conninfo(**{name: value for name, value in settings.items() if value})
    connection = psycopg.connect(conninfo, autocommit=True)
    return connection, lambda sql, values: connection.execute(sql.encode(), values).fetchall()


def _mysql(address: DatabaseUrl) -> tuple[Any, Fetch]:
    import pymysql

    connection = pymysql.connect(
        host=address.host or "localhost",
        port=address.port or 3306,
        user=address.user or None,
        password=address.password,
        database=address.name,
        charset="utf8mb4",
        autocommit=True,
        connect_timeout=CONNECT_SECONDS,
        read_timeout=READ_SECONDS,
        **address.parameters,
    )

    def fetch(sql: str, values: Values) -> list[Values]:
        with connection.cursor() as cursor:
            cursor.execute(sql, values)
            return list(cursor.fetchall())

    return connection, fetch


def _translating_errors(fetch: Fetch, address: DatabaseUrl) -> Fetch:
    def translating(sql: str, values: Values) -> list[Values]:
        try:
            return fetch(sql, values)
        except Exception as problem:  # see open_server
            raise ImportFailed(
                f"{address} cannot be read: {_reason(problem, address)}. The rows before are "
                "imported. Import it again to add the rest."
            ) from None

    return translating


def _reason(problem: Exception, address: DatabaseUrl) -> str:
    message = str(problem.args[-1] if problem.args else type(problem).__name__)
    first = message.strip().partition("\n")[0].rstrip(".")
    return first.replace(address.password, "***") if address.password else first
