"""Databases behind a URL: PostgreSQL (psycopg), MySQL and MariaDB (pymysql).

The drivers are extras, loaded by use. The first line of what a driver says of a failure is passed
on, without the password.
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
    """The database at a URL; user name and password may be in the options. Raises ImportFailed,
    also from what is read inside."""
    address = DatabaseUrl.of(url, options.username, options.secret)
    extra, connect, quote = ("mysql", _mysql, "`")
    if address.scheme.startswith("postgres"):
        extra, connect, quote = ("postgresql", _postgresql, '"')
    try:
        connection, fetch = connect(address)
    except ModuleNotFoundError:
        raise ImportFailed(
            f"The driver for {extra} is not installed: pip install 'boxis-gateway[{extra}]'"
        ) from None
    except Exception as problem:  # the driver's own kinds, and those of sockets and TLS
        raise ImportFailed(
            f"{address} cannot be opened: {_reason(problem, address)}. Check the address, the "
            "user name and the password."
        ) from None
    with closing(connection):
        yield Database(_explained(fetch, address), quote=quote)


def _postgresql(address: DatabaseUrl) -> tuple[Any, Fetch]:
    import psycopg
    from psycopg.conninfo import make_conninfo

    given: dict[str, Any] = {
        "host": address.host,
        "port": address.port,
        "user": address.user,
        "password": address.password,
        "dbname": address.name,
        "connect_timeout": CONNECT_SECONDS,
        "client_encoding": "utf8",
        **address.parameters,
    }
    told = make_conninfo(**{name: value for name, value in given.items() if value})
    connection = psycopg.connect(told, autocommit=True)
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


def _explained(fetch: Fetch, address: DatabaseUrl) -> Fetch:
    def explained(sql: str, values: Values) -> list[Values]:
        try:
            return fetch(sql, values)
        except Exception as problem:  # see open_server
            raise ImportFailed(
                f"{address} cannot be read: {_reason(problem, address)}. What was read before is "
                "imported; the same again adds the rest."
            ) from None

    return explained


def _reason(problem: Exception, address: DatabaseUrl) -> str:
    said = str(problem.args[-1] if problem.args else type(problem).__name__)
    first = said.strip().partition("\n")[0].rstrip(".")
    return first.replace(address.password, "***") if address.password else first
